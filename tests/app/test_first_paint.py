"""The page that Streamlit serves, dressed; and everything else, left alone."""

from __future__ import annotations

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from app.first_paint import FirstPaint

PAGE = "<html><head><title>T</title></head><body><div id='root'></div></body></html>"
HTML = {"accept": "text/html,*/*", "accept-encoding": "gzip"}


def page(_: Request) -> Response:
    return HTMLResponse(PAGE + " " * 2000, headers={"etag": "old"})


def text(_: Request) -> Response:
    return PlainTextResponse("</head></body>")


INNER = Starlette(
    routes=[Route("/", page), Route("/text", text)], middleware=[Middleware(GZipMiddleware, minimum_size=10)]
)


def ask(path: str, accept: str) -> tuple[dict[str, str], bytes]:
    """Headers and body that a browser which takes gzip gets."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"accept", accept.encode()), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    with ThreadPoolExecutor(1) as alone:  # a browser test before this one leaves a loop in the main thread
        alone.submit(asyncio.run, FirstPaint(INNER)(scope, receive, send)).result()
    body = b"".join(message.get("body", b"") for message in sent)
    return {k.decode(): v.decode() for k, v in sent[0]["headers"]}, body


def test_a_page_comes_with_its_styles_after_all_others_and_with_what_hides_it() -> None:
    headers, body = ask("/", "text/html,*/*")
    dressed = body.decode()
    assert int(headers["content-length"]) == len(body)
    assert "etag" not in headers  # of the page before it was dressed
    assert dressed.index("</style></body>") > dressed.index("<div id='root'>")
    assert "fedrot-opening" in dressed.split("</head>")[0]
    assert ".stMainBlockContainer" in dressed
    assert "A page without bars" not in dressed  # that is for a page in a room only


def test_what_is_no_page_passes_as_it_is() -> None:
    assert ask("/text", "text/html,*/*")[1] == b"</head></body>"
    headers, body = ask("/", "*/*")
    assert headers["etag"] == "old"
    assert gzip.decompress(body).decode().startswith(PAGE)

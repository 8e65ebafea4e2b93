"""Headers of pages and of everything else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from app.first_paint import FirstPaint
from app.policy import EMBEDDED_BY, Policy, embedders

SCRIPT = "go = 1"


def page(_: Request) -> Response:
    return HTMLResponse(f"<html><head><script>{SCRIPT}</script></head><body></body></html>")


def text(_: Request) -> Response:
    return PlainTextResponse("a file")


def served() -> Starlette:
    """A page and a file behind our middleware."""
    routes = [Route("/", page), Route("/file", text)]
    return Starlette(routes=routes, middleware=[Middleware(Policy), Middleware(FirstPaint)])


def ask(path: str, host: str = "lab.example.edu") -> tuple[dict[str, str], str]:
    """Headers and body of an answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"accept", b"text/html"), (b"host", host.encode())]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    with ThreadPoolExecutor(1) as alone:  # a browser test before this one leaves a loop in the main thread
        alone.submit(asyncio.run, served()(scope, receive, send)).result()
    body = b"".join(message.get("body", b"") for message in sent).decode()
    return {k.decode(): v.decode() for k, v in sent[0]["headers"]}, body


def rules(headers: dict[str, str]) -> dict[str, list[str]]:
    """Directive -> its sources."""
    return {name: sources for name, *sources in map(str.split, headers["content-security-policy"].split(";"))}


def test_a_page_runs_its_own_inline_scripts_and_no_other() -> None:
    headers, body = ask("/")
    inline = re.findall(r"<script>(.*?)</script>", body, re.DOTALL)
    assert inline[0] == SCRIPT
    assert len(inline) == 2  # and ours, which hides the page
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    assert rules(headers)["script-src"] == ["'self'", "blob:", *(f"'sha256-{digest}'" for digest in digests)]


def test_a_page_talks_to_its_own_host_only() -> None:
    wanted = ["'self'", "ws://lab.example.edu:8443", "wss://lab.example.edu:8443"]
    assert rules(ask("/", "lab.example.edu:8443")[0])["connect-src"] == wanted


@pytest.mark.parametrize("host", ["evil.example; script-src *", "a b", "a, default-src *", ""])
def test_a_host_that_is_none_adds_nothing(host: str) -> None:
    assert rules(ask("/", host)[0])["connect-src"] == ["'self'"]


def test_what_is_no_page_may_load_nothing() -> None:
    headers, body = ask("/file")
    assert body == "a file"
    assert rules(headers) == {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}
    assert headers["x-content-type-options"] == "nosniff"


def test_only_named_origins_may_embed_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules(ask("/")[0])["frame-ancestors"] == ["'self'"]
    monkeypatch.setenv(EMBEDDED_BY, "https://moodle.example.edu")
    assert rules(ask("/")[0])["frame-ancestors"] == ["'self'", "https://moodle.example.edu"]


@pytest.mark.parametrize(
    "named", ["*", "moodle.example.edu", "https://a.edu;script-src", "https://a.edu/path", "javascript:"]
)
def test_what_is_no_origin_is_refused_in_words(named: str) -> None:
    with pytest.raises(ValueError, match="takes origins such as"):
        embedders(named)

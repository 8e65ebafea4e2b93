"""Style sheets, plotly.js and what waits for them come with the first answer, so that nothing on the screen moves."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.bundles import file_name
from app.policy import CSP, page_policy

WIDGETS = Path(__file__).with_name("widgets")
SHEETS = WIDGETS / "sheets"
WHOLE_ANSWER = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
"""Headers by which a browser asks for less than the page as it is."""


def dressed(page: bytes) -> bytes:
    """Streamlit's page with all style sheets, after its own so that they win, and shown only once it is built."""
    sheets = "\n".join(path.read_text(encoding="utf-8") for path in sorted(SHEETS.glob("*.css")))
    script = (WIDGETS / "scripts" / "opening.js").read_text(encoding="utf-8")
    early = (
        '<link rel="preload" as="script" href="./vendor/plotly.min.js" />'
        f'<link rel="modulepreload" href="./scripts/{file_name("live_figure")}" />'
    )
    page = page.replace(b"</head>", f"{early}<script>\n{script}</script></head>".encode(), 1)
    return page.replace(b"</body>", f"<style>\n{sheets}</style></body>".encode(), 1)


class FirstPaint:
    """Middleware that dresses every HTML page; everything else passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        headers = scope.get("headers", [])
        if scope["type"] != "http" or not any(k == b"accept" and b"text/html" in v for k, v in headers):
            await self.app(scope, receive, send)
            return
        asked = {**scope, "headers": [(k, v) for k, v in headers if k not in WHOLE_ANSWER]}
        start: Message | None = None
        body = b""

        async def answer(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                kinds = [v for k, v in message["headers"] if k == b"content-type"]
                if any(kind.startswith(b"text/html") for kind in kinds):
                    start = message
                    return
            elif start is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body", False):
                    return
                page = dressed(body)
                kept = [(k, v) for k, v in start["headers"] if k not in (b"content-length", b"etag", b"last-modified")]
                own = [(b"content-length", str(len(page)).encode()), (CSP, page_policy(page, headers))]
                await send({**start, "headers": [*kept, *own]})
                await send({"type": "http.response.body", "body": page})
                return
            await send(message)

        await self.app(asked, receive, answer)

"""What a browser may do with our answers: headers that keep every page to its own origin.

The policy of a page is as strict as Streamlit, plotly.js and our own elements allow. What is loose, and why:

- ``script-src`` names the page's inline scripts by their hashes, so no other one runs. It has ``blob:`` because
  Streamlit hands the script of an element (``st.components.v2``) to the browser as one. It has no ``'unsafe-eval'``.
- ``style-src`` has ``'unsafe-inline'``: Streamlit's Emotion, plotly.js and our sheets write styles into the page.
- ``img-src`` has ``data:`` and ``blob:``: plotly.js draws a picture of a figure by way of them.
- ``font-src`` has ``data:``: Streamlit's style sheet holds a small font for formulas.
- ``connect-src`` names the WebSocket beside ``'self'``, which does not cover it in older browsers.

Anything that is not a page (scripts, downloads, JSON) may load nothing at all, should somebody open it as a page.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

EMBEDDED_BY = "FEDROT_EMBEDDED_BY"
"""Name of the environment variable with the origins whose pages may show ours in a frame, say a learning platform's."""

ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")
HOST = re.compile(rb"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9a-fA-F:]+\](:[0-9]+)?")
INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
CSP = b"content-security-policy"
UNUSED = (
    *("accelerometer", "autoplay", "camera", "clipboard-read", "display-capture", "geolocation", "gyroscope", "hid"),
    *(
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "publickey-credentials-get",
        "screen-wake-lock",
        "serial",
        "usb",
    ),
)
"""What a browser could do for a page, and no page of ours asks for."""

EVERYWHERE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"permissions-policy",
        ", ".join(["clipboard-write=(self)", "fullscreen=(self)", *(f"{name}=()" for name in UNUSED)]).encode(),
    ),
)
"""Headers of every answer."""


def embedders(named: str) -> list[str]:
    """The origins that a text names, set apart by spaces.

    >>> embedders("https://moodle.example.edu https://lms.example.org:8443")
    ['https://moodle.example.edu', 'https://lms.example.org:8443']

    Raises:
        ValueError: if something in it is not an origin.
    """
    for origin in named.split():
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{EMBEDDED_BY} takes origins such as https://moodle.example.edu, not {origin!r}.")
    return named.split()


def page_policy(page: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The policy of an HTML page as it is sent, in answer to a request with these headers."""
    scripts = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in INLINE.findall(page)]
    hosts = [value.decode() for name, value in headers if name == b"host" and HOST.fullmatch(value)]
    rules = {
        "default-src": ["'self'"],
        "script-src": ["'self'", "blob:", *(f"'sha256-{digest}'" for digest in scripts)],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'", *(f"{scheme}://{host}" for host in hosts for scheme in ("ws", "wss"))],
        "frame-src": ["'none'"],
        "worker-src": ["'none'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": frame_ancestors(),
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in rules.items()).encode()


def frame_ancestors() -> list[str]:
    """Whose pages may show ours in a frame: our own, and those that were named when the server started."""
    return ["'self'", *embedders(os.environ.get(EMBEDDED_BY, ""))]


class Policy:
    """Middleware that adds these headers to every answer. A page comes with its own policy, which stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *EVERYWHERE]
                if not any(name == CSP for name, _ in headers):
                    headers.append((CSP, b"default-src 'none'; frame-ancestors 'none'"))
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, answer if scope["type"] == "http" else send)

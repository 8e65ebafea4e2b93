"""Entry of ``streamlit run app``: serves ``main.py`` and, beside it, plotly.js and the scripts of our own elements."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from app.bundles import by_file  # noqa: E402
from app.first_paint import FirstPaint  # noqa: E402
from app.jobs.background import end  # noqa: E402
from app.policy import Policy, frame_ancestors  # noqa: E402
from app.warm import warm  # noqa: E402

frame_ancestors()  # a fault in what was named ends the start, in words
warm()


async def script(request: Request) -> Response:
    """A script of one of our own elements."""
    text = by_file(request.path_params["file"])
    if text is None:
        return PlainTextResponse("There is no such script. Reload the page.", 404)
    for_ever = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(text, media_type="text/javascript", headers=for_ever)


@contextlib.asynccontextmanager
async def life(_: st.App) -> AsyncIterator[None]:
    """Of the server: what works in the background ends with it."""
    yield
    await asyncio.to_thread(end)


base = str(st.get_option("server.baseUrlPath")).strip("/")
root = f"/{base}" if base else ""
app = st.App(
    Path(__file__).with_name("main.py"),
    lifespan=life,
    routes=[
        Mount(f"{root}/vendor", StaticFiles(directory=Path(plotly.__file__).parent / "package_data")),
        Route(f"{root}/scripts/{{file}}", script),
    ],
    middleware=[Middleware(Policy), Middleware(FirstPaint)],
)

"""Entry of ``streamlit run app``: serves ``main.py`` and, beside it, Plotly's own plotly.js for the live figures."""

import sys
from pathlib import Path

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from app.first_paint import FirstPaint  # noqa: E402
from app.policy import Policy, frame_ancestors  # noqa: E402

frame_ancestors()  # a fault in what was named ends the start, in words

base = str(st.get_option("server.baseUrlPath")).strip("/")
app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[
        Mount(
            f"/{base}/vendor" if base else "/vendor",
            StaticFiles(directory=Path(plotly.__file__).parent / "package_data"),
        )
    ],
    middleware=[Middleware(Policy), Middleware(FirstPaint)],
)

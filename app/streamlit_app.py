"""Entry of ``streamlit run app``: serves ``main.py`` and, beside it, Plotly's own plotly.js for the live figures."""

from pathlib import Path

import plotly
import streamlit as st
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

base = str(st.get_option("server.baseUrlPath")).strip("/")
app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[
        Mount(
            f"/{base}/vendor" if base else "/vendor",
            StaticFiles(directory=Path(plotly.__file__).parent / "package_data"),
        )
    ],
)

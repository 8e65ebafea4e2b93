"""Pages run with the options that ``streamlit run app`` finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit import config

from tests import ROOT

ENTRY = ROOT / "app" / "streamlit_app.py"


@pytest.fixture(autouse=True, scope="session")
def one_worker() -> Iterator[None]:
    """One worker process is enough for pages that are driven one at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDROT_PROCESSES", "1")
        yield


@pytest.fixture(autouse=True, scope="package")
def as_started() -> Iterator[None]:
    """The app's own config.toml, which lies beside its entry."""
    before, config._main_script_path = config._main_script_path, str(ENTRY)
    config.get_config_options(force_reparse=True)
    yield
    config._main_script_path = before
    config.get_config_options(force_reparse=True)

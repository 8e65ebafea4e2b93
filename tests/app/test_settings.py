"""What the app's config.toml must hold for the pages to stay up, wherever the app is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import populate_hash_if_needed


@pytest.fixture(autouse=True)
def started_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder that is not the project's."""
    monkeypatch.chdir(tmp_path)
    config.get_config_options(force_reparse=True)


def test_no_message_is_sent_as_a_reference_that_could_outlive_its_fragment() -> None:
    figure = ForwardMsg()
    figure.delta.fragment_id = "stage"
    figure.delta.new_element.html.body = "x" * 5_000_000
    populate_hash_if_needed(figure)
    assert not figure.metadata.cacheable


def test_it_listens_on_loopback_tells_nobody_and_shows_no_traceback() -> None:
    assert config.get_option("server.address") == "127.0.0.1"
    assert config.get_option("browser.gatherUsageStats") is False
    assert config.get_option("client.showErrorDetails") == "none"
    assert config.get_option("theme.light.primaryColor") == "#0072B2"

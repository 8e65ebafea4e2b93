"""What .streamlit/config.toml must hold for the pages to stay up."""

from __future__ import annotations

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import populate_hash_if_needed


def test_no_message_is_sent_as_a_reference_that_could_outlive_its_fragment() -> None:
    figure = ForwardMsg()
    figure.delta.fragment_id = "stage"
    figure.delta.new_element.html.body = "x" * 5_000_000
    populate_hash_if_needed(figure)
    assert not figure.metadata.cacheable

"""What each method does, beside the controls that choose between them."""

from __future__ import annotations

import html
from collections.abc import Iterable

import streamlit as st

from fedrot_core.methods import METHODS


def method_list(names: Iterable[str]) -> None:
    """A button that opens the list of the methods called ``names``, in this order: idea, what trains, what travels."""
    with st.popover("What each method does", icon=":material/menu_book:", width="stretch"):
        st.html(f'<dl class="fedrot-methods">{"".join(map(_entry, names))}</dl>')


def _entry(name: str) -> str:
    method = METHODS[name]
    facts = [f"trains {method.trained}", f"sends {method.sends}", *(["exact"] if method.exact else []), method.paper]
    return (
        f"<dt>{html.escape(method.card.label)}</dt>"
        f"<dd>{html.escape(method.idea)} <small>{html.escape(' · '.join(facts))}</small></dd>"
    )

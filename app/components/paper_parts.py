"""Parts of the paper card: head and link, what the two sides say, and what differs between them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import link
from app.share import settings_from
from app.text import plain
from fedrot_core.errors import ConfigError
from fedrot_core.study import paper, replica
from fedrot_core.study.replica import PaperCard, Plan

FRAMES = {"trained": "As trained, as in the paper", "svd": "Re-factorised by SVD"}


def read_link(query: Mapping[str, str]) -> tuple[dict[str, Any], int, list[str]]:
    """Settings, number of seeds, and a sentence for each value of the link that could not be used."""
    settings, problems = settings_from(query, replica.SETTINGS)
    seeds = replica.SEEDS
    for key, text in query.items():
        if key == "seeds" and text.isdecimal() and 1 <= int(text) <= replica.MOST_SEEDS:
            seeds = int(text)
        elif key == "seeds":
            problems.append(
                f"seeds must be in 1..{replica.MOST_SEEDS}; the link's {text!r} was replaced by {replica.SEEDS}."
            )
        elif key not in replica.SETTINGS:
            problems.append(f"The link's {key}={text!r} is not a setting of this page and was ignored.")
    try:
        replica.plan(settings, seeds)
    except ConfigError as error:
        problems.append(f"{error} All settings of the link were replaced by the defaults.")
        settings = {}
    return settings, seeds, problems


def follow_link() -> None:
    """Take settings and seeds from the URL when it was opened or walked back to, and make it say what is shown."""
    query = link.opened("paper_settings" in st.session_state)
    if query is not None:
        settings, seeds, problems = read_link(query)
        st.session_state.update(paper_settings=settings, paper_seeds=seeds, paper_problems=problems)
    settings, seeds = st.session_state["paper_settings"], st.session_state["paper_seeds"]
    shown = {key: f"{value:g}" if isinstance(value, float) else str(value) for key, value in settings.items()}
    link.show(shown if seeds == replica.SEEDS else {**shown, "seeds": str(seeds)})


def head() -> Plan:
    """Title, the choice of frames, and the runs that the link asks for."""
    settings, seeds = st.session_state["paper_settings"], st.session_state["paper_seeds"]

    def take(chosen: str) -> None:
        now = {key: value for key, value in settings.items() if key != "frames"}
        st.session_state["paper_settings"] = now if chosen == "trained" else {**now, "frames": chosen}

    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="head"):
        st.html('<h1 class="fedrot-name">Paper card: the paper\'s numbers beside ours</h1>')
        frames = settings.get("frames", "trained")
        link.give("paper_frames", frames)
        options = list(FRAMES) if frames in FRAMES else [*FRAMES, frames]
        st.segmented_control(
            "How our clients' factors reach the server", options, key="paper_frames", required=True,
            format_func=lambda name: FRAMES.get(name, name), on_change=link.wish("paper_frames", take),
            label_visibility="collapsed",
        )  # fmt: skip
    for problem in st.session_state["paper_problems"]:
        st.warning(plain(problem))
    return replica.plan(settings, seeds)


def lead(card: PaperCard) -> None:
    """What both sides say, in current numbers, and how far that may be read."""
    headline, elsewhere = html.escape(card.headline), html.escape(card.elsewhere)
    st.html(f'<p class="fedrot-look" role="status"><b>{headline}</b> {elsewhere}</p>')
    st.caption(f"Left the paper, right ours. {card.note}")


def differences(card: PaperCard) -> None:
    """A plain table of what differs."""
    rows = "".join(
        f"<tr><td>{html.escape(what)}</td><td>{html.escape(theirs)}</td><td>{html.escape(ours)}</td></tr>"
        for what, theirs, ours in card.differences
    )
    st.html(
        '<h2 class="fedrot-name">What differs</h2><table class="fedrot-evidence wide"><thead><tr>'
        f'<th scope="col"></th><th scope="col">Paper ({paper.SOURCE})</th><th scope="col">Here</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )

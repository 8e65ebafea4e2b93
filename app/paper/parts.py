"""Parts of the paper card: head and link, what the two sides say, and what differs between them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app.session import link
from app.session.link import Link
from app.session.query import settings_from
from fedrot_core.errors import ConfigError
from fedrot_core.study import paper, replica
from fedrot_core.study.replica import PaperCard

FRAMES = {"trained": "As trained, as in the paper", "svd": "Re-factorised by SVD"}


@dataclass(frozen=True)
class Place:
    """What the card shows: changes of the paper's settings, by URL key, and on how many seeds."""

    settings: Mapping[str, Any]
    seeds: int


def read_link(query: Mapping[str, str]) -> tuple[Place, list[str]]:
    """The place of a link, and a sentence for each value that could not be used."""
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
            problems.append(link.unknown(key, text))
    try:
        replica.plan(settings, seeds)
    except ConfigError as error:
        problems.append(f"{error} All settings of the link were replaced by the defaults.")
        settings = {}
    return Place(settings, seeds), problems


def _write(place: Place) -> dict[str, str]:
    shown = {key: f"{v:.10g}" if isinstance(v, float) else str(v) for key, v in place.settings.items()}
    return shown if place.seeds == replica.SEEDS else {**shown, "seeds": str(place.seeds)}


LINK: Link[Place] = Link("paper", read_link, _write)


def frames_choice() -> None:
    """How our clients' factors reach the server."""
    place = LINK.place

    def take(chosen: str) -> None:
        now = {key: value for key, value in place.settings.items() if key != "frames"}
        LINK.go(replace(place, settings=now if chosen == "trained" else {**now, "frames": chosen}))

    frames = place.settings.get("frames", "trained")
    link.give("paper_frames", frames)
    options = list(FRAMES) if frames in FRAMES else [*FRAMES, frames]
    st.segmented_control(
        "How our clients' factors reach the server", options, key="paper_frames", required=True,
        format_func=lambda name: FRAMES.get(name, name), on_change=link.wish("paper_frames", take),
        label_visibility="collapsed",
    )  # fmt: skip


def lead(card: PaperCard) -> None:
    """What both sides say, in current numbers, and how far that may be read."""
    headline, elsewhere = html.escape(card.headline), html.escape(card.elsewhere)
    st.html(f'<p class="fedrot-look" role="status"><b>{headline}</b> {elsewhere}</p>')
    st.caption(f"In each pair the paper's figure comes first. {card.note}")


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

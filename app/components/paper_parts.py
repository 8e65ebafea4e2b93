"""Parts of the paper card: head and link, what the two sides say, and what differs between them."""

from __future__ import annotations

import html

import streamlit as st

from app import link, replica
from app.text import plain
from fedrot_core import paper
from fedrot_core.figures.paper import gaps, signed

FRAMES = {"trained": "As trained, as in the paper", "svd": "Re-factorised by SVD"}


def follow_link() -> None:
    """Take settings and seeds from the URL when it was opened or walked back to, and make it say what is shown."""
    query = link.opened("paper_settings" in st.session_state)
    if query is not None:
        settings, seeds, problems = replica.read_link(query)
        st.session_state.update(paper_settings=settings, paper_seeds=seeds, paper_problems=problems)
    settings, seeds = st.session_state["paper_settings"], st.session_state["paper_seeds"]
    shown = {key: f"{value:g}" if isinstance(value, float) else str(value) for key, value in settings.items()}
    link.show(shown if seeds == replica.SEEDS else {**shown, "seeds": str(seeds)})


def head() -> replica.Replica:
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
    return replica.replica(settings, seeds)


def lead(runs: replica.Replica, found: replica.Found) -> None:
    """What both sides say, in current numbers, and how far that may be read."""
    theirs = gaps(replica.paper_lines(paper.ACCURACY), "fedrot", "fedit")
    ours = gaps(replica.our_lines(runs.clients, found, ("fedit", "fedrot")), "fedrot", "fedit")
    here = ", ".join(signed(g) for g in ours) or "not yet known"
    other = paper.REPLICATION
    st.html(
        f'<p class="fedrot-look" role="status"><b>FedRot-LoRA minus FedIT at {_listed(paper.CLIENTS)} clients: '
        f"{', '.join(signed(g) for g in theirs)} points in the paper, {here}{' points' if ours else ''} here.</b> "
        f"An independent replication on a model of 1B parameters with 5 clients found {100 * other['fedrot']:.1f} "
        f"against {100 * other['fedit']:.1f}: the size of the effect depends on the setting.</p>"
    )
    st.caption(
        f"Left: numbers of {paper.SOURCE} ({paper.ACCURACY_TASKS} by clients; MNLI and QQP by λ, read off a plot; MNLI "
        f"by rank). Right: ours, mean of {len(runs.clients[0])} seeds, bars from lowest to highest; the runs "
        f"over λ and rank have {replica.MIDDLE} clients. Two models, two data sets: each figure has its own axis. "
        "Figures of a pair span equally many points, so equal slopes are equal gains; levels must not be compared. "
        "Nothing here says more than these runs measured."
    )


def _listed(numbers: tuple[int, ...]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def differences(runs: replica.Replica) -> None:
    """A plain table of what differs."""
    rows = "".join(
        f"<tr><td>{html.escape(what)}</td><td>{html.escape(theirs)}</td><td>{html.escape(ours)}</td></tr>"
        for what, theirs, ours in replica.differences(runs)
    )
    st.html(
        '<h2 class="fedrot-name">What differs</h2><table class="fedrot-evidence wide"><thead><tr>'
        f'<th scope="col"></th><th scope="col">Paper ({paper.SOURCE})</th><th scope="col">Here</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )

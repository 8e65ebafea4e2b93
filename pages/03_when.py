"""When does alignment matter, and when does it hurt? A map of settings around the session's config."""

from pathlib import Path

import streamlit as st

from app import link, state
from app.components.sweep_progress import POLL_SECONDS, begun, held, progress, running, start
from app.components.when_grid import FRAMES, choices, counterexamples, map_card, open_asked, open_one
from app.grid import around, finding_of, grid_of, rank_one, search_of


def stage() -> None:
    """All that follows the sweeps; redrawn alone while they run."""
    open_asked()
    mapped, searched = held("grid", grid.configs), begun("search", further)
    findings = [finding_of(s, mapped.result(s.config), now.aligned) for s in grid.settings]
    map_card(grid, findings, now.aligned, base)
    progress("grid", mapped, "settings")
    open_one(findings, score)
    st.caption(
        f"Colour and first line: naive over aligned aggregation error, each arm's own on its own clients' factors, all "
        f"layers pooled, in round {rounds - 1} (the last). Second line: {score} of the aligned arm minus the naive "
        f"one, in points. One seed ({base.seed}): a difference of a point or two may flip with another. "
        f"Click a cell to open its run. {rank_one(base, now.grid, now.aligned)}"
    )
    st.subheader("Where alignment helps least, or hurts", anchor="counterexamples")
    if mapped.running:
        st.caption("Listed once the map is complete.")
    else:
        if searched is None:
            st.button(
                f"Search {len(search)} further settings for counterexamples", icon=":material/search:", key="search",
                on_click=start, args=("search", further),
                help=f"Around the config ({FRAMES.choices[base.frames.kind]}): {'; '.join(s.name for s in search)}",
            )  # fmt: skip
        else:
            progress("search", searched, "settings")
            findings += [finding_of(s, searched.result(s.config), now.aligned) for s in search]
        counterexamples(findings, score)
    if running(mapped, searched) != moving:
        st.rerun()


state.open_link()
link.show(state.query())
st.html(Path(__file__).parents[1] / "app" / "style.css")
st.html('<h1 class="fedrot-name">When does alignment matter, and when does it hurt?</h1>')
for problem in st.session_state["problems"]:
    st.warning(problem)
choices()
base, now = state.config(), state.selection()
grid, search = grid_of(base, now.grid, now.aligned, now.depth), search_of(base, now.aligned, now.depth)
score, rounds = base.task.score, grid.settings[0].config.train.rounds
st.caption(around(base, rounds))
further = tuple(s.config for s in search)
moving = running(held("grid", grid.configs), begun("search", further))
st.fragment(stage, run_every=POLL_SECONDS if moving else None)()

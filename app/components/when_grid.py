"""The parts of the page "When does alignment matter?": choices, map, and links into the lab."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from app import link, state
from app.components.live_figure import ask_table, chart, table_wanted
from app.grid import ALIGNED, TIE_POINTS, Finding, Grid, headline, label, rounds_of, verdict, worst
from app.share import to_query
from app.terms import theme_mode
from app.text import plain
from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig, leaves
from fedrot_core.export.figures import Footer
from fedrot_core.figures.when import EQUAL, when_map

LAB = "../pages/01_lab.py"
LISTED = 5
"""How many settings each list of counterexamples names."""

FRAMES = next(leaf.option for leaf in leaves() if leaf.option.key == "frames")


def choices() -> None:
    """Rows of the map, frames, aligned method, and how many rounds; all of them live in the link."""
    base, now = state.config(), state.selection()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="when_choices"):
        _segments("Rows of the map", "grid", {"rank": "rank r", "theta": "turn θ"}, now.grid)

        turned = now.grid == "theta"
        link.give("when_frames", "turned" if turned else base.frames.kind)
        st.selectbox(
            FRAMES.label, list(FRAMES.choices), format_func=lambda kind: FRAMES.choices[kind], key="when_frames",
            on_change=link.wish("when_frames", lambda kind: state.change_config({"frames": kind})),
            disabled=turned, help=FRAMES.help, width=250,
        )  # fmt: skip
        _menu("Aligned method", "aligned", {name: label(name) for name in ALIGNED}, now.aligned)
        quick, full = rounds_of(base, "quick"), rounds_of(base, "full")
        if quick < full:
            _segments("Rounds", "depth", {"quick": f"{quick} (quick)", "full": f"{full} (as in the lab)"}, now.depth)


def _segments(text: str, name: str, labels: Mapping[str, str], value: str) -> None:
    key = f"when_{name}"
    link.give(key, value)
    st.segmented_control(
        text, list(labels), format_func=lambda option: labels[option], key=key, required=True,
        on_change=link.wish(key, lambda chosen: state.select(**{name: chosen})),
    )  # fmt: skip


def _menu(text: str, name: str, labels: Mapping[str, str], value: str) -> None:
    key = f"when_{name}"
    link.give(key, value)
    st.selectbox(
        text, list(labels), format_func=lambda option: labels[option], key=key, width=250,
        on_change=link.wish(key, lambda chosen: state.select(**{name: chosen})),
    )  # fmt: skip


def lab_query(config: FederationConfig) -> dict[str, str]:
    """The link that shows ``config`` in the lab, from its newest round."""
    return to_query(config, replace(state.selection(), round_index=None, arm=None, client=0))


def open_asked() -> None:
    """Go to the lab if a mark of the map was clicked."""
    config: FederationConfig | None = st.session_state.pop("open_in_lab", None)
    if config is not None:
        state.set_config(config)
        state.select(round_index=None, arm=None)
        st.switch_page(LAB, query_params=to_query(config, state.selection()))


def map_card(grid: Grid, findings: Sequence[Finding], aligned: str, base: FederationConfig) -> None:
    """The headline and the map; a click on a cell asks for that run in the lab."""
    by_key = {f.cell.key: f.setting.config for f in findings}
    done = sum(f.cell.done for f in findings)

    def picked() -> None:
        st.session_state["open_in_lab"] = by_key.get(st.session_state["figure_when"].get("pick"))

    score = base.task.score
    st.html(f'<p class="fedrot-look" role="status"><b>{headline(findings, aligned, score)}</b></p>')
    cells = [f.cell for f in findings]
    first = grid.settings[0].config
    name = "-".join((state.selection().grid, aligned, first.hash))
    chart(
        "figure_when", lambda mode: when_map(cells, grid.x, grid.y, label("fedit"), label(aligned), score, mode),
        height=430, label="Where alignment matters", filename=f"fedrot-when-{name}",
        uirevision=name, version=f"{name}:{done}:{theme_mode()}",
        triggers={"pick": picked, "table": functools.partial(ask_table, "when")},
        footer=Footer(f"FedRot Lab · map {name}, {done} of {len(cells)} settings, seed {base.seed}, "
                      f"{first.train.rounds} rounds · engine {ENGINE_VERSION}", first.hash, base.seed),
    )  # fmt: skip
    if table_wanted() == "when":
        st.dialog("Where alignment matters: the numbers", width="large")(table)(findings)


def table(findings: Sequence[Finding]) -> None:
    """All settings with their numbers."""
    rows: list[dict[str, Any]] = [
        {
            "setting": f.setting.name,
            "naive error": f.cell.naive_error,
            "aligned error": f.cell.aligned_error,
            "log10(naive / aligned)": f.cell.ratio,
            "naive score": f.naive_score,
            "aligned score": f.aligned_score,
            "gain in points": f.cell.gain,
            "note": f.cell.note if f.cell.done else "pending",
        }
        for f in findings
    ]
    frame = pd.DataFrame(rows)
    st.dataframe(frame, hide_index=True)
    st.download_button(
        "Download CSV", frame.to_csv(index=False).encode(), "fedrot-when.csv", "text/csv", on_click="ignore"
    )


def open_one(findings: Sequence[Finding], score: str) -> None:
    """Any setting of the map by keyboard: pick it, read it, open it in the lab."""
    names = {f.setting.name: f for f in findings}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="when_open"):
        chosen = names[st.selectbox("A setting of the map", list(names), key="when_setting", width=250)]
        st.page_link(
            LAB, label="Open in the lab", icon=":material/open_in_new:", query_params=lab_query(chosen.setting.config)
        )
        text = f"{chosen.setting.name}: {verdict(chosen, score)}." if chosen.cell.known else _missing(chosen)
        st.caption(text, width="stretch")


def _missing(finding: Finding) -> str:
    return f"{finding.setting.name}: {plain(finding.cell.note) or 'not run yet.'}"


def counterexamples(findings: Sequence[Finding], score: str) -> None:
    """Where alignment helps least or hurts most, by score and by error, worst first."""
    known = [f.cell for f in findings if f.cell.known]
    lower, clearly = sum(c.gain < 0 for c in known), sum(c.gain < -TIE_POINTS for c in known)
    higher, markedly = sum(c.ratio < 0 for c in known), sum(c.ratio < -EQUAL for c in known)
    titles = (
        ("gain", f"**By {score}**: lower with alignment in {lower} of {len(known)} settings, "
                 f"by more than {TIE_POINTS:g} point in {clearly}"),
        ("ratio", f"**By aggregation error**: higher with alignment in {higher} of {len(known)} settings, "
                  f"by more than {10**EQUAL - 1:.0%} in {markedly}"),
    )  # fmt: skip
    st.caption("Worst first. Numbers in brackets: naive → aligned. Each name opens its run in the lab.")
    for (by, title), column in zip(titles, st.columns(2, gap="large"), strict=True):
        with column:
            st.markdown(title)
            for n, finding in enumerate(worst(findings, by, LISTED)):
                with st.container(gap=None, key=f"worst_{by}_{n}"):
                    st.page_link(
                        LAB, label=f"**{finding.setting.name}**", icon=":material/open_in_new:",
                        help="Open in the lab", query_params=lab_query(finding.setting.config),
                    )  # fmt: skip
                    st.caption(f"{verdict(finding, score)}.")

"""The parts of the page "When does alignment matter?": choices, map, and links into the lab."""

from __future__ import annotations

import functools
import html
from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from app.session import link, state
from app.session.parts import mine
from app.session.query import to_query
from app.widgets.live_figure import ask_table, chart, table_wanted
from app.widgets.terms import theme_mode
from app.widgets.text import plain
from fedrot_core.config import FederationConfig, leaves
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.study.when import when_figure
from fedrot_core.study.tables import as_csv, as_json
from fedrot_core.study.when import ALIGNED, NAIVE, ROWS, Findings, label, rounds_of
from fedrot_core.wording import counted

LAB = "../pages/01_lab.py"
LISTED = 5
"""How many settings each list of counterexamples names."""

FRAMES = next(leaf.option for leaf in leaves() if leaf.option.key == "frames")


def choices() -> None:
    """Rows of the map, frames, aligned method, and how many rounds; all of them live in the link."""
    base, now = state.config(), state.selection()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="when_choices"):
        _segments("Rows of the map", "grid", ROWS, now.grid)

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


@dataclass
class Picked:
    """The run whose mark was clicked, until the lab opens with it."""

    config: FederationConfig | None = None


def open_asked() -> None:
    """Go to the lab if a mark of the map was clicked."""
    mind = mine(Picked)
    config, mind.config = mind.config, None
    if config is not None:
        state.set_config(config)
        state.select(round_index=None, arm=None)
        st.switch_page(LAB, query_params=state.LINK.query)


def map_card(findings: Findings) -> None:
    """The headline and the map; a click on a cell asks for that run in the lab."""
    plan, cells = findings.plan, findings.cells
    by_key = {f.cell.key: f.setting.config for f in findings.mapped}
    done, first = sum(cell.done for cell in cells), plan.settings[0].config

    def picked() -> None:
        mine(Picked).config = by_key.get(st.session_state["figure_when"].get("pick"))

    st.html(f'<p class="fedrot-look" role="status"><b>{html.escape(findings.headline)}</b></p>')
    drawing = when_figure(cells, plan.x, plan.y, label(NAIVE), label(plan.aligned), plan.base.task.score)
    chart(
        "figure_when", drawing.draw, (plan.key, tuple(cells)), height=430, label=drawing.label,
        filename=f"fedrot-when-{plan.key}", uirevision=plan.key, version=f"{plan.key}:{done}:{theme_mode()}",
        triggers={"pick": picked, "table": functools.partial(ask_table, drawing.name)},
        footer=Provenance.of_study(
            f"map {plan.key}", first,
            f"{done} of {counted(len(cells), 'setting')}, {counted(first.train.rounds, 'round')}", plan.varied,
        ),
    )  # fmt: skip
    if table_wanted() == drawing.name:
        st.dialog(f"{drawing.label}: the numbers", width="large")(table)(findings)


def table(findings: Findings) -> None:
    """All settings with their numbers."""
    import pandas as pd  # here: a server starts sooner without it

    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(findings.rows), hide_index=True,
        column_config={
            "setting": "Setting",
            "naive_error": number("Naive error", format="%.3g"),
            "aligned_error": number("Aligned error", format="%.3g"),
            "error_ratio": number("Naive ÷ aligned", format="%.3g"),
            "naive_score": number("Naive score", format="percent"),
            "aligned_score": number("Aligned score", format="percent"),
            "gain_points": number("Gain, points", format="%.1f"),
            "problem": "Problem",
        },
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for ending, text in (("csv", as_csv(findings.rows)), ("json", as_json(findings.content))):
            st.download_button(
                f"Download {ending.upper()}", text.encode(), f"fedrot-when-{findings.plan.key}.{ending}",
                on_click="ignore", icon=":material/download:",
            )  # fmt: skip


def open_one(findings: Findings) -> None:
    """Any setting of the map by keyboard: pick it, read it, open it in the lab."""
    names = {f.setting.name: f for f in findings.mapped}
    if st.session_state.get("when_setting") not in names and all(f.cell.known for f in findings.mapped):
        st.session_state["when_setting"] = max(names, key=lambda name: abs(names[name].cell.gain))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="when_open"):
        chosen = names[st.selectbox("A setting of the map", list(names), key="when_setting", width=250)]
        st.page_link(
            LAB, label="Open in the lab", icon=":material/open_in_new:", query_params=lab_query(chosen.setting.config)
        )
        st.caption(plain(f"{chosen.setting.name}: {chosen.verdict}."), width="stretch")


def counterexamples(findings: Findings) -> None:
    """Where alignment helps least or hurts most, by score and by error, worst first."""
    score = findings.plan.base.task.score
    titles = (
        ("gain", f"**By {score}**: {findings.by_score}"),
        ("ratio", f"**By aggregation error**: {findings.by_error}"),
    )
    st.caption("Worst first. Numbers in brackets: naive → aligned. Each name opens its run in the lab.")
    for (by, title), column in zip(titles, st.columns(2, gap="large"), strict=True):
        with column:
            st.markdown(title)
            for n, finding in enumerate(findings.worst(by, LISTED)):
                with st.container(gap=None, key=f"worst_{by}_{n}"):
                    st.page_link(
                        LAB, label=f"**{finding.setting.name}**", icon=":material/open_in_new:",
                        help="Open in the lab", query_params=lab_query(finding.setting.config),
                    )  # fmt: skip
                    st.caption(f"{finding.verdict}.")

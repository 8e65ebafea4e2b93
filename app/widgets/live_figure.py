"""A figure card on the page: finding, chart that updates in place, saving, data table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass, replace

import plotly.graph_objects as go
import streamlit as st

from app.session.parts import mine
from app.widgets.drawn import drawn, state_of
from app.widgets.page import component
from app.widgets.save_dialog import Asked, ask, page_path, save_dialog
from app.widgets.terms import theme_mode
from fedrot_core.export.picture.files import Draw, table_csv
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures import FIGURES, FigureEntry, View
from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.figures.kit.theme import GAUGE_HUES, HUES, ON_PAPER
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import METRICS, Gauge


@dataclass(frozen=True)
class Badge:
    """The button that says whether turning a client's frame changes a figure, and opens the test of it.

    Attributes:
        kind: its shape, a circle (looks the same however it is turned) or a triangle (does not).
        hint: what that means here, for the tooltip and for screen readers; begins with the visible text.
        colour: of the shape.
    """

    kind: Gauge
    hint: str
    colour: str

    @classmethod
    def of(cls, entry: FigureEntry, mode: str) -> Badge | None:
        """The badge of a registered figure; None where the question makes no sense."""
        if entry.gauge is None:
            return None
        by_claim: dict[Gauge, list[str]] = {"dependent": [], "invariant": []}
        for key in entry.metrics:
            by_claim[METRICS[key].gauge].append(METRICS[key].label)
        turn = "Turning the frame of one client"
        if entry.gauge == "invariant":
            hint = f"{turn} changes nothing here."
        elif by_claim["invariant"]:
            hint = f"{turn} changes {_listed(by_claim['dependent'])}, but not {_listed(by_claim['invariant'])}."
        else:
            hint = f"{turn} changes what is drawn here."
        return cls(entry.gauge, f"gauge-{entry.gauge}: {hint} Press to test it.", HUES[mode][GAUGE_HUES[entry.gauge]])


def _listed(labels: list[str]) -> str:
    """``error and score``, in lower case where that is right."""
    small = [label[0].lower() + label[1:] for label in labels]
    return " and ".join([", ".join(small[:-1]), small[-1]] if len(small) > 1 else small)


def chart(
    key: str,
    draw: Draw,
    made_of: Hashable,
    *,
    height: int,
    label: str,
    filename: str,
    uirevision: str,
    version: str,
    triggers: Mapping[str, Callable[[], None]],
    footer: Provenance = Provenance(),  # noqa: B008
    presented: bool = False,
    fills: bool = False,
    badge: Badge | None = None,
) -> None:
    """Draw any figure as a card that stays alive across reruns. Its title is the layout's.

    Args:
        key: stable, unique on the page; ``figure_{name}`` by custom. Triggers' values are in the session under it.
        draw: mode, "light" or "dark", -> the figure; pure, since files are drawn later and in another thread.
        made_of: all that decides what ``draw`` gives for a mode, so that everybody who sees the same gets one figure.
        height: chart height in px on wide screens.
        label: what the buttons call the figure.
        filename: of saved files, without ending.
        uirevision: zoom survives while it stays the same.
        version: says what is drawn; the page's node carries it as ``data-version``.
        triggers: "client", "round" or "pick" (a click on a mark), "table" (the Data button) or "gauge" (the badge)
            -> what to do.
        footer: under saved pictures: which run and what of it they show.
        presented: for a room: no small type, no layout for narrow screens, and as high as the window leaves room for.
        fills: for a room likewise, as it is on the page, and magnified until it fills what the window leaves it.
        badge: shown among the buttons; a press is the trigger "gauge".
    """
    asked = Asked(key, label, filename, draw, footer, page_path())
    calls = {"save": functools.partial(ask, asked), **triggers}
    mode = theme_mode()
    component("live_figure")(
        key=key,
        data={
            "spec": _made(key, draw, made_of, mode),
            "on_paper": ON_PAPER if mode == "dark" else {},
            "height": height,
            "label": label,
            "filename": filename,
            "uirevision": uirevision,
            "version": version,
            "footer": footer.text,
            "presented": presented,
            "fills": fills,
            "badge": None if badge is None else asdict(badge),
        },
        **{f"on_{name}_change": call for name, call in calls.items()},
    )
    save_dialog(key)


@dataclass
class Table:
    """Name of the card whose Data button was pressed."""

    wanted: str | None = None


def ask_table(name: str) -> None:
    """Remember that the Data button of the card ``name`` was pressed."""
    mine(Table).wanted = name


def table_wanted() -> str | None:
    """Name of the card whose Data button was pressed since the last call, if any."""
    mind = mine(Table)
    name, mind.wanted = mind.wanted, None
    return name


def numbers_dialog(label: str, question: str, figure: go.Figure, filename: str) -> None:
    """Show the table behind ``figure``, and offer it as CSV."""

    @st.dialog(f"{label}: the numbers", width="large")
    def show() -> None:
        st.caption(question)
        st.dataframe(figure_rows(figure), hide_index=True)
        st.download_button("Download CSV", table_csv(figure), f"{filename}.csv", "text/csv", on_click="ignore")

    show()


def figure_card(
    name: str,
    trace: Trace,
    view: View,
    height: int,
    on_pick: Callable[[str, int], None] | None = None,
    on_gauge: Callable[[str], None] | None = None,
    fills: bool = False,
) -> None:
    """Draw the registered figure ``name`` and keep it alive across reruns.

    Args:
        name: entry of :data:`fedrot_core.figures.FIGURES`.
        trace, view: what is drawn and what is selected.
        height: chart height in px on wide screens.
        on_pick: called with ("client" | "round", value) when a person clicks a mark that stands for one.
        on_gauge: called with ``name`` when a person presses the gauge badge; without it there is none.
        fills: see :func:`chart`.
    """
    entry = FIGURES[name]
    key = f"figure_{name}"

    def picked(kind: str) -> None:
        value = st.session_state[key].get(kind)
        if on_pick is not None and value is not None:
            on_pick(kind, int(value))

    badge = None if on_gauge is None else Badge.of(entry, view.mode)
    triggers = {
        "client": functools.partial(picked, "client"),
        "round": functools.partial(picked, "round"),
        "table": functools.partial(ask_table, name),
    }
    if badge is not None and on_gauge is not None:
        triggers["gauge"] = functools.partial(on_gauge, name)
    chart(
        key,
        *_of_run(name, trace, view),
        height=height,
        label=entry.label,
        filename=f"fedrot-{name}-{trace.config.hash}-round{view.round_index}",
        uirevision=f"{name}-{trace.config.hash}-{view.arm}-{view.layer}",
        version=f"{trace.config.hash}:{trace.rounds_done}:{view.round_index}",
        triggers=triggers,
        footer=_footer(trace, view),
        fills=fills,
        badge=badge,
    )


def make_ready(name: str, trace: Trace, view: View) -> None:
    """Make the registered figure ``name`` before anybody asks for it; from any thread."""
    _made(f"figure_{name}", *_of_run(name, trace, view), view.mode)


def _of_run(name: str, trace: Trace, view: View) -> tuple[Draw, Hashable]:
    """How a registered figure is drawn, and what it is made of."""
    return lambda mode: FIGURES[name].draw(trace, replace(view, mode=mode)), (state_of(trace), view)


def _made(key: str, draw: Draw, made_of: Hashable, mode: str) -> str:
    """The figure as the browser gets it."""
    return drawn().get((key, made_of, mode), lambda: draw(mode).to_json())


def _footer(trace: Trace, view: View) -> Provenance:
    """Run, seed and selection, for saved pictures."""
    arm = next(card.label for card in trace.arms if card.name == view.arm)
    shown = f"{arm}, {trace.task.layers[view.layer]}, client {view.client}, round {view.round_index}"
    return Provenance.of_run(trace.config, shown, trace.engine)


def data_dialog(trace: Trace, view: View) -> bool:
    """Show the table behind the registered figure whose Data button was pressed, if any; say whether one was."""
    name = table_wanted()
    if name is None or name not in FIGURES:
        return False
    entry = FIGURES[name]
    numbers_dialog(entry.label, entry.question, entry.draw(trace, view), f"fedrot-{name}-{trace.config.hash}")
    return True

"""The selection as figures take it, within what a run holds."""

from __future__ import annotations

from app.session import state
from app.session.query import Selection
from app.widgets.terms import theme_mode
from fedrot_core.figures import View
from fedrot_core.trace import Trace


def shown_arm(trace: Trace, selection: Selection | None = None) -> str:
    """The selected arm; FedRot-LoRA if none is, so that its settings act on what is seen."""
    names = [card.name for card in trace.arms]
    wanted = (selection or state.selection()).arm
    usual = "fedrot" if "fedrot" in names else names[0]
    return wanted if wanted in names else usual


def current_view(trace: Trace, round_index: int, moving: bool) -> View:
    """The selection, with a client and a layer that this run has."""
    return view_of(state.selection(), trace, round_index, moving, theme_mode())


def view_of(now: Selection, trace: Trace, round_index: int, moving: bool, mode: str) -> View:
    """A selection in a run; from any thread."""
    return View(
        arm=shown_arm(trace, now),
        round_index=round_index,
        client=min(now.client, len(trace.task.sample_counts) - 1),
        layer=min(now.layer, len(trace.task.layers) - 1),
        feature=now.feature,
        mode=mode,
        moving=moving,
    )

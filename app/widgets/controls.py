"""Widgets made from the config's own field metadata: label, help, range, step and choices stand there alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.session import link, state
from app.widgets.method_list import method_list
from app.widgets.slider import slider
from fedrot_core.config import FederationConfig, Leaf, TaskConfig, leaves
from fedrot_core.config.option import leaves_of
from fedrot_core.study.rank_one import at_rank_one

LEAVES = {leaf.option.key: leaf for leaf in leaves()}


def skew_key(task: TaskConfig) -> tuple[str, ...]:
    """Of the widget that sets how unequal clients are, where the task has one."""
    return (task.skew.key,) if task.skew else ()


def groups(task: TaskConfig) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The sidebar: title -> keys. The first group stands open at the top: heterogeneity and rank first."""
    skew = skew_key(task)
    own = tuple(leaf.option.key for leaf in leaves_of(type(task)) if leaf.option.key not in skew)
    return (
        ("", (*skew, "rank", "frames", "theta")),
        ("Methods and alignment", ("arms", "lam", "group", "side", "stale", "weights")),
        ("Task and data", ("task", "clients", *own)),
        ("Participation and server", ("part", "drop", "ranks", "server", "slr")),
        ("Training", ("rounds", "steps", "opt", "lr", "lora_alpha", "device", "precision", "seed")),
    )


def sidebar() -> None:
    """All controls of the lab."""
    for title, keys in groups(state.config().task):
        if title:
            with st.expander(title, expanded=title.startswith("Methods")):
                widgets(keys)
        else:
            widgets(keys)


def widgets(keys: Sequence[str]) -> None:
    """Widgets of these URL keys, leaving out those without effect at present."""
    values = state.config().values()
    for key in keys:
        leaf = LEAVES[key]
        if leaf.active(values):
            _widget(leaf, values[key])
        if key == "rank" and (alone := at_rank_one(state.config())):
            st.caption(alone)


def _widget(leaf: Leaf, value: Any) -> None:
    """One widget; its callback hands the new value to the session's config."""
    opt = leaf.option
    if leaf.kind in (int, float) and opt.key != "seed":
        _slider(leaf, value)
        return
    widget_key = f"control_{opt.key}"
    choices = _choices(leaf)
    changed = link.wish(widget_key, lambda chosen: state.change_config({opt.key: chosen}))
    common: dict[str, Any] = {"key": widget_key, "help": opt.help, "on_change": changed}
    link.give(widget_key, list(value) if leaf.kind not in (int, float, str) else value)
    if leaf.kind is int:
        st.number_input(opt.label, int(opt.low or 0), int(opt.high or 0), step=1, **common)
    elif leaf.kind is str:
        st.selectbox(opt.label, list(choices), format_func=lambda name: choices[name], **common)
    else:
        st.multiselect(opt.label, list(choices), format_func=lambda name: choices[name], **common)
        method_list(choices)


def _slider(leaf: Leaf, value: float) -> None:
    """The slider of a number."""
    opt = leaf.option
    place: dict[str, Any] = {"stops": sorted({*opt.stops, value})}
    if not opt.stops:
        step = opt.step or 1.0
        decimals = max(0, -int(np.floor(np.log10(step))))
        place = {"span": (opt.low or 0, opt.high or 0, step), "decimals": decimals}
    slider(
        f"control_{opt.key}",
        opt.label,
        opt.help,
        value,
        lambda chosen: state.change_config({opt.key: chosen}),
        unit=opt.unit,
        **place,
    )


def _choices(leaf: Leaf) -> dict[str, str]:
    """Value -> label, in the order of the list."""
    if leaf.kind in (int, float, str):
        return leaf.choices
    first = FederationConfig().methods  # the default arms, then the rest by name
    return dict(sorted(leaf.choices.items(), key=lambda c: (c[0] not in first, c[1].lower())))

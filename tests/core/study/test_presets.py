"""Sentences of presets claim no more than the numbers that they name."""

from __future__ import annotations

from typing import Any

import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.study.comparison import compare
from fedrot_core.study.presets import PRESETS, sentence
from fedrot_core.study.rank_one import at_rank_one
from fedrot_core.study.when import plan
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import CENTRALISED, RUNGS
from fedrot_core.wording import percent

SHORT = {"rounds": 2, "steps": 2}
NAMED = {preset.name: preset for preset in PRESETS}


def run(**values: Any) -> Trace:
    return Federation(FederationConfig().with_values(values)).run()


def told(name: str) -> tuple[Trace, str]:
    trace = run(**NAMED[name].values, **SHORT)
    return trace, NAMED[name].look(trace, 1)


def test_strong_skew_names_no_angle_that_the_rank_alone_gives() -> None:
    trace, text = told("strong")
    record = trace.at("fedit", 1)
    assert record is not None
    for rung in ("gpa", "floor"):
        assert percent(float(record.errors.ladder[RUNGS.index(rung), -1])) in text
    assert "°" not in text
    assert "no rotation" not in text


def test_as_trained_says_where_its_tie_ends() -> None:
    assert "With strong skew or few participants" in told("trained")[1]


@pytest.mark.parametrize(("values", "said"), [({"rank": 1}, True), ({"rank": 1, "group": "O"}, False), ({}, False)])
def test_rank_one_is_told_wherever_it_decides(values: dict[str, Any], said: bool) -> None:
    base = FederationConfig().with_values({"task": "teacher", "clients": 3, **SHORT, **values})
    text = at_rank_one(base)
    assert ("SO(1)" in text) == said
    assert ("SO(1)" in sentence(Federation(base).run(), 1)) == said
    found = compare(base, ["fedit", "fedrot"], seeds=1)
    assert ("SO(1)" in found.verdict[1]) == said
    assert CENTRALISED in found.note
    assert ("SO(1)" in plan(base, "theta").limits) == said
    assert ("SO(1)" in plan(base).limits) == (values.get("group") != "O")  # one of its rows is rank 1

"""A limit on every size that a person can ask for: of each field, and of what all fields together make of a run."""

from __future__ import annotations

import math

import pytest

from fedrot_core.config import FederationConfig, Leaf, leaves
from fedrot_core.config.fields import MOST_WORK
from fedrot_core.config.option import LONGEST_NAME, MOST_NAMES
from fedrot_core.errors import ConfigError
from fedrot_core.federation import Federation
from fedrot_core.federation.setup import MOST_HELD, MOST_RECORDED
from fedrot_core.methods import METHODS
from fedrot_core.study.presets import PRESETS
from fedrot_core.workloads import WORKLOADS

LEAVES = {leaf.option.key: leaf for leaf in leaves()}
LARGEST = {key: leaf.option.high for key, leaf in LEAVES.items() if leaf.kind in (int, float)}


def bounded(leaf: Leaf) -> bool:
    """Whether no value of the field can be larger than something."""
    if leaf.kind in (int, float):
        low, high = leaf.option.low, leaf.option.high
        return low is not None and high is not None and math.isfinite(high - low)
    return bool(leaf.choices)  # a list of names is bounded in number and length


@pytest.mark.parametrize("key", LEAVES)
def test_every_field_has_a_bound(key: str) -> None:
    assert bounded(LEAVES[key])


@pytest.mark.parametrize(
    "names",
    [[f"m{n}" for n in range(MOST_NAMES + 1)], ["m" * (LONGEST_NAME + 1)], [str(n) for n in range(10**5)]],
)
def test_a_list_of_names_has_a_bound(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="at most") as caught:
        FederationConfig().with_values({"arms": names})
    assert len(str(caught.value)) < 400
    assert len(METHODS) < MOST_NAMES


@pytest.mark.parametrize("task", WORKLOADS)
def test_what_would_take_hours_is_refused_with_rule_value_and_remedy(task: str) -> None:
    known = {leaf.option.key for leaf in leaves(task)}
    values = {key: value for key, value in LARGEST.items() if key in known}
    with pytest.raises(
        ConfigError, match=r"at most about 4 min per method on one core; got 'about [\d,]+ min'\. Take"
    ) as caught:
        FederationConfig().with_values({**values, "min": 1} if task == "digits" else values | {"task": task})
    assert caught.value.key in ("clients", "rounds", "steps", "rank")


@pytest.mark.parametrize("key", ["clients", "rounds", "steps", "rank", "batch", "width"])
def test_each_size_alone_may_be_as_large_as_its_field_allows(key: str) -> None:
    assert FederationConfig().with_values({key: LARGEST[key], "min": 1}).work <= MOST_WORK


def test_presets_are_far_from_the_limits() -> None:
    assert max(preset.config.work for preset in PRESETS) < MOST_WORK / 20
    all_methods = FederationConfig().with_values({"arms": tuple(METHODS), "rounds": 100})
    Federation(all_methods).new_trace()


def test_all_methods_with_many_wide_clients_need_more_memory_than_there_is() -> None:
    wide = {"clients": 200, "min": 1, "rank": 32, "width": 128, "batch": 128, "rounds": 1}
    with pytest.raises(ConfigError, match=f"hold at most {MOST_HELD:,} numbers at once; got .* Take fewer methods"):
        Federation(FederationConfig().with_values({**wide, "arms": tuple(METHODS)}))
    Federation(FederationConfig().with_values({**wide, "arms": ("fedit", "fedrot")}))


def test_a_trace_that_could_not_be_opened_again_is_not_begun() -> None:
    config = FederationConfig().with_values(
        {"clients": 24, "rank": 32, "rounds": 100, "steps": 1, "arms": tuple(METHODS)}
    )
    with pytest.raises(ConfigError, match=f"record at most {MOST_RECORDED:,} numbers; got .* Take fewer rounds"):
        Federation(config).new_trace()


def test_what_a_trace_is_reckoned_to_hold_is_what_it_holds() -> None:
    config = FederationConfig().with_values({"clients": 12, "rank": 16, "rounds": 2, "steps": 1, "arms": ("fedit",)})
    trace = Federation(config).run()
    held = sum(value.size for record in trace.records for value in trace.parts()[1].values()) / len(trace.records)
    assert 0.7 < held / (3 * 12 * (16**2 + 60 * 16 + 4 * 12) * 2) < 1.2

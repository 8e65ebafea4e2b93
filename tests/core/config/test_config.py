"""Every leaf checks itself, and configs survive dicts, URLs and nonsense."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrot_core.config import (
    FederationConfig,
    Leaf,
    LoraConfig,
    leaves,
)
from fedrot_core.errors import ConfigError
from fedrot_core.workloads import WORKLOADS

LEAVES = {leaf.option.key: leaf for leaf in leaves()}
NUMBERS = {key: leaf for key, leaf in LEAVES.items() if leaf.kind in (int, float)}
CHOICES = {key: leaf for key, leaf in LEAVES.items() if leaf.option.choices}
NAN, INF = float("nan"), float("inf")
LOWEST = {"part": 0.1}
"""Lowest valid values with the default clients, where another rule stands above the range."""


def lowest(leaf: Leaf) -> float:
    assert leaf.option.low is not None
    return LOWEST.get(leaf.option.key, leaf.option.low)


def with_it(leaf: Leaf) -> FederationConfig:
    """A config of defaults that has this leaf: the fields of a workload come with it."""
    task = leaf.option.when.get("task", (FederationConfig().task.name,))[0]
    return FederationConfig().with_values({"task": task})


def refused(key: str, value: Any) -> str:
    """The message with which ``value`` is refused."""
    with pytest.raises(ConfigError) as caught:
        with_it(LEAVES[key]).with_values({key: value})
    assert caught.value.key == key
    message = str(caught.value)
    assert LEAVES[key].option.label in message
    assert re.search(r" must .+; got .+\. \S.*\.$", message)
    return message


def other_value(leaf: Leaf) -> Any:
    """A valid value that differs from the default."""
    if leaf.kind in (int, float):
        return lowest(leaf) if leaf.default != lowest(leaf) else leaf.option.high
    if leaf.option.choices:
        return next(c for c in leaf.option.choices if c != leaf.default)
    return ("gpa",) if leaf.kind is not str else "teacher"


def test_url_keys_are_unique_and_every_field_is_a_leaf() -> None:
    assert len(LEAVES) == len(list(leaves()))
    for workload in WORKLOADS.values():
        plain = FederationConfig().with_values({"task": workload.name}).to_dict()
        fields = sum(len(value) if isinstance(value, dict) else 1 for value in plain.values())
        assert len(list(leaves(workload.name))) == fields


@pytest.mark.parametrize("key", LEAVES)
def test_every_leaf_is_described(key: str) -> None:
    leaf = LEAVES[key]
    opt = leaf.option
    assert opt.label
    assert len(opt.help) > 10
    assert re.fullmatch(r"[a-z_]+", key)
    assert leaf.get(with_it(leaf)) == leaf.default
    if key in NUMBERS:
        assert opt.low is not None
        assert opt.high is not None
        assert opt.low <= leaf.default <= opt.high
        assert opt.step or opt.stops
        assert all(opt.low <= s <= opt.high for s in opt.stops)
        assert list(opt.stops) == sorted(opt.stops)
        assert not opt.stops or leaf.default in opt.stops
    else:
        assert opt.choices or opt.registry
        assert not opt.choices or leaf.default in opt.choices
    for other, values in opt.when.items():
        assert other in LEAVES
        assert set(values) <= set(LEAVES[other].choices)


@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_outside_their_range_are_refused_with_range_value_and_remedy(key: str) -> None:
    opt, kind = LEAVES[key].option, LEAVES[key].kind
    assert opt.low is not None
    assert opt.high is not None
    for bound, outward in ((opt.low, -1), (opt.high, 1)):
        valid = lowest(LEAVES[key]) if bound == opt.low else bound
        assert with_it(LEAVES[key]).with_values({key: valid}).values()[key] == valid
        value = kind(bound + outward) if kind is int else round(bound + outward * 0.01, 6)
        message = refused(key, value)
        assert f"{opt.low:g}..{opt.high:g}" in message
        assert repr(value) in message
        assert f"{bound:g}" in message.split("got")[1]


@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_of_wrong_kind_are_refused(key: str) -> None:
    for value in (NAN, INF, -INF, True, False, "4", "", None, [4], 10**400, -(10**400), 1e300, 4 + 0j):
        refused(key, value)


@pytest.mark.parametrize("key", [k for k in NUMBERS if LEAVES[k].kind is int])
def test_whole_numbers_take_whole_floats_only(key: str) -> None:
    low = LEAVES[key].option.low
    assert low is not None
    stored = with_it(LEAVES[key]).with_values({key: float(low)}).values()[key]
    assert stored == low
    assert type(stored) is int
    assert "whole" in refused(key, low + 0.5)


@pytest.mark.parametrize("key", [k for k in NUMBERS if LEAVES[k].kind is float])
def test_floats_take_whole_numbers_and_store_floats(key: str) -> None:
    opt = LEAVES[key].option
    assert opt.low is not None
    assert opt.high is not None
    for value in (math.ceil(lowest(LEAVES[key])), np.float64(opt.high)):
        assert type(with_it(LEAVES[key]).with_values({key: value}).values()[key]) is float


@pytest.mark.parametrize("key", CHOICES)
def test_choices_are_refused_by_naming_all(key: str) -> None:
    for value in ("nonsense", "", 1, True, None, NAN, ["SO"]):
        message = refused(key, value)
        assert all(choice in message for choice in LEAVES[key].option.choices), value
    for choice in LEAVES[key].option.choices:
        assert with_it(LEAVES[key]).with_values({key: choice}).values()[key] == choice


@pytest.mark.parametrize("value", [(), [], ("fedit", "fedit"), "fedit", ("fedit", 1), (True,), None, {"fedit": 1}, 3])
def test_methods_are_a_list_of_distinct_names(value: Any) -> None:
    assert "twice" in refused("arms", value)


def test_methods_take_lists_and_keep_order() -> None:
    assert FederationConfig().with_values({"arms": ["gpa", "fedit"]}).methods == ("gpa", "fedit")


@pytest.mark.parametrize("value", [1, None, True, ["digits"]])
def test_workload_must_be_a_name(value: Any) -> None:
    refused("task", value)


def test_rank_must_fit_the_layer_of_the_digits_network() -> None:
    narrow = {"width": 16, "rank": 17}
    with pytest.raises(ConfigError, match=r"Rank r must be in 1\.\.16 \(= layer width\); got 17\. Lower") as caught:
        FederationConfig().with_values(narrow)
    assert caught.value.key == "rank"
    assert FederationConfig().with_values(narrow | {"task": "teacher"}).lora.rank == 17
    assert FederationConfig().with_values(narrow | {"rank": 16}).lora.rank == 16


def test_another_task_brings_its_own_fields_at_their_defaults_and_those_of_others_do_nothing() -> None:
    digits = FederationConfig().with_values({"alpha": 0.1, "het": 0.9})
    assert "het" not in digits.values()
    assert digits.with_values({"het": 0.2}) == digits
    teacher = digits.with_values({"task": "teacher", "alpha": 0.3, "rank": 2})
    assert (teacher.values()["het"], teacher.lora.rank) == (0.5, 2)
    assert teacher.with_values({"task": "digits"}).values()["alpha"] == 0.5


def test_scaling_is_lora_alpha_over_rank() -> None:
    assert LoraConfig(rank=8, lora_alpha=4.0).scaling == 0.5


def test_configs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FederationConfig().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("key", LEAVES)
def test_each_leaf_survives_a_round_trip_and_changes_the_hash(key: str) -> None:
    base = with_it(LEAVES[key])
    changed = base.with_values({key: other_value(LEAVES[key])})
    assert changed != base
    assert changed.hash != base.hash
    common = changed.values().keys() & base.values().keys()
    assert [k for k in common if changed.values()[k] != base.values()[k]] == [key]
    again = FederationConfig.from_dict(json.loads(json.dumps(changed.to_dict())))
    assert again == changed
    assert again.hash == changed.hash


def test_hash_is_stable_and_ignores_order_of_keys() -> None:
    plain = FederationConfig().to_dict()
    backwards = {k: dict(reversed(v.items())) if isinstance(v, dict) else v for k, v in reversed(plain.items())}
    assert FederationConfig.from_dict(backwards).hash == FederationConfig().hash
    assert re.fullmatch(r"[0-9a-f]{16}", FederationConfig().hash)
    assert FederationConfig().with_values({"lam": 1}).hash == FederationConfig().with_values({"lam": 1.0}).hash


def test_floats_that_differ_by_rounding_are_one_setting() -> None:
    one, two = (FederationConfig().with_values({"alpha": v}) for v in (0.1 + 0.2, 0.3))
    assert one == two
    assert one.hash == two.hash


def test_to_dict_gives_a_copy() -> None:
    config = FederationConfig()
    config.to_dict()["data"]["clients"] = 3
    assert config.data.clients == 10


def test_unknown_url_keys_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="nonsense") as caught:
        FederationConfig().with_values({"nonsense": 1})
    assert caught.value.key == "nonsense"
    assert "rank" in str(caught.value)


def test_active_follows_the_fields_it_depends_on() -> None:
    values = FederationConfig().values()
    assert LEAVES["alpha"].active(values)
    assert not LEAVES["alpha"].active(values | {"split": "iid"})
    assert not LEAVES["alpha"].active(values | {"task": "teacher"})
    assert not LEAVES["theta"].active(values)
    assert LEAVES["rank"].active(values)


@pytest.mark.parametrize(
    "path", [(), ("task",), ("data",), ("lora",), ("frames",), ("train",), ("align",), ("server",)]
)
def test_missing_and_unknown_names_are_refused(path: tuple[str, ...]) -> None:
    for change in ("missing", "unknown", "number key", "no mapping"):
        plain = FederationConfig().to_dict()
        target: dict[Any, Any] = plain
        for part in path:
            target = target[part]
        if change == "missing":
            target.pop(next(iter(target)))
        elif change == "unknown":
            target["surprise"] = 1
        elif change == "number key":
            target[3] = target.pop(next(iter(target)))
        elif path:
            plain[path[0]] = [1]
        else:
            plain = [1]  # type: ignore[assignment]
        with pytest.raises(ConfigError):
            FederationConfig.from_dict(plain)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([None, *LEAVES]), JSON)
def test_from_dict_raises_config_errors_only(key: str | None, value: Any) -> None:
    """Any value in any place, or instead of the whole, is either accepted or refused in words."""
    plain: Any = copy.deepcopy(FederationConfig().to_dict() if key is None else with_it(LEAVES[key]).to_dict())
    if key is None:
        plain = value
    else:
        target = plain
        for part in LEAVES[key].path[:-1]:
            target = target[part]
        target[LEAVES[key].path[-1]] = value
    try:
        config = FederationConfig.from_dict(plain)
    except ConfigError:
        pass
    else:
        assert FederationConfig.from_dict(config.to_dict()) == config
        assert config.hash


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_valid_config_survives_dict_and_values(data: st.DataObject) -> None:
    values: dict[str, Any] = {}
    for key, leaf in LEAVES.items():
        opt = leaf.option
        if leaf.kind is int:
            assert opt.low is not None
            assert opt.high is not None
            values[key] = data.draw(st.integers(int(opt.low), int(opt.high)))
        elif leaf.kind is float:
            values[key] = data.draw(st.floats(opt.low, opt.high))
        elif opt.choices:
            values[key] = data.draw(st.sampled_from(sorted(opt.choices)))
    values["rank"] = min(values["rank"], values["width"])
    values["part"] = max(values["part"], 0.6 / values["clients"])
    values["rounds"] = min(values["rounds"], 10)  # a run has limits on what it may take as a whole
    values["steps"] = min(values["steps"], 20)
    config = FederationConfig().with_values(values)
    assert FederationConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert FederationConfig().with_values(config.values()) == config


def test_a_config_holds_sections_and_nothing_else_where_sections_belong() -> None:
    with pytest.raises(ConfigError, match=r"FederationConfig\.train must be a TrainConfig; got .*with_values"):
        FederationConfig(train={"rounds": 3})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"FederationConfig\.task must be a TaskConfig"):
        FederationConfig(task=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "key"), [("rounds", "rounds"), ("local_steps", "steps"), ("alpha", "alpha")])
def test_a_setting_that_belongs_into_a_section_is_refused_with_the_way_to_set_it(name: str, key: str) -> None:
    remedy = f"got '{name}'. Use FederationConfig().with_values({{'{key}': ...}})"
    with pytest.raises(ConfigError, match=re.escape(remedy)):
        FederationConfig(**{name: 3})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"LoraConfig must be given rank, .* got 'nope'\. Correct the name\."):
        LoraConfig(nope=3)  # type: ignore[call-arg]


def test_what_is_told_of_unknown_names_is_short() -> None:
    plain = FederationConfig().to_dict() | {f"{n}{'x' * 1000}": n for n in range(1000)}
    with pytest.raises(ConfigError) as caught:
        FederationConfig.from_dict(plain)
    assert len(str(caught.value)) < 500

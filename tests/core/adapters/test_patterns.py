"""Patterns of a config: as PEFT matches them, and never slowly."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrot_core.adapters.config import read_settings
from fedrot_core.adapters.patterns import Patterns
from fedrot_core.errors import AdapterError

ALPHABET = "ab1._-"
names = st.text(ALPHABET, min_size=1, max_size=9)
PARTS = ("a", "b", ".", r"\.", r"\d", r"\d+", "(a|b)", "[ab]", "a?", "$", "^", "_", "1")
expressions = st.one_of(
    names,
    names.map(lambda name: "^" + re.escape(name).replace(r"\-", "-")),
    st.lists(st.sampled_from(PARTS), max_size=6).map("".join),
    st.tuples(names, st.sampled_from([".*", ".+", "(?:a|b.)", r"\w*"]), names).map("".join),
)


def as_peft(keys: list[str], module: str) -> str | None:
    """PEFT's ``get_pattern_key``."""
    return next((key for key in keys if re.match(rf"(.*\.)?({key})$", module)), None)


@settings(max_examples=300, deadline=None)
@given(st.lists(expressions, max_size=6, unique=True), st.lists(names, max_size=6))
def test_keys_match_as_in_peft(keys: list[str], modules: list[str]) -> None:
    try:
        patterns = Patterns("rank_pattern", {key: key for key in keys})
    except AdapterError:
        return
    found = {module: patterns.value(module, None) for module in modules}
    assert found == {module: as_peft(keys, module) for module in modules}
    alive = [any(re.match(rf"(.*\.)?({key})$", module) for module in modules) for key in keys]
    assert patterns.dead(modules) == [n for n, used in enumerate(alive, 1) if not used]


@pytest.mark.parametrize(
    "key",
    [
        "q_proj",
        "layers.1.q",
        r"^model\.q",
        r".*q_proj",
        r"layers\.\d+\.self_attn\.(q|k)_proj",
        r"layers.[0-9]+.mlp",
        "q|k",
    ],
)
def test_keys_of_every_day_are_taken(key: str) -> None:
    Patterns("rank_pattern", {key: 1})


@pytest.mark.parametrize(
    "key",
    [
        "(a+)+b",
        "(a|a)(a|a)(a|a)",
        ".*.*x",
        "a*a*b",
        "(",
        "[",
        "\\",
        "(?=x)",
        r"(a)\1",
        "a{9}",
        "",
        "x" * 301,
        "a/b",
        "é",
    ],
)
def test_keys_that_could_be_slow_or_mean_nothing_are_refused(key: str) -> None:
    with pytest.raises(AdapterError, match="as key 1"):
        Patterns("rank_pattern", {key: 1})


def quick(patterns: Patterns, modules: list[str]) -> bool:
    """Whether the modules are matched or refused in bounded time."""
    begin = time.process_time()
    with contextlib.suppress(AdapterError):
        patterns.dead(modules)
    return time.process_time() - begin < 20


LONG = "a." * 240


@pytest.mark.parametrize("key", [r".*a\d+b", r"a\d*\d*\d*b", ".*(a|a)(a|a)b", "a?a?a?b", r".*?\.b"])
def test_no_key_is_slow_on_long_names(key: str) -> None:
    modules = [f"{LONG}{n}" for n in range(2000)] + [f"a.{'1' * 480}{n}" for n in range(2000)]
    assert quick(Patterns("rank_pattern", {key: 1}), modules)


def test_a_key_for_each_of_many_modules_is_looked_up() -> None:
    modules = [f"model.layers.{n}.mlp.experts.{m}.up_proj" for n in range(50) for m in range(200)]
    patterns = Patterns("rank_pattern", {module: n for n, module in enumerate(modules)})
    begin = time.process_time()
    assert [patterns.value(module, None) for module in modules] == [*range(len(modules))]
    assert time.process_time() - begin < 10


def test_many_forms_of_names_are_bounded() -> None:
    keys = {"".join("." if n >> bit & 1 else "a" for bit in range(12)) + "x" * 20: 1 for n in range(2**12)}
    assert quick(Patterns("rank_pattern", keys), [f"{LONG[:400]}{n:032}" for n in range(5000)])


def test_numbers_of_digits_that_no_layer_has_do_not_match() -> None:
    patterns = Patterns("rank_pattern", {r"l\.\d+": 1})
    assert (patterns.value("l.123456", 0), patterns.value("l.1234567", 0)) == (1, 0)


def test_a_config_of_everything_at_once_is_read() -> None:
    found = read_settings(
        b'\xef\xbb\xbf{"r": 2, "lora_alpha": 3.5, "rank_pattern": {"x": 5}, "target_modules": "all-linear"}'
    )
    assert (found.rank, found.alpha, found.rank_of("a.x"), found.scale_of("a", 2)) == (2, 3.5, 5, 1.75)

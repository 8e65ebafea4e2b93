"""A few thousand inputs in every run of the suite, the same ones each time; ``python -m tests.fuzz`` tries more."""

from __future__ import annotations

import pytest

from tests.fuzz.harness import Tally, shares, tried
from tests.fuzz.promise import Broken, keeps, markup
from tests.fuzz.targets import TARGETS, Target

INPUTS = 7000
SHARES = {target.name: count for target, count in shares(list(TARGETS.values()), INPUTS).items()}


def test_the_inputs_are_as_many_as_they_should_be() -> None:
    assert sum(SHARES.values()) >= INPUTS


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_taken_or_refused_in_words(name: str) -> None:
    tally = Tally()
    tried(TARGETS[name], SHARES[name], tally)
    assert tally.inputs >= SHARES[name]
    assert tally.taken, "no input came near what is right"


@pytest.mark.parametrize(
    "text", ["[x](http://h)", "a\n- b", "a\n===", "    x", "$x$", ":a:", "<b>", "www.x", "&lt;", "a@b"]
)
def test_the_harness_sees_markup(text: str) -> None:
    assert markup(text)


@pytest.mark.parametrize("text", ["Rank r must be in 1..16; got 17.", "a − b, 3 + 4 (all)", "\\[x\\]", "@ 2.7 GHz"])
def test_the_harness_lets_plain_text_be(text: str) -> None:
    assert not markup(text)


@pytest.mark.parametrize("text", ["Traceback (most recent call last)", "\ud800", "x" * 10_000])
def test_the_harness_sees_messages_that_nobody_should_get(text: str) -> None:
    with pytest.raises(Broken):
        keeps([text])


def test_the_harness_finds_what_breaks_a_promise() -> None:
    like = TARGETS["link: quiz"]

    def bad(found: dict[str, str]) -> list[str]:
        if "n" in found:
            raise IndexError
        return []

    with pytest.raises(IndexError):
        tried(Target("bad", like.inputs, 1, bad), 500, Tally())

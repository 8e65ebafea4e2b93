"""The one sentence shape of errors."""

import pytest

from fedrot_core.errors import ConfigError, brief, rule


def test_rule_states_rule_value_and_remedy() -> None:
    error = rule("Rank r", "be in 1..32", 40, "Use 32.", "rank")
    assert str(error) == "Rank r must be in 1..32; got 40. Use 32."
    assert error.key == "rank"
    assert isinstance(error, ValueError)
    assert ConfigError("x").key == ""


VALUES = {
    "huge": 10**5000,
    "nested": [10**5000],
    "long": "x" * 10**6,
    "nan": float("nan"),
    "none": None,
    "bytes": b"\xff",
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_rule_prints_any_value_in_short(value: object) -> None:
    assert len(str(rule("Rank r", "be in 1..32", value, "Use 32."))) < 160


def test_what_is_brief_keeps_its_beginning() -> None:
    assert brief("short") == "short"
    assert brief("x" * 999, 10) == "x" * 9 + "…"
    assert len(brief(KeyError("x" * 10**6))) == 200

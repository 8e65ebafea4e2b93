"""Links: everything that is set comes back, and whatever cannot be used is named."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.session.query import Selection, from_query, to_query
from fedrot_core.config import FederationConfig, Leaf, leaves
from fedrot_core.config.fields import MOST_WORK
from fedrot_core.figures import FIGURES


def any_value(leaf: Leaf) -> st.SearchStrategy[Any]:
    opt = leaf.option
    if leaf.kind is int:
        return st.integers(int(opt.low or 0), int(opt.high or 0))
    if leaf.kind is float:
        return (
            st.sampled_from(opt.stops)
            if opt.stops
            else st.integers(0, round(((opt.high or 0) - (opt.low or 0)) / (opt.step or 1))).map(
                lambda n: (opt.low or 0) + n * (opt.step or 0)
            )
        )
    one = st.sampled_from(list(leaf.choices))
    return one if leaf.kind is str else st.lists(one, min_size=1, unique=True).map(tuple)


configs = st.fixed_dictionaries({leaf.option.key: any_value(leaf) for leaf in leaves()}).map(
    lambda values: FederationConfig().with_values(
        {
            **values,
            "width": max(values["width"], values["rank"]),
            "part": max(values["part"], 0.5),
            "rounds": min(values["rounds"], 10),
            "steps": min(values["steps"], 20),
        }  # a run has limits on what it may take as a whole
    )
)


@given(configs, st.integers(0, 9), st.sampled_from(list(FIGURES)))
@settings(max_examples=60, deadline=None)
def test_a_link_restores_config_and_selection(config: FederationConfig, number: int, tab: str) -> None:
    selection = Selection(
        round_index=min(number, config.train.rounds - 1), client=min(number, config.data.clients - 1), layer=number % 3,
        feature=number % 6, arm=config.methods[-1], tab=tab,
    )  # fmt: skip
    assert from_query(to_query(config, selection)) == (config, selection, [])


def test_a_default_run_has_an_empty_query() -> None:
    assert to_query(FederationConfig(), Selection()) == {}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("rank", "99"), ("rank", "four"), ("rank", "nan"), ("alpha", "-1"), ("alpha", "inf"), ("arms", "fedit,nobody"),
        ("arms", "fedit,fedit"), ("arms", ""), ("task", "cifar"), ("frames", "bent"), ("round", "15"), ("round", "-1"),
        ("client", "10"), ("het", "0.2"),
        ("show", "gpa"), ("figure", "pie"), ("colour", "red"), ("seed", "1e3"), ("layer", "²"),
    ],
)  # fmt: skip
def test_what_a_link_gets_wrong_is_named_and_replaced(key: str, text: str) -> None:
    config, selection, problems = from_query({key: text})
    assert config == FederationConfig()
    assert selection == Selection()
    assert len(problems) == 1
    assert key in problems[0]
    assert repr(text) in problems[0]


def test_one_bad_value_does_not_cost_the_good_ones() -> None:
    config, _, problems = from_query({"rank": "8", "alpha": "x", "seed": "3"})
    assert (config.lora.rank, config.seed, config.values()["alpha"]) == (8, 3, FederationConfig().values()["alpha"])
    assert len(problems) == 1


def test_values_that_do_not_fit_together_are_named() -> None:
    config, _, problems = from_query({"rank": "32", "width": "16"})
    assert (config.lora.rank, config.values()["width"]) == (FederationConfig().lora.rank, 16)
    assert len(problems) == 1
    assert "Rank r must be in 1..16" in problems[0]


def test_values_that_are_only_possible_together_survive_a_link() -> None:
    """A twentieth of ten clients is nobody, of a hundred it is five."""
    config, _, problems = from_query({"part": "0.05", "clients": "100", "min": "1"})
    assert not problems
    assert config.participants == 5
    config, _, problems = from_query({"part": "0.05", "seed": "7"})
    assert config.seed == 7
    assert config.server.participation == 1
    assert len(problems) == 1
    assert "part='0.05' was replaced" in problems[0]


def test_a_link_to_a_run_of_hours_keeps_what_fits() -> None:
    largest = {
        "clients": "200",
        "rounds": "100",
        "steps": "200",
        "rank": "32",
        "width": "128",
        "batch": "128",
        "min": "1",
    }
    config, _, problems = from_query(largest)
    assert config.work <= MOST_WORK
    assert (config.values()["width"], config.values()["batch"]) == (128, 128)
    assert config.values()["clients"] == 10
    assert problems
    assert all("A run must take at most about 4 min per method" in text for text in problems)
    assert "The link's clients='200' was replaced by 10." in problems[0]

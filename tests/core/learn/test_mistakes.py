"""Each mistake differs from its correct method, in the way it says and in no other."""

from __future__ import annotations

import numpy as np
import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.learn.mistakes import MISTAKES
from fedrot_core.learn.mistakes.evidence import Evidence, in_run, on_bench
from fedrot_core.learn.mistakes.game import CASES, drawn, hidden
from fedrot_core.methods import METHODS
from fedrot_core.trace import Trace

EVERY = pytest.mark.parametrize("name", MISTAKES)
CONFIG = FederationConfig().with_values({"frames": "trained", "rounds": 3, "steps": 4, "clients": 10, "batch": 8})
ZERO = 1e-9


@pytest.fixture(scope="module")
def runs() -> dict[str, Trace]:
    return {name: Federation(CONFIG, m.arms(CONFIG)).run() for name, m in zip(MISTAKES, MISTAKES.values(), strict=True)}


def bench(name: str) -> dict[str, Evidence]:
    keys = ("layers", "equal", "unscaled", "reversed", "skewed", "growth")
    return dict(zip(keys, on_bench(MISTAKES[name], CONFIG), strict=True))


def test_no_mistake_is_a_method() -> None:
    cards = {MISTAKES[name].build(CONFIG).card.name for name in MISTAKES}
    assert not cards & set(METHODS)
    assert all(type(MISTAKES[n].build(CONFIG)) not in {type(m) for m in METHODS.values()} for n in MISTAKES)


@EVERY
def test_a_mistake_is_told_in_full(name: str) -> None:
    m = MISTAKES[name]
    assert all(text.strip() for text in (m.title, m.right, m.wrong, m.why, m.tell))
    assert m.right != m.wrong
    right, wrong = m.arms(CONFIG)
    assert isinstance(wrong, type(right))
    assert wrong.card.label == f"{right.card.label}, faulty"


@EVERY
def test_bench_shows_the_mistake_where_it_sits_in_the_server(name: str) -> None:
    differs = any(not np.allclose(e.right, e.wrong, atol=1e-6) for e in bench(name).values())
    assert differs != MISTAKES[name].in_training


@EVERY
def test_a_correct_method_that_claims_exactness_is_exact_beside_its_faulty_copy(
    name: str, runs: dict[str, Trace]
) -> None:
    right, _ = MISTAKES[name].arms(CONFIG)
    errors = [float(r.errors.own[-1]) for r in runs[name].arm(right.card.name)]
    assert len(errors) == 3
    if right.exact:
        assert max(errors) < ZERO
        assert max(bench(name)["layers"].right) < ZERO


@EVERY
def test_both_copies_start_from_the_same_seed_and_the_correct_one_is_the_registered_method(
    name: str, runs: dict[str, Trace]
) -> None:
    alone = Federation(CONFIG.with_values({"arms": (MISTAKES[name].method,)})).run()
    scores = [r.score for r in runs[name].arm(MISTAKES[name].method)]
    np.testing.assert_allclose(scores, [r.score for r in alone.records], atol=0.01)  # float32 batches of another size


@EVERY
def test_faulty_copy_trains_differently(name: str, runs: dict[str, Trace]) -> None:
    right, wrong = (runs[name].arm(card.name) for card in runs[name].arms)
    assert [r.loss for r in right] != [r.loss for r in wrong]


def test_first_client_ignores_weights_and_depends_on_order() -> None:
    e = bench("first_client")
    assert e["skewed"].wrong == (0.0,)
    assert e["skewed"].right[0] > 0.1
    assert e["reversed"].wrong[0] > 0.1
    assert e["reversed"].right[0] < ZERO


def test_transposed_residual_hits_square_layers_only(runs: dict[str, Trace]) -> None:
    square, other = bench("transposed")["layers"].wrong
    assert square > 0.1
    assert other < ZERO
    last = runs["transposed"].arm("faulty_transposed")[-1].errors.own
    assert last[0] > 1e-3  # 64 x 64
    assert last[1] > 1e-3  # 64 x 64
    assert last[2] < ZERO  # 64 -> 10


def test_forgotten_scaling_sleeps_where_s_is_one() -> None:
    e = bench("scaling")
    assert min(e["layers"].wrong) > 0.01
    assert e["unscaled"].wrong[0] < ZERO


def test_lost_root_turns_twice_the_update_into_root_two() -> None:
    e = bench("square_root")
    assert e["growth"].right[0] == pytest.approx(2)
    assert e["growth"].wrong[0] == pytest.approx(2**0.5)


def test_own_start_gives_every_client_its_own_subspace(runs: dict[str, Trace]) -> None:
    angle = in_run(runs["own_start"])[4]
    assert angle.unit == "degrees"
    assert angle.right[0] < 0.01
    assert angle.wrong[0] > 45
    assert max(bench("own_start")["layers"].wrong) > 0.1
    other = CONFIG.with_values({"seed": 1})
    drawn = [Federation(c, MISTAKES["own_start"].arms(c)).run().records for c in (CONFIG, CONFIG, other)]
    assert drawn[0][1].loss == drawn[1][1].loss != drawn[2][1].loss


def test_a_first_moves_nothing_in_round_zero(runs: dict[str, Trace]) -> None:
    trace = runs["order"]
    right, wrong = (trace.arm(card.name) for card in trace.arms)
    assert wrong[0].score == trace.task.start_score
    assert float(wrong[0].turns.drift.max()) < 1e-6 < float(right[0].turns.drift.max())
    assert float(wrong[0].errors.ideal_norm[-1]) == 0
    assert wrong[1].loss != trace.task.start_loss


def test_clients_in_turn_drift_further_one_by_one_and_the_server_stays_exact(runs: dict[str, Trace]) -> None:
    trace = runs["in_turn"]
    right, wrong = (trace.arm(card.name) for card in trace.arms)
    assert float(wrong[0].turns.drift[0, -1]) > 1.5 * float(wrong[0].turns.drift[0, 0])
    np.testing.assert_allclose(
        wrong[0].turns.drift[:, 0], right[0].turns.drift[:, 0], rtol=1e-3
    )  # the first starts alike
    assert max(float(r.errors.own[-1]) for r in wrong) < ZERO


def test_mixed_weights_sleep_where_all_clients_count_the_same() -> None:
    e = bench("mixed_weights")
    assert min(e["layers"].wrong) > 0.01
    assert e["equal"].wrong[0] < ZERO


def test_a_case_is_the_same_everywhere_and_all_mistakes_come_up() -> None:
    assert [hidden(case).name for case in range(1, 60)] == [hidden(case).name for case in range(1, 60)]
    assert {hidden(case).name for case in range(1, 200)} == set(MISTAKES)
    assert hidden(CASES).name in MISTAKES


def test_a_new_mistake_takes_cases_for_itself_and_changes_no_other() -> None:
    before = {case: drawn(case, MISTAKES) for case in range(1, 200)}
    after = {case: drawn(case, [*MISTAKES, "a new one"]) for case in before}
    taken = [case for case in before if after[case] != before[case]]
    assert 5 < len(taken) < 60
    assert all(after[case] == "a new one" for case in taken)

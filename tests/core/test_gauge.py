"""The test behind the badges: what is claimed invariant never moves, what is claimed dependent does, and says so."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedrot_core import alignment
from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, ConfigError, DivergedError
from fedrot_core.federation import Federation
from fedrot_core.figures import FIGURES
from fedrot_core.gauge import Replay, Spin, replay, spin
from fedrot_core.methods import METHODS, gpa
from fedrot_core.metrics import measured
from fedrot_core.records import stored_fields
from fedrot_core.vocabulary import METRICS, RUNGS

SMALL = {"clients": 4, "rounds": 3, "steps": 4, "batch": 8, "rank": 3, "device": "cpu"}
FRAMES = ("trained", "independent", "svd", "turned")
CASES: list[dict[str, object]] = [
    {"frames": "svd"},
    {"frames": "trained", "rank": 4},
    {"frames": "independent", "alpha": 0.1, "rank": 2},
    {"frames": "turned", "theta": 90.0, "weights": "uniform"},
    {"task": "teacher", "frames": "svd", "clients": 6},
    {"task": "teacher", "frames": "trained", "rank": 8},
    {"frames": "svd", "part": 0.5, "drop": 0.3, "clients": 12, "rank": 5},
    {"frames": "svd", "lam": 1.0, "group": "O", "stale": 1},
    {"frames": "svd", "rank": 1},
]


def config(**values: object) -> FederationConfig:
    return FederationConfig().with_values({**SMALL, **values})


def spun(arm: str, round_index: int = 2, client: int = 1, seed: int = 0, **values: object) -> Spin:
    return spin(replay(config(arms=(arm,), **values), arm, round_index), client, seed)


def of_round(arm: str, round_index: int, **values: object) -> Replay:
    return replay(config(arms=(arm,), **values), arm, round_index)


def test_every_metric_is_tested_and_every_figure_says_what_it_is_drawn_from() -> None:
    assert {name for info in METRICS.values() for name in info.arrays} <= set(stored_fields())
    assert [row.key for row in spun("fedit").rows] == list(METRICS)
    for entry in FIGURES.values():
        claims = {METRICS[key].gauge for key in entry.metrics}
        assert entry.gauge == (None if not claims else "dependent" if "dependent" in claims else "invariant"), entry


@pytest.mark.parametrize("arm", ["fedit", "fedrot", "gpa", "flexlora", "ffa"])
@pytest.mark.parametrize("values", CASES, ids=str)
def test_invariant_metrics_never_move(arm: str, values: dict[str, object]) -> None:
    for round_index in range(3):
        replayed = of_round(arm, round_index, **values)
        clients = replayed.clients
        for client, seed in itertools.product({clients[0], clients[-1]}, range(2)):
            found = spin(replayed, client, seed)
            assert found.product_change < 1e-12
            for row in found.rows:
                assert row.holds, (round_index, client, row)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("fedit", "fedrot", "gpa", "flexlora", "ffa")])
def test_invariant_metrics_never_move_under_any_method(method: str) -> None:
    for round_index in range(3):
        found = spun(method, round_index, client=2)
        assert all(row.holds for row in found.rows), round_index


def test_claims_hold_with_the_procrustes_of_the_app_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tests iterate to the end; the app stops when nothing visible changes."""
    for module in (measured, gpa):
        monkeypatch.setattr(module, "generalised_procrustes", alignment.generalised_procrustes)
    for values in CASES:
        replayed = of_round("gpa", 2, **values)
        for client in replayed.clients:
            found = spin(replayed, client, 3)
            assert all(row.holds for row in found.rows), (values, client)
            assert not found["error"].moved
    for arm in ("flora", "flexlora", "hetlora"):
        for frames in ("svd", "trained", "independent"):
            replayed = of_round(arm, 2, ranks="mixed", rank=4, frames=frames, clients=6)
            for client in replayed.clients:
                assert all(row.holds for row in spin(replayed, client, 3).rows), (arm, frames, client)


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("key", [name for name in METRICS if METRICS[name].gauge == "dependent"])
def test_dependent_metrics_move_for_fedit_or_fedrot(frames: str, key: str) -> None:
    found = [spun(arm, frames=frames, lr=0.03) for arm in ("fedit", "fedrot")]
    assert any(f[key].moved for f in found)


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("client", range(4))
def test_naive_error_moves_and_gauge_invariant_rules_do_not(frames: str, client: int) -> None:
    naive = spun("fedit", client=client, frames=frames)
    assert naive["error"].moved
    assert naive["error"].change > 1e-3
    assert naive["error"].before == pytest.approx(naive["naive_error"].before, abs=1e-12)
    for name in [m for m in METHODS if METHODS[m].gauge_invariant]:
        found = spun(name, client=client, frames=frames)
        assert not found["error"].moved, name
        assert METHODS[name].card.label in found["error"].note
        assert found["naive_error"].moved, name


def test_hard_alignment_undoes_the_turn_and_soft_alignment_does_not() -> None:
    hard, soft = spun("fedrot", lam=1.0), spun("fedrot", lam=0.5)
    assert not hard["error"].moved
    assert hard["error"].note == "the alignment undid the turn"
    assert soft["error"].moved
    assert soft["error"].note == ""
    assert spun("fedrot", round_index=0, lam=1.0)["error"].moved  # nothing is aligned in round 0


def test_a_rank_of_one_has_no_rotation() -> None:
    found = spun("fedit", rank=1)
    assert found.degrees == 0
    assert found.rank == 1
    assert not any(row.moved for row in found.rows)
    assert found["error"].note == "at rank 1 there is no rotation"


def test_a_client_alone_has_nobody_to_disagree_with() -> None:
    found = spin(replayed := of_round("fedit", 1, clients=2, part=0.5), replayed.clients[0], 0)
    assert not found["error"].moved
    assert found["error"].note == "only one client took part"
    assert found["drift"].moved


def test_a_frozen_factor_is_named() -> None:
    """FFA's clients share A; one that turns is read in the wrong frame, so even an exact rule errs."""
    found = spun("ffa")
    assert found.frozen == "A"
    assert found["error"].before < 1e-9
    assert found["error"].moved
    assert [spun("rolora", t).frozen for t in range(3)] == ["A", "B", "A"]
    assert spun("fedit").frozen == ""


@pytest.mark.parametrize("arm", ["fedit", "fedrot", "gpa", "fedsrd", "fedsa", "fedrot_random"])
@pytest.mark.parametrize("round_index", [0, 2])
def test_before_is_what_the_run_in_company_recorded(arm: str, round_index: int) -> None:
    company = config(arms=("hetlora", arm, "fedex"), server="avg")
    record = Federation(company).run().arm(arm)[round_index]
    found = spin(replay(company, arm, round_index), 3, 0)
    assert found["error"].before == pytest.approx(float(record.errors.own[-1]), abs=1e-12)
    assert found["score"].before == pytest.approx(record.score, abs=1e-12)
    assert found["naive_error"].before == pytest.approx(
        float(record.errors.ladder[RUNGS.index("naive"), -1]), abs=1e-12
    )
    assert found["ideal_norm"].before == pytest.approx(float(record.errors.ideal_norm[-1]), rel=1e-12)


def test_score_follows_the_servers_own_step() -> None:
    company = config(arms=("fedit",), server="adam")
    record = Federation(company).run().arm("fedit")[2]
    assert spin(replay(company, "fedit", 2), 0, 0)["score"].before == pytest.approx(record.score, abs=1e-12)


def test_the_seed_says_which_rotation_and_an_angle_can_be_asked_for() -> None:
    replayed = of_round("fedit", 1, rank=4)
    assert spin(replayed, 1, 5) == spin(replayed, 1, 5)
    assert spin(replayed, 1, 5).degrees != spin(replayed, 1, 6).degrees
    assert spin(replayed, 1, 5)["error"].after != spin(replayed, 1, 6)["error"].after
    for degrees in (0.0, 30.0, 90.0):
        assert spin(replayed, 1, 5, degrees).degrees == pytest.approx(degrees, abs=1e-6)
    assert not any(row.moved for row in spin(replayed, 1, 5, 0.0).rows)


def test_clients_of_lower_rank_turn_only_what_they_hold() -> None:
    replayed = of_round("flexlora", 1, rank=4, ranks="mixed")
    for client, own in zip(replayed.clients, (4, 2, 1, 4), strict=True):
        found = spin(replayed, client, 1)
        assert found["best_error"].change < 1e-8
        assert found.rank == own
        assert all(row.holds for row in found.rows)
        assert (found.degrees > 0) == (own > 1)
        assert found["factor_angles"].moved == (own > 1)


def test_a_client_beyond_those_shown_is_still_measured_in_pairs() -> None:
    replayed = of_round("fedit", 1, clients=30, rounds=2, steps=2, rank=2)
    found = spin(replayed, 29, 0)
    assert found["factor_angles"].moved
    assert "29" in found["factor_angles"].where
    assert found["principal_angles"].where.endswith("29")
    again = spin(replace(replayed), 3, 0)
    assert found["error"].before == pytest.approx(again["error"].before, abs=1e-12)


def test_places_are_named() -> None:
    found = spun("fedit", client=2, frames="svd")
    assert found["error"].where == ""
    assert found["score"].where == "test accuracy"
    assert "client 2" in found["drift"].where
    assert "2" in found["factor_angles"].where.rpartition("clients")[2]
    assert found["retention"].where.split(", ")[-1].startswith("direction ")
    assert found["conditioning"].where[0] in "AB"
    teacher = spun("fedit", client=2, task="teacher")
    assert teacher["drift"].where == "client 2"  # one layer needs no name


def test_a_replay_can_be_stopped_and_tells_how_far_it_is() -> None:
    done: list[int] = []
    replay(config(), "fedrot", 1, on_round=done.append)
    assert done == [1, 2]
    with pytest.raises(Cancelled):
        replay(config(), "fedrot", 1, should_stop=lambda: True)


def test_what_cannot_be_turned_is_refused_with_a_reason() -> None:
    with pytest.raises(ConfigError, match="be one of fedit, fedrot; got 'gpa'"):
        replay(config(), "gpa", 0)
    with pytest.raises(ConfigError, match=r"Round must be in 0\.\.2; got 3"):
        replay(config(), "fedit", 3)
    lonely = of_round("fedit", 0, clients=2, part=0.5)
    with pytest.raises(ConfigError, match="Client must be one of"):
        spin(lonely, 1 - lonely.clients[0], 0)
    wild = {"opt": "sgd", "lr": 1.0, "lora_alpha": 64.0, "steps": 200, "task": "teacher"}
    with pytest.raises(DivergedError, match="stopped in round"):
        replay(config(**wild), "fedit", 2)


def test_a_spin_changes_nothing_that_was_kept() -> None:
    replayed = of_round("fedex", 2)
    kept = [x.clone() for x in (replayed.finished.sent.A, replayed.finished.sent.B)]
    state = replayed.finished.before
    base = None if state.base is None else state.base.clone()
    spin(replayed, 0, 0)
    assert all(
        torch.equal(x, y) for x, y in zip(kept, (replayed.finished.sent.A, replayed.finished.sent.B), strict=True)
    )
    assert base is not None
    assert state.base is not None
    assert torch.equal(base, state.base)
    assert np.isfinite([row.change for row in spin(replayed, 0, 1).rows]).all()

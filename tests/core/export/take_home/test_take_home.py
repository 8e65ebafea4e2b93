"""The take-home page: its numbers are those of the runs it names, it stands alone, and it is the same every time."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, ConfigError
from fedrot_core.export.take_home import runs as take_home_runs
from fedrot_core.export.take_home.build import GRID_OF_PAGE, MAX_BYTES, TIE_POINTS, TINY, Grid, build, numbers, written
from fedrot_core.export.take_home.check import check_page
from fedrot_core.export.take_home.runs import ahead, all_measured
from fedrot_core.export.take_home.steps import STEPS
from fedrot_core.federation import Federation
from fedrot_core.figures.kit.theme import HUES
from fedrot_core.figures.run.arrows import arrows
from fedrot_core.learn.lessons.base import MOST_STEPS, MOST_WORDS
from fedrot_core.methods import METHODS

Row = dict[str, Any]
RUNS = [(setting, n) for setting in range(len(TINY.settings)) for n in range(len(TINY.lams))]


@pytest.fixture(scope="module")
def found() -> Row:
    return numbers(TINY)


@pytest.fixture(scope="module")
def page(found: Row) -> str:
    return written(found).decode()


def packed(page: str, name: str) -> str:
    match = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', page)
    assert match
    return gzip.decompress(base64.b64decode(match[1])).decode()


@pytest.mark.parametrize(("place", "lam"), RUNS)
def test_every_number_is_one_of_the_run_it_names(found: Row, place: int, lam: int) -> None:
    config = TINY.config(*TINY.settings[place], TINY.lams[lam])
    run, trace = found["runs"][place], Federation(config).run()
    aligned = run["aligned"][lam]
    assert run["hash"][lam] == config.hash
    assert run["start"] == pytest.approx(trace.task.start_score, abs=5e-5)
    assert run["centralised"] == pytest.approx([c.score for c in trace.centralised], abs=5e-5)
    for arm, name in ((run["naive"], "fedit"), (aligned, "fedrot")):
        records = trace.arm(name)
        assert arm["score"] == pytest.approx([r.score for r in records], abs=5e-5)
        assert arm["error"] == pytest.approx([float(r.errors.own[-1]) for r in records], rel=6e-4)
    for t, record in enumerate(trace.arm("fedrot")):
        assert aligned["column"][t] == record.arrows.features[0, 0]
        shown = arrows(record, 0, 0)
        assert aligned["kept"][t][0] == pytest.approx(shown.kept[0], abs=1e-4)
        if t:  # in round 0 nobody turns, and the record holds what generalised Procrustes would do
            assert aligned["kept"][t][1] == pytest.approx(shown.kept[-1], abs=1e-4)


def test_arrows_are_drawn_to_scale(found: Row) -> None:
    """In the plane, lengths and angles are those of r-dimensional space as far as the plane shows them."""
    config = TINY.config(90.0, 0.5, 2, 0.8)
    place = TINY.settings.index((90.0, 0.5, 2))
    arm, records = found["runs"][place]["aligned"][1], Federation(config).run().arm("fedrot")
    for t, record in enumerate(records):
        path = record.arrows.path[0, 0, :, :, 0]  # (K, r) as sent; r = 2, so the plane shows everything
        mean = float(np.linalg.norm(path, axis=-1) @ record.weights)
        sent = np.array(arm["sent"][t])
        assert sent @ sent.T == pytest.approx(path @ path.T / mean**2, abs=4e-3)
        assert arm["shown"][t] == 1
        assert arm["means"][t][1] == pytest.approx([0, arm["kept"][t][1]], abs=2e-3)
        assert np.linalg.norm(arm["means"][t][0]) == pytest.approx(arm["kept"][t][0], abs=2e-3)
        assert sent[0, 0] >= 0


def test_without_strength_the_aligned_arm_is_the_naive_one(found: Row) -> None:
    for run in found["runs"]:
        none = run["aligned"][0]
        assert none["score"] == run["naive"]["score"]
        assert none["error"] == run["naive"]["error"]
        assert none["sent"] == none["turned"]


def test_nobody_turns_in_round_0(found: Row) -> None:
    for run in found["runs"]:
        for arm in run["aligned"]:
            assert arm["sent"][0] == arm["turned"][0]
            assert arm["kept"][0][0] == arm["kept"][0][1]


def test_the_file_holds_what_was_measured_and_nothing_outside(found: Row, page: str) -> None:
    assert json.loads(packed(page, "data")) == json.loads(json.dumps(found))
    assert "plotly.js v" in packed(page, "plotly")[:200]
    bare = re.sub(r'(<script type="text/plain"[^>]*>)[^<]*', r"\1", page)
    assert "@@" not in bare
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bfetch\b|XMLHttp|WebSocket|import\(", bare.replace('"//', ""))

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name in ("src", "href", "action", "srcset", "data", "poster"):
                    assert value == "data:,", (tag, name, value)

    Links().feed(bare)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none';")
    assert "http" not in policy[1]


def test_the_default_page_stays_small(found: Row, page: str) -> None:
    """From the tiny page: what is fixed, and the size of one arm's round, times what the default grid holds."""
    data = len(base64.b64encode(gzip.compress(json.dumps(found["runs"]).encode())))
    tiny = len(TINY.settings) * len(TINY.lams) * TINY.base.train.rounds * TINY.base.data.clients
    whole = len(GRID_OF_PAGE.settings) * len(GRID_OF_PAGE.lams) * GRID_OF_PAGE.base.train.rounds
    assert len(page) + data * whole * GRID_OF_PAGE.base.data.clients / tiny < MAX_BYTES


def test_equal_grids_give_equal_bytes() -> None:
    small = dataclasses.replace(TINY, thetas=(90.0,), ranks=(2,))
    assert build(small) == build(dataclasses.replace(small))


def test_more_threads_change_nothing(found: Row) -> None:
    alone = all_measured(TINY, lambda: False, lambda done, total: None, jobs=1)
    assert alone == found["runs"]


def test_progress_counts_settings() -> None:
    told: list[tuple[int, int]] = []
    small = dataclasses.replace(TINY, ranks=(2,))
    numbers(small, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_cancelling_ends_it_soon() -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 10

    with pytest.raises(Cancelled):
        build(TINY, stop)
    assert asked < 10 + 3 * len(TINY.settings)


def test_an_error_while_it_counts_leaves_no_thread_behind() -> None:
    def fails(done: int, total: int) -> None:
        if done:
            raise RuntimeError("told")

    with pytest.raises(RuntimeError, match="told"):
        build(TINY, on_progress=fails)


@pytest.mark.parametrize("axis", [{"thetas": (90.0, 0.0)}, {"lams": ()}, {"ranks": (2, 2)}, {"alphas": (0.001,)}])
def test_a_grid_refuses_what_no_slider_could_hold(axis: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Grid(**axis)


def test_a_grid_has_a_most_of_runs() -> None:
    many = tuple(float(n) for n in range(100))
    with pytest.raises(ConfigError, match=r"The grid must hold at most 2,000 runs; got 1000000\. Take fewer values"):
        Grid(thetas=many, lams=many, alphas=many, ranks=(2,))


def test_theta_0_is_as_trained() -> None:
    assert TINY.config(0.0, 0.5, 2, 0.8).frames.kind == "trained"
    assert TINY.config(90.0, 0.5, 2, 0.8).frames.angle == 90.0


def test_steps_are_few_and_short() -> None:
    assert len(STEPS) <= MOST_STEPS
    assert max(step.words for step in STEPS) <= MOST_WORDS
    assert 2 <= sum(step.guess is not None for step in STEPS) <= 3
    assert all((step.guess is None) == bool(step.do) for step in STEPS)
    prose = " ".join(f"{s.text} {s.do} {s.guess.question + s.guess.after if s.guess else ''}" for s in STEPS)
    known = {"theta", "round", "start", "centralised", "cos", "cos2", "runs", "ahead", "level", "behind", "tie"}
    assert set(re.findall(r"\{(\w+)\}", prose)) <= known
    assert not re.search(r"\d+\s?%", prose), "a measured number does not belong into a template"


def test_runs_are_counted_by_whole_points() -> None:
    def arm(*scores: float) -> Row:
        return {"score": list(scores)}

    rows = [{"naive": arm(0.1, 0.50), "aligned": [arm(0.1, 0.99), arm(0.9, 0.53), arm(0.9, 0.52), arm(0.1, 0.47)]}]
    assert ahead(rows, (0.0, 0.2, 0.5, 1.0), TIE_POINTS) == (1, 1, 1)
    assert ahead([{"naive": arm(), "aligned": [arm(0.5)]}], (0.5,), TIE_POINTS) == (0, 0, 0)


def test_shared_flags_name_what_differs_from_the_defaults() -> None:
    assert take_home_runs.common_flags(GRID_OF_PAGE) == ""
    words = take_home_runs.common_flags(TINY).split()
    values = dict(zip([w.removeprefix("--") for w in words[::2]], words[1::2], strict=True))
    assert values == {"clients": "4", "rounds": "3", "steps": "4"}
    base = FederationConfig().with_values({"lr": 0.003, "lora_alpha": 4.0})
    assert "--lr 0.003" in take_home_runs.common_flags(dataclasses.replace(TINY, base=base))
    assert "--lora-alpha 4" in take_home_runs.common_flags(dataclasses.replace(TINY, base=base))


def test_an_arm_that_stops_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.federation.round.LARGEST_ENTRIES", 1e-9)
    run = numbers(dataclasses.replace(TINY, thetas=(90.0,), ranks=(2,)))["runs"][0]
    assert "stopped in round 0" in run["naive"]["stopped"]
    assert run["naive"]["score"] == []


def test_colours_are_those_of_all_figures(page: str) -> None:
    naive, aligned = METHODS["fedit"].card, METHODS["fedrot"].card
    for mode in ("light", "dark"):
        assert f"--naive:{HUES[mode][naive.hue]};--aligned:{HUES[mode][aligned.hue]}" in page


def test_a_page_comes_out_again_and_a_changed_number_is_named(found: Row) -> None:
    settings: list[int] = []
    verdict = check_page(written(found), on_setting=lambda: settings.append(1))
    assert str(verdict).startswith("The same numbers: 3 of the page's 4 settings were trained again")
    assert len(settings) == 3
    changed = json.loads(json.dumps(found))
    changed["runs"][0]["aligned"][1]["score"][2] += 3e-4
    verdict = check_page(written(changed), sample=1)
    assert verdict.outcome == "differs"
    assert "First difference: θ = 0°, α = 0.5, r = 2, FedRot-LoRA at λ = 0.8, score, round 2: " in str(verdict)
    rounding = json.loads(json.dumps(found))
    rounding["runs"][0]["naive"]["error"][1] *= 1 + 1e-4
    assert check_page(written(rounding), sample=1).outcome == "same"


def test_a_file_that_is_no_page_is_refused(found: Row) -> None:
    for broken in (b"", b"<html></html>", written({**found, "runs": []}), written({**found, "base": {}})):
        with pytest.raises(ConfigError):
            check_page(broken)
    data = base64.b64encode(b"no gzip")
    with pytest.raises(ConfigError, match=r"A take-home page must hold numbers that can be read"):
        check_page(b'<script type="text/plain" id="data">' + data + b"</script>")

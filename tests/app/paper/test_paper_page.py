"""The paper card without a browser: the paper's numbers are the paper's, ours come from runs, and both say which."""

from __future__ import annotations

import html
import math

import pytest
from streamlit.testing.v1 import AppTest

from app.paper.parts import LINK, read_link
from fedrot_core.figures.study.paper import curves, error_ratios, gap_title, shared_span
from fedrot_core.methods import METHODS
from fedrot_core.study import paper, replica
from fedrot_core.study.plotted import Line, Ratios
from fedrot_core.study.replica import PaperCard
from fedrot_core.study.sweep import summarise
from tests import ROOT
from tests.app.sessions import watch_of

MAIN = str(ROOT / "app" / "main.py")


def text(at: AppTest) -> str:
    """All prose of the page."""
    return html.unescape(" ".join(str(m.proto.body) for m in at.get("html")))


def test_tables_of_the_paper_are_complete() -> None:
    assert set(paper.ACCURACY) | set(paper.BY_RANK) <= set(METHODS)
    for table, settings in (
        (paper.ACCURACY, paper.CLIENTS), (paper.BY_STRENGTH, paper.STRENGTHS), (paper.BY_RANK, paper.RANKS),
    ):  # fmt: skip
        for values in table.values():
            assert len(values) == len(settings)
            assert all(0.5 < v < 1 for v in values)
    assert paper.ACCURACY["fedrot"][2] == 0.8734
    assert paper.REPLICATION == {"fedit": 0.700, "fedrot": 0.702}


def test_runs_of_ours_are_the_papers_settings() -> None:
    runs = replica.plan({}, 2)
    assert [cell[0].data.clients for cell in runs.clients] == list(paper.CLIENTS)
    assert [cell[0].align.strength for cell in runs.strengths] == list(paper.STRENGTHS)
    assert [cell[0].lora.rank for cell in runs.ranks] == list(paper.RANKS)
    for config in runs.configs:
        assert config.values()["alpha"] == 0.5
        assert config.frames.kind == "trained"
        assert config.lora.lora_alpha == 8
    assert {c.seed for c in runs.configs} == {0, 1}


def test_our_numbers_come_from_the_runs() -> None:
    runs = replica.plan({"rounds": 2, "steps": 2, "batch": 8}, 2)
    found = {c.hash: summarise([c])[0] for c in runs.clients[1]}
    card = PaperCard.of(runs, found.values())
    lines = card.lines(runs.clients, ("fedit", "fedrot"))
    scores = [found[c.hash].arms["fedit"].scores[-1] for c in runs.clients[1]]
    assert lines[0].values[1] == pytest.approx(sum(scores) / 2)
    assert (lines[0].low[1], lines[0].high[1]) == (min(scores), max(scores))
    assert math.isnan(lines[0].values[0])
    theirs, ours = card.ratios
    assert theirs.values["paper, SST-2"] == pytest.approx(7.49 / 0.472, rel=1e-3)
    a, b = (sorted(x) for x in zip(*((r.arms["fedit"].errors[1], r.arms["fedrot"].errors[1]) for r in found.values()),
                                   strict=True))  # fmt: skip
    assert min(a) / max(b) <= ours.values["ours, each along its own run"] <= max(a) / min(b)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_figures_state_the_finding_and_name_their_source(mode: str) -> None:
    table = PaperCard.of(replica.plan({}), ()).tables[0]
    lines = table.theirs
    title = gap_title("Paper", lines, table)
    assert title == "Paper: FedRot-LoRA minus FedIT +2.2, +4.6, +10.5\u00a0points at 3, 10, 50 clients"
    fig = curves(mode, title, lines, paper.CLIENTS, "clients", "GLUE, from the paper", (0.7, 0.9))
    assert {t.name for t in fig.data} == {METHODS[m].card.label for m in paper.ACCURACY}
    assert tuple(fig.layout.yaxis.range) == (0.7, 0.9)
    assert any(a.text == "GLUE, from the paper" for a in fig.layout.annotations)
    assert "87\u00a0% at 3" in fig.layout.meta["alt"]
    card = METHODS["fedrot"].card
    ratio = error_ratios(mode, [Ratios(card, {"a": 2.0, "b": math.nan})])
    assert ratio.layout.xaxis.type == "log"
    assert list(ratio.data[0].x) == [2.0, None]
    assert "not known yet" in ratio.layout.meta["alt"]
    alike = error_ratios(mode, [Ratios(card, {"a": 25.01, "b": 25.2})])
    assert alike.layout.title.text.endswith("25×")
    assert " to " not in alike.layout.title.text


def test_figures_of_a_pair_span_equally_many_points() -> None:
    card = METHODS["fedrot"].card
    wide, narrow = [Line(card, (0.52, 0.97))], [Line(card, (0.881, 0.884, math.nan))]
    for low, high in (spans := shared_span(wide, narrow)):
        assert high - low == pytest.approx(spans[0][1] - spans[0][0])
        assert high <= 1
    assert spans[1][0] <= 0.881 <= 0.884 <= spans[1][1]


def test_the_page_runs_ours_and_says_what_differs() -> None:
    at = AppTest.from_file(MAIN, default_timeout=120)
    at.switch_page("../pages/05_paper.py")
    at.query_params.update({"rounds": "2", "steps": "1", "batch": "4", "seeds": "1", "colour": "red"})
    at.run()
    assert not at.exception
    assert "+2.2, +4.6, +10.5\u00a0points in the paper" in text(at)
    assert "70.2 with FedRot-LoRA against 70.0 with plain averaging" in text(at)
    assert "colour" in at.warning[0].value
    watch = watch_of(at, "paper")
    assert watch.job.finished.wait(120)
    assert not watch.error
    at.run()
    assert not at.exception
    assert len(watch.runs) == len(watch.configs)
    assert "not yet known" not in text(at)
    assert "What differs" in text(at)
    assert "not an LLM" in text(at)
    assert "1 local steps" in text(at) or "1 local step" in text(at)


def test_bad_links_are_explained() -> None:
    place, problems = read_link({"seeds": "9", "rounds": "x", "frames": "svd"})
    assert place.settings["frames"] == "svd"
    assert place.seeds == replica.SEEDS
    assert len(problems) == 2


def test_a_link_keeps_every_digit_of_a_setting() -> None:
    place, _ = read_link({"lr": "0.0123456789"})
    assert read_link(LINK.write(place)) == (place, [])
    assert place.settings == {"lr": 0.0123456789}

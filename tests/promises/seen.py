"""Where the toys are to be seen; run by :mod:`tests.promises.test_promises` in a copy that has them."""

from __future__ import annotations

import html
import json
import time
from pathlib import Path

from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from app.navigation import sections
from app.quiz.place import topic_titles
from app.session.query import Selection, from_query, to_query
from fedrot_core.cli.program import group
from fedrot_core.config import FederationConfig
from fedrot_core.export.run.code import script
from fedrot_core.study import presets, when
from tests import ROOT
from tests.app.sessions import slider_of

MAIN = str(ROOT / "app" / "main.py")
SMALL = {"task": "toy", "spread": "0.7", "arms": "fedit,toy_mean", "rounds": "2", "steps": "3", "clients": "3"}


def command(*args: str) -> str:
    done = CliRunner().invoke(group, args)
    assert done.exit_code == 0, done.output
    return done.stdout


def opened(page: str, **query: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(f"../pages/{page}")
    at.query_params.update(query)
    deadline = time.monotonic() + 60
    while at.run().get("progress") or any("being computed" in info.value for info in at.info):
        assert time.monotonic() < deadline  # AppTest has no timer: the page is asked again until its run is done
    assert not at.exception
    assert not at.error
    return at


def text(at: AppTest) -> str:
    return html.unescape(" ".join(str(m.proto.body) for m in at.get("html")))


def test_the_command_line_knows_them(tmp_path: Path) -> None:
    text = " ".join(command("run", "--help").split())
    assert "toy: Toy matrices" in text
    assert "toy_mean" in text
    assert "--spread X" in text
    assert "The toy matrices" in text
    flags = [part for key, value in SMALL.items() for part in (f"--{key}", value)]
    file = tmp_path / "run.json"
    out = command("run", *flags, "--json", "--quiet", "--out", str(file))
    assert json.loads(out)["score_name"] == "share explained"
    assert "eproduced" in command("verify", str(file))
    assert "share explained" in command("compare", *flags, "--seeds", "1", "--quiet")
    html = tmp_path / "toy.html"
    command("figure", "toy_loss", *flags, "--quiet", "--out", str(html))
    assert "after round" in html.read_text()


def test_a_link_holds_them_and_code_rebuilds_them() -> None:
    config, selection, problems = from_query({**SMALL, "figure": "toy_loss"})
    assert problems == []
    assert selection == Selection(tab="toy_loss")
    assert config.values()["spread"] == 0.7
    assert to_query(config, selection) == {**SMALL, "figure": "toy_loss"}
    assert "from fedrot_core.workloads.toy_workload import ToyConfig" in script(config)
    assert FederationConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_maps_and_searches_run_along_the_workloads_own_axis() -> None:
    config = FederationConfig().with_values({"task": "toy"})
    mapped = when.plan(config)
    assert mapped.x.values == (0.0, 0.5, 1.0)
    assert {s.config.values()["spread"] for s in mapped.search} == {0.0, 0.5, 1.0}
    assert presets.matching(config) is None


def test_the_lab_offers_them() -> None:
    at = opened("01_lab.py", **SMALL, figure="toy_loss")
    assert "Toy mean" in at.multiselect(key="control_arms").options
    assert "Toy matrices" in at.selectbox(key="control_task").options
    assert slider_of(at, "spread")["value"] == 0.7
    assert "Toy losses" in str(at.segmented_control(key="tab").options)
    assert "How does the loss of every arm fall?" in [caption.value for caption in at.caption]


def test_the_menu_and_the_quiz_have_the_lesson() -> None:
    (entry,) = [entry for entry in sections()["Learn"] if entry.file == "toy_lesson.py"]
    assert entry.title.endswith("A toy lesson")
    at = opened(entry.file)
    assert "Step 1 of 3" in text(at)
    assert "toy_lesson" not in topic_titles()  # it has no questions yet


def test_spot_the_bug_lists_the_mistake() -> None:
    at = opened("04_spot_the_bug.py", bug="toy_half", rounds="1", steps="1")
    assert "The server halves B" in at.selectbox(key="bug_name").options

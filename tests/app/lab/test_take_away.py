"""Runs leave the lab and come back: a run file is rerun and compared, a trace is replayed, a link proves itself."""

from __future__ import annotations

import dataclasses
import html
import io
import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from app.session.run import Watched
from fedrot_core.config import FederationConfig
from fedrot_core.export.run import run_file
from fedrot_core.federation import Federation
from fedrot_core.trace import Trace
from tests import ROOT
from tests.app.sessions import config_of, job_of, part_of, set_config, slide
from tests.core.export.forging import forged

MAIN = str(ROOT / "app" / "main.py")
LAB = "../pages/01_lab.py"
QUICK = {"rounds": "2", "steps": "2", "clients": "4", "seed": "5"}


@pytest.fixture(scope="module")
def trace() -> Trace:
    return Federation(FederationConfig().with_values({key: int(value) for key, value in QUICK.items()})).run()


def lab(**query: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(LAB)
    at.query_params.update(query)
    return finished(at.run())


def finished(at: AppTest) -> AppTest:
    assert not at.exception
    assert job_of(at).finished.wait(120)
    at.run()
    assert not at.exception
    return at


def run_anew(at: AppTest) -> AppTest:
    return finished(at.button(key="run_anew").click().run())


def opened(at: AppTest, name: str, content: bytes) -> AppTest:
    at.file_uploader[0].set_value((name, content, "application/octet-stream")).run()
    return finished(at)


def told(at: AppTest) -> str:
    parts = [*at.success, *at.warning, *at.info]
    return html.unescape(" ".join(p.value for p in parts)).replace("\\", "")


def test_a_run_file_is_run_again_and_reproduced(trace: Trace) -> None:
    at = opened(lab(), "run.json", run_file.write(trace))
    assert config_of(at) == trace.config
    assert "Reproduced" in told(at)
    set_config(at, FederationConfig())
    assert "Reproduced" not in told(at.run())


def test_a_changed_number_is_named(trace: Trace) -> None:
    content = json.loads(run_file.write(trace))
    content["rounds"]["fedit"]["score"][1] += 0.125
    text = told(opened(lab(), "run.json", json.dumps(content).encode()))
    assert "Differs" in text
    assert "round 1" in text
    assert "FedIT" in text


def test_a_trace_replays_without_training_and_can_be_run_instead(trace: Trace) -> None:
    marked = dataclasses.replace(trace, device="mps")
    buffer = io.BytesIO()
    marked.save(buffer)
    at = opened(lab(), "trace.npz", buffer.getvalue())
    assert "nothing was trained" in told(at)
    assert job_of(at).trace().device == "mps"
    next(b for b in at.button if b.label == "Run it instead").click().run()
    at = finished(at)
    assert "nothing was trained" not in told(at)
    assert job_of(at).trace().device != "mps"


@pytest.mark.parametrize("content", [b"", b"{", b'{"kind": "x"}', b"PK\x03\x04 not a trace", b"\x80\x04cos\nsystem\n"])
def test_a_broken_or_hostile_file_is_refused_and_the_run_stays(content: bytes) -> None:
    at = lab(**QUICK)
    before = config_of(at)
    at = opened(at, "evil.json", content)
    assert "evil.json was not opened" in told(at)
    assert config_of(at) == before


def test_a_shared_link_proves_itself_and_a_false_one_is_found_out() -> None:
    at = lab(**QUICK)
    link = next(c.value for c in at.code if "check=" in c.value)
    query = dict(parse_qsl(urlsplit(link).query))
    visitor = lab(**query)
    assert "Nothing was computed for you" in told(visitor)
    assert "They equal those of the link" in told(visitor)
    assert "Reproduced" in told(run_anew(visitor))
    near = run_anew(lab(**{**query, "check": forged(query["check"], 1 + 3e-10)}))
    assert "The same numbers, up to rounding (largest difference 3e-10" in told(near)
    wrong = run_anew(lab(**{**query, "check": forged(query["check"], 1 + 1e-5)}))
    assert (
        "A twin run, changed in the 14th digit only, is finding out" in told(wrong)
        or part_of(wrong, Watched).twin.finished.is_set()
    )
    assert part_of(wrong, Watched).twin.finished.wait(120)
    assert "Differs. First difference: round" in told(wrong.run())
    assert "check must have the form" in told(lab(**{**query, "check": "<b>x</b>"}))
    at = lab(**query)
    slide(at, "rank", 3)
    assert "Reproduced" not in told(finished(at))


def test_downloads_wait_for_the_last_round() -> None:
    at = lab(**QUICK)
    labels = {str(b.proto.label) for b in at.get("download_button")}
    assert {"Run file", "Python script", "Notebook", "Trace, to replay"} <= labels

"""The front door: two sentences, the effect, three ways on; and links shared from the root still open their run."""

from __future__ import annotations

import html

from streamlit.testing.v1 import AppTest

from app.jobs.runs import runner
from fedrot_core.config import FederationConfig
from fedrot_core.wording import percent
from tests import ROOT
from tests.app.sessions import config_of

MAIN = str(ROOT / "app" / "main.py")


def text(at: AppTest) -> str:
    return html.unescape(" ".join(str(m.proto.body) for m in at.get("html")))


def test_the_front_page_shows_the_effect_with_the_default_runs_numbers_and_three_doors() -> None:
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    assert not at.exception
    trace = runner().job(FederationConfig(), "test").trace()
    assert trace is not None
    for arm in ("fedit", "fedrot"):
        record = trace.at(arm, trace.rounds_done - 1)
        assert record is not None
        assert percent(record.score) in text(at)
    links = [str(link.proto.page) for link in at.get("page_link")]
    assert links == ["one_update", "quiz", "lab", "compare", "when", "spot_the_bug"]


def test_a_run_shared_from_the_root_opens_in_the_lab() -> None:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.query_params["rank"] = "2"
    at.run()
    assert not at.exception
    assert config_of(at).lora.rank == 2


def test_what_other_sites_add_to_the_address_leaves_home_at_home() -> None:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.query_params.update({"utm_source": "mail", "foo": "1"})
    at.run()
    assert not at.exception
    assert "See what averaging does" in text(at)
    assert not dict(at.query_params)

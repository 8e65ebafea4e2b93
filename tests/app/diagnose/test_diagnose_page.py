"""The page that diagnoses adapters, without a browser: samples, own files, links, merging, and what is refused."""

from __future__ import annotations

import gc
import html
import io
import weakref
import zipfile
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import fedrot_core as fr
from app.diagnose.merging import Merging
from app.diagnose.place import SETS, Place, parsed, read_link
from app.diagnose.sources import Own
from app.jobs.diagnoses import SAMPLES, DiagnosisJob, Question, of_sample
from fedrot_core.errors import Cancelled
from tests import ROOT
from tests.app.sessions import part_of, place_of, session_of

MAIN = str(ROOT / "app" / "main.py")
PAGE = "../pages/06_diagnose.py"


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(PAGE)
    at.query_params.update(query)
    return settled(at)


def settled(at: AppTest) -> AppTest:
    """Run until nothing is awaited: AppTest has no timer."""
    at.run()
    for _ in range(2):
        assert not at.exception
        place = place_of(at, "diagnose")
        job = part_of(at, Own).job if place.set == "own" else sample_job(at)
        if job is not None:
            assert job.finished.wait(60)
        at.run()
    assert not at.exception
    return at


def sample_job(at: AppTest) -> DiagnosisJob:
    place = place_of(at, "diagnose")
    weights = tuple(sorted(parsed(place.weights)[0].items()))
    return of_sample(Question(place.set, place.reference, weights), session_of(at))


def prose(at: AppTest) -> str:
    parts = [*(str(m.proto.body) for m in at.get("html")), *(c.value for c in at.caption)]
    return html.unescape(" ".join(parts + [w.value for w in (*at.warning, *at.error, *at.info)]))


def packed(clients: dict[str, dict[str, bytes]]) -> bytes:
    """A zip with a folder for each client."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for client, files in clients.items():
            for name, content in files.items():
                archive.writestr(f"{client}/{name}", content)
    return out.getvalue()


@pytest.fixture
def made(tmp_path: Path) -> dict[str, dict[str, bytes]]:
    """Files of three clients that learned the same, each in a frame of its own."""
    rng = np.random.default_rng(0)
    core = {f"layers.{n}.q": (rng.normal(size=(20, 3)), rng.normal(size=(3, 16))) for n in range(2)}
    found = {}
    for client in ("ann", "bob", "cat"):
        R = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        fr.write_adapter(tmp_path / client, {name: (B @ R, R.T @ A) for name, (B, A) in core.items()})
        found[client] = {file.name: file.read_bytes() for file in (tmp_path / client).iterdir()}
    return found


def dropped(at: AppTest, name: str, content: bytes) -> AppTest:
    at.file_uploader[0].upload(name, content, "application/zip")
    return settled(at)


@pytest.mark.parametrize("name", [name for name in SETS if name != "own"])
def test_every_sample_is_answered_first_and_drawn(name: str) -> None:
    at = opened(set=name)
    found = fr.diagnose(SAMPLES / f"{name}.zip")
    assert found.verdict.sentence in prose(at)
    assert {"films", "news", "products", "tweets"} == set(found.clients)
    assert len(found.layers) == 12
    assert not found.cohort.refused
    assert [str(c.proto.id) for c in at.get("bidi_component") if "-figure_adapter_" in str(c.proto.id)]


def test_the_samples_are_what_they_say() -> None:
    """The same clients from one start, from starts of their own, and the first in other frames."""
    shared, apart, svd = (fr.diagnose(SAMPLES / f"{name}.zip") for name in ("shared", "independent", "svd"))
    assert svd.totals["floor"] == pytest.approx(shared.totals["floor"], abs=1e-5)  # no update changed
    assert svd.totals["naive"] > 1.2 * shared.totals["naive"]
    assert apart.totals["naive"] > 1.2 * shared.totals["naive"]
    assert max(layer.apart_A for layer in shared.layers) < min(layer.apart_A for layer in apart.layers)


def test_own_files_are_diagnosed_merged_and_gone_with_the_session(made: dict[str, dict[str, bytes]]) -> None:
    at = dropped(opened(set="own"), "clients.zip", packed(made))
    assert "Use generalised Procrustes." in prose(at)
    job = weakref.ref(part_of(at, Own).job)
    at.button(key="diagnose_make").click().run()
    assert part_of(at, Merging).job.finished.wait(60)
    at.run()
    assert not at.exception
    (merged,) = [b for b in at.get("download_button") if str(b.proto.id).endswith("diagnose_merged")]
    assert "Download" in merged.proto.label
    del at, merged
    gc.collect()
    assert job() is None


def test_own_files_are_still_there_after_a_look_at_a_sample(made: dict[str, dict[str, bytes]]) -> None:
    at = dropped(opened(set="own"), "clients.zip", packed(made))
    at.button_group[0].set_value("shared")
    assert "all from the same random factors" in prose(settled(at))
    at.button_group[0].set_value("own")
    at = settled(at)
    assert part_of(at, Own).job.result.clients == ("ann", "bob", "cat")
    assert len(part_of(at, Own).files) == 1


def test_cancel_ends_it_until_it_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: DiagnosisJob) -> None:
        while not self.should_stop():
            self.finished.wait(0.01)
        raise Cancelled("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(DiagnosisJob, "work", slow)
        at = AppTest.from_file(MAIN, default_timeout=60)
        at.switch_page(PAGE)
        at.query_params.update({"set": "svd", "weights": "news=7"})
        at.run()
        at.button(key="diagnose_cancel").click().run()
        for _ in range(2):
            at.run()
            assert not at.exception
            assert "Cancelled." in prose(at)
    at.button(key="diagnose_again").click().run()
    assert "Plain averaging misses" in prose(settled(at))


def test_what_the_link_selects_and_is_not_there_is_told() -> None:
    told = prose(opened(set="shared", layer="nope", client="<b>", method="zz"))
    assert all(f"There is no {key}" in told for key in ("layer", "client", "method"))


def test_what_is_refused_is_named_and_the_others_are_kept(made: dict[str, dict[str, bytes]]) -> None:
    broken = made["bob"] | {"adapter_model.safetensors": made["bob"]["adapter_model.safetensors"][:-9]}
    at = dropped(opened(set="own"), "clients.zip", packed(made | {"[bob](x)": broken}))
    assert "end where the file ends" in prose(at)
    assert part_of(at, Own).job.result.clients == ("ann", "bob", "cat")


def test_a_file_that_is_no_adapter_is_an_error_and_the_page_stays() -> None:
    at = dropped(opened(set="own"), "clients.zip", b"no zip")
    assert len(at.error) == 1
    assert "zip" in at.error[0].value
    at.button_group[0].set_value("shared")
    assert "Plain averaging misses" in prose(settled(at))


def test_a_link_holds_what_is_shown_and_bad_values_are_told() -> None:
    at = opened(set="svd", weights="tweets=3", reference="news", client="tweets", method="stack")
    found = sample_job(at).result
    assert found is not None
    assert found.reference == "news"
    assert found.cohort.weights.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert at.selectbox(key="diagnose_method").value == "stack"
    bad = opened(set="svd", weights="nobody=1", reference="<b>x</b>")
    assert "There is no client" in prose(bad)
    assert "A weight must be of a client" in prose(bad)
    assert sample_job(bad).result is not None


@pytest.mark.parametrize(
    ("query", "told"),
    [({"set": "none"}, "set must be one of"), ({"foo": "1"}, "is not a setting of this page")],
)
def test_what_a_link_cannot_say_is_told(query: dict[str, str], told: str) -> None:
    place, problems = read_link(query)
    assert place == Place()
    assert told in problems[0]


@pytest.mark.parametrize(
    ("text", "weights"),
    [("", {}), ("a=1, b = 2", {"a": 1.0, "b": 2.0}), ("x=y=3", {"x=y": 3.0})],
)
def test_weights_are_read(text: str, weights: dict[str, float]) -> None:
    assert parsed(text) == (weights, "")


@pytest.mark.parametrize("text", ["a", "a=", "=1", "a=-1", "a=nan", "a=inf", "a=1,,b", "a=1,a=2"])
def test_bad_weights_are_told(text: str) -> None:
    found, wrong = parsed(text)
    assert not found
    assert wrong.startswith("Weights must")

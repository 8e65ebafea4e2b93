"""``diagnose``, ``align`` and ``merge``: the answer first, numbers for programs, nothing replaced."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fedrot_core as fr
from fedrot_core.adapters.combine import RULES
from fedrot_core.cli.align import _folders
from fedrot_core.cli.program import group
from tests.core.adapters.made import pair, save, tensors_of, turn
from tests.core.cli.test_cli import ok, refused

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command beside a folder ``in`` with three clients that are turned, and one that is no adapter."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    B, A = pair(rng)
    for name in ("a", "b", "c"):
        R, noise = turn(rng, 4), 0.1 * rng.normal(size=B.shape)
        save(tmp_path / "in" / name, tensors_of({"x.q": ((B + noise) @ R, R.T @ A), "x.v": pair(rng)}))
    save(tmp_path / "in" / "broken", {})

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(group, list(args), prog_name="fedrot")

    return invoke


def test_diagnose_says_the_verdict_first(call: Call) -> None:
    found = call("diagnose", "in")
    lines = ok(found).splitlines()
    assert lines[0].startswith("Plain averaging misses ")
    rows = {line.split("  ")[0]: line for line in lines}
    assert rows["layer"].split() == ["layer", *["plain", "FedRot", "A", "FedRot", "B", "gpa", "floor", "turn"]]
    assert {"x.q", "x.v", "all layers"} < {*rows}
    assert "Refused:" in lines
    assert any(line.startswith("  broken: An adapter must hold a pair") for line in lines)
    assert found.stderr.splitlines()[:2] == ["Reading adapters", "Comparing layers"]
    assert call("diagnose", "in", "--quiet").stderr == ""


def test_diagnose_gives_all_numbers_to_programs(call: Call, tmp_path: Path) -> None:
    text = ok(call("diagnose", "in", "--json", "--out", "t.csv", "--weights", "a=2", "--reference", "b"))
    found = json.loads(text)
    told = fr.diagnose(tmp_path / "in", {"a": 2}, "b")
    assert found["totals"] == pytest.approx(told.totals)
    assert (found["reference"], [c["weight"] for c in found["clients"]]) == ("b", [0.5, 0.25, 0.25])
    layer = found["layers"][0]
    assert np.array(layer["angles"]).shape == (3, 4)
    assert layer["naive_error"] == pytest.approx(told.layers[0].errors["naive"])
    assert found["verdict"]["sentence"] == told.verdict.sentence
    assert found["refused"][0]["name"] == "broken"
    rows = [*csv.DictReader((tmp_path / "t.csv").open())]
    assert [row["layer"] for row in rows] == ["x.q", "x.v"]
    assert float(rows[0]["gpa_error"]) == pytest.approx(told.layers[0].errors["gpa"])


def test_ranks_that_differ_have_no_angle(call: Call, tmp_path: Path) -> None:
    save(tmp_path / "in" / "d", tensors_of({"x.q": pair(np.random.default_rng(1), r=2)}), r=2)
    text = ok(call("diagnose", "in"))
    assert [line.split()[-1] for line in text.splitlines() if line.startswith(("x.q", "all"))] == ["–", "–"]
    assert json.loads(ok(call("diagnose", "in", "--json")))["layers"][0]["turn"] is None
    refused(call("merge", "in", "--out", "m"), "must have one rank; got 'ranks 2, 4")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("method", RULES)
def test_merge_writes_a_folder_or_a_zip(call: Call, tmp_path: Path, method: str) -> None:
    text = ok(call("merge", "in", "--method", method, "--out", "m", "--weights", "c=3"))
    expected = fr.merge(tmp_path / "in", method, {"c": 3})
    assert text.startswith("The merged adapter misses ")
    assert {f.name: f.read_bytes() for f in (tmp_path / "m").iterdir()} == expected.files()
    found = json.loads(ok(call("merge", "in", "--method", method, "--out", "m.zip", "--weights", "c=3", "--json")))
    assert (found["error"], found["errors"]) == (pytest.approx(expected.total), pytest.approx(expected.errors))
    assert (tmp_path / "m.zip").read_bytes() == expected.zip()
    assert fr.cohort(tmp_path / "m.zip").names == ("m",)


def test_align_writes_each_client(call: Call, tmp_path: Path) -> None:
    text = ok(call("align", "in", "--out", "out"))
    assert [line.split()[0] for line in text.splitlines()[:4]] == ["client", "a", "b", "c"]
    naive = fr.diagnose(tmp_path / "out").layers[0].errors["naive"]
    assert naive == pytest.approx(fr.diagnose(tmp_path / "in").layers[0].errors["gpa"], abs=1e-4)
    found = json.loads(ok(call("align", "in", "--out", "two", "--reference", "b", "--side", "B", "--json")))
    assert [Path(row["folder"]) for row in found["clients"]] == [Path("two", name) for name in "abc"]
    assert found["clients"][1]["degrees"]["x.q"] == pytest.approx(0, abs=1e-3)


def test_what_is_there_is_not_replaced(call: Call, tmp_path: Path) -> None:
    for command, out in (("merge", "m"), ("merge", "m.zip"), ("align", "al")):
        ok(call(command, "in", "--out", out))
        refused(call(command, "in", "--out", out), "must (hold no adapter|be a file that is not there) yet")
    (tmp_path / "file").write_text("")
    refused(call("merge", "in", "--out", "file"), "must hold no adapter yet")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["diagnose", "nowhere"], "nowhere.* must be a folder or a file"),
        (["diagnose", "in", "--weights", "a"], "must be a client and a number of at least 0, as in name=2; got 'a'"),
        (["diagnose", "in", "--weights", "a=-1"], "must be a client and a number"),
        (["diagnose", "in", "--weights", "a=1", "--weights", "a=2"], "must name each client once"),
        (["diagnose", "in", "--weights", "z=1"], "A weight must be of a client, such as a, b, c"),
        (["diagnose", "in", "--reference", "z"], "The reference must be a client"),
        (["diagnose", "in", "--out", "t.xls"], "must end in .csv"),
        (["merge", "in", "--out", "m", "--method", "ties"], "must be one of naive, fedrot"),
        (["merge", "in", "--out", "m", "--rank", "3"], "rank must be left out unless the method is svd"),
        (["merge", "in", "--out", "no/m.zip"], "must be in a folder that exists"),
        (["align", "in", "--out", "al", "--strength", "2"], r"must be a number in 0\.\.1"),
    ],
)
def test_wrong_input_is_refused(call: Call, args: list[str], why: str) -> None:
    refused(call(*args), why)


def test_flags_without_effect_are_named(call: Call) -> None:
    assert (
        "Note: --side has no effect here; it needs --method fedrot."
        in call("merge", "in", "--side", "B", "--out", "m").stderr
    )
    assert "needs --reference" in call("align", "in", "--group", "O", "--out", "al").stderr


def test_what_aligning_leaves_out_is_said(call: Call, tmp_path: Path) -> None:
    extra: dict[str, Any] = tensors_of({"x.q": pair(np.random.default_rng(2)), "more": pair(np.random.default_rng(3))})
    save(tmp_path / "in" / "d", extra)
    text = ok(call("align", "in", "--out", "out"))
    assert "Written as they were:\n  " in text
    assert "more: Not in a, b, c." in text
    assert [*fr.cohort(tmp_path / "out" / "d").adapters[0].modules] == ["x.q", "more"]


def test_clients_become_folders_that_any_system_takes() -> None:
    names = ["a/b", "a:b", "a?b", "..", "con/ x.", "a/b"]
    assert [folder.as_posix() for folder in _folders(names)] == ["a/b", "a_b", "a_b (2)", "_", "con/x", "a/b (2)"]

"""The command line: flags follow the config's fields, bad input is explained, exit codes tell what happened."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from fedrot_core.cli import output
from fedrot_core.cli.flags import LEAVES, Setting, flag
from fedrot_core.cli.program import BAD_INPUT, FAILED, OK, STOPPED, group
from fedrot_core.config import FederationConfig, Leaf
from fedrot_core.errors import ConfigError
from fedrot_core.export.run.link_check import link_check
from fedrot_core.federation import Federation
from fedrot_core.figures import FIGURES
from fedrot_core.learn.mistakes import MISTAKES, game
from fedrot_core.methods import METHODS
from fedrot_core.store import FOLDER
from fedrot_core.study import comparison, replica, when
from fedrot_core.study.presets import PRESETS, sentence
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import summarise, sweep
from fedrot_core.study.tables import as_csv, as_json
from fedrot_core.trace import Trace
from tests import ROOT

VALUES = {"task": "teacher", "clients": 3, "rounds": 2, "steps": 2, "rank": 2, "device": "cpu"}
CONFIG = FederationConfig().with_values(VALUES)
SMALL = [*(part for key, value in VALUES.items() for part in (f"--{key}", str(value))), "--quiet"]
COMMANDS = group.list_commands(click.Context(group))

MANY = ",".join(str(n) for n in range(100))

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        result = CliRunner().invoke(group, [str(arg) for arg in args], prog_name="fedrot")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    return invoke


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(result: Result, match: str) -> None:
    """Exit code 2, nothing on stdout, rule, value and remedy on stderr, no traceback."""
    assert result.exit_code == BAD_INPUT
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    text = " ".join(result.stderr.split())
    assert re.search(match, text), text


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_command_is_listed_and_teaches(call: Call) -> None:
    text = ok(call("--help"))
    for name in COMMANDS:
        assert f"\n  {name} " in text
        assert f"fedrot {name}" in ok(call(name, "--help"))
    assert "Exit codes: 0 done; 1 a check differs" in text
    assert set(COMMANDS) == set(group.commands) >= {"compare", "figure", "run", "sweep", "take-home", "verify"}


def test_an_unknown_command_is_refused(call: Call) -> None:
    for name in ("train", "flags", "program", "os", ""):
        refused(call(name), "No such command")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_setting_is_a_flag_with_its_own_help(call: Call, command: str) -> None:
    text = " ".join(ok(call(command, "--help")).split())
    taken = [param for param in group.commands[command].params if isinstance(param, Setting)]
    some = {"bug": len(game.SETTINGS), "paper": len(replica.SETTINGS)}
    some |= dict.fromkeys(("align", "diagnose", "merge", "quiz", "status", "take-home", "verify"), 0)
    assert len(taken) == some.get(command, len(LEAVES))
    for param in taken:
        leaf, opt, help = param.leaf, param.leaf.option, str(param.help)
        assert f"{flag(leaf)} " in text
        assert f"{opt.label}. {' '.join(opt.help.split())}" in text
        if opt.low is not None and leaf.kind in (int, float):
            assert f"{opt.low:g}..{opt.high:g}" in help
            assert not opt.unit or opt.unit in help
        for choice in opt.choices:
            assert f"{choice}: " in help
        assert "default" in help
    assert ("only with --frames turned" in text) == (command not in some or command == "paper")


def test_a_command_with_a_base_of_its_own_says_its_own_defaults_and_names_no_flag_that_it_lacks(call: Call) -> None:
    paper, bug = (" ".join(ok(call(command, "--help")).split()) for command in ("paper", "bug"))
    assert re.search(r"--frames NAME .*?default trained", paper)
    assert re.search(r"--rounds N .*?default 10\]", bug)
    for text in (paper, bug):
        for name in re.findall(r"only with (--[a-z-]+)", text):
            assert f"{name} N" in text


def test_flags_are_unique_and_hide_no_other_option() -> None:
    for command in group.commands.values():
        names = [name for param in command.params if isinstance(param, click.Option) for name in param.opts]
        assert len(names) == len(set(names))


def as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def test_a_flag_reads_what_the_field_holds() -> None:
    for leaf in LEAVES.values():
        assert leaf.parse(as_text(leaf.default)) == leaf.default
        for value in leaf.option.choices:
            assert leaf.parse(value) == value


def other(leaf: Leaf) -> Any:
    """A value that differs from the small config's and fits it."""
    special = {
        "part": 0.5,
        "arms": ("gpa", "fedit"),
        "device": "auto",
        "task": "digits",
        "ranks": "equal",
        "clients": 4,
    }
    if leaf.option.key in special:
        return special[leaf.option.key]
    if leaf.option.choices:
        return next(c for c in leaf.option.choices if c != leaf.default)
    assert leaf.option.low is not None
    return leaf.kind(leaf.option.low)


@pytest.mark.parametrize("key", LEAVES)
def test_a_flag_reaches_the_config(call: Call, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[FederationConfig] = []

    def kept(config: FederationConfig, quiet: bool) -> Trace:
        seen.append(config)
        raise ConfigError("enough")

    monkeypatch.setattr("fedrot_core.cli.run.train", kept)
    value = other(LEAVES[key])
    task = LEAVES[key].option.when.get("task", (CONFIG.task.name,))[0]
    refused(call("run", *SMALL, "--task", task, flag(LEAVES[key]), as_text(value)), "enough")
    assert seen[0] == CONFIG.with_values({"task": task}).with_values({key: value})
    assert seen[0].values()[key] == value


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["--rank", "99"], r"Invalid value for --rank: Rank r must be in 1\.\.32; got 99\. Use 32, for example\."),
        (["--rank", "two"], r"Rank r must be a whole number; got 'two'\. Enter one\."),
        (["--rank", "2.5"], r"Rank r must be a whole number; got '2\.5'"),
        (["--lr", "nan"], r"Learning rate must be a finite number; got nan"),
        (["--lr", "1e999"], r"Learning rate must be a finite number; got inf"),
        (["--alpha", ""], r"Heterogeneity \(Dirichlet α\) must be a number; got ''"),
        (["--arms", "fedit,nobody"], r"Method must be one of .*; got 'nobody'\. Pick one of these names\."),
        (["--arms", "fedit,fedit"], r"Methods compared must name at least one entry, none of them twice"),
        (["--task", "cats"], r"Workload must be one of|Task must be one of"),
        (["--frames", "bent"], r"How factors reach the server must be one of trained, .*; got 'bent'"),
        (["--seed", "9" * 5000], r"Seed must be"),
        (["--part", "0.05"], r"Participation must leave at least one client"),
        (["--task", "digits", "--rank", "32", "--width", "16"], r"Invalid value for --rank: Rank r must be in 1\.\.16"),
        (
            ["--arms", "flora", "--server", "adam"],
            r"Server optimiser must be FedAvg for FLoRA .*; got 'adam'\. FedAdam wo",
        ),
        (["--nonsense", "1"], r"No such option '--nonsense'"),
        (["--out", "run.txt"], r"--out must end in \.json, \.npz, \.py, \.ipynb; got 'run\.txt'"),
        (
            ["--out", "nowhere/run.json"],
            r"--out must be in a folder that exists; got 'nowhere'\. Make the folder first",
        ),
        (["--from", "missing.json"], r"'missing\.json' does not exist"),
        (["extra"], r"unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_explained_with_exit_code_2(call: Call, args: list[str], match: str) -> None:
    refused(call("run", *SMALL, *args), match)


def test_participation_that_fits_more_clients_is_judged_with_them(call: Call) -> None:
    refused(call("run", *SMALL, "--part", "0.05", "--clients", "40", "--out", "x"), "--out must end")


def test_run_prints_every_method_and_writes_what_the_ending_says(call: Call, tmp_path: Path) -> None:
    outs = [arg for name in ("a.json", "a.npz", "a.py", "a.IPYNB") for arg in ("--out", name)]
    text = ok(call("run", *SMALL, *outs))
    trace = Federation(CONFIG).run()
    assert f"Checksum {trace.checksum}." in text
    for card in trace.arms:
        assert f"{100 * trace.arm(card.name)[-1].score:.1f} %" in next(x for x in text.splitlines() if card.label in x)
    assert json.loads((tmp_path / "a.json").read_bytes())["checksum"] == trace.checksum
    assert Trace.load((tmp_path / "a.npz").open("rb")).checksum == trace.checksum
    assert link_check(trace)[:80] in (tmp_path / "a.py").read_text()
    assert json.loads((tmp_path / "a.IPYNB").read_bytes())["nbformat"] == 4
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "a.npz", "a.py", "a.IPYNB"}


def test_run_json_is_the_only_thing_on_stdout(call: Call) -> None:
    result = call("run", *SMALL[:-1], "--json", "--arms", "fedit,flora")
    content = json.loads(ok(result), parse_constant=lambda name: pytest.fail(name))
    trace = Federation(CONFIG.with_values({"arms": ("fedit", "flora")})).run()
    assert content["checksum"] == trace.checksum
    assert [m["score"] for m in content["methods"]] == [trace.arm(a)[-1].score for a in ("fedit", "flora")]
    assert FederationConfig.from_dict(content["config"]) == trace.config
    assert "Training 2\u00a0methods" in result.stderr


def test_settings_start_from_a_file_and_flags_change_them(call: Call) -> None:
    ok(call("run", *SMALL, "--seed", "5", "--out", "a.json", "--out", "a.npz"))
    for name in ("a.json", "a.npz"):
        content = json.loads(ok(call("run", "--quiet", "--from", name, "--lr", "0.02", "--json")))
        assert FederationConfig.from_dict(content["config"]) == CONFIG.with_values({"seed": 5, "lr": 0.02})


def test_a_flag_without_effect_is_noted(call: Call) -> None:
    result = call("run", *SMALL, "--theta", "90")
    ok(result)
    assert "Note: --theta has no effect here; it needs --frames turned." in result.stderr
    assert "Note" not in call("run", *SMALL, "--theta", "90", "--frames", "turned").stderr


def test_a_run_in_which_every_method_stops_fails(call: Call) -> None:
    result = call("run", *SMALL, "--opt", "sgd", "--lr", "1", "--steps", "60", "--frames", "trained", "--json")
    assert result.exit_code == FAILED
    assert [m["score"] for m in json.loads(result.stdout)["methods"]] == [None, None]
    text = call("run", *SMALL, "--opt", "sgd", "--lr", "1", "--steps", "60", "--frames", "trained")
    assert "Lower the learning rate" in text.stdout


def test_a_file_is_replaced_whole_or_not_at_all(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text("before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        result = call("run", *SMALL, "--out", "a.json")
    assert result.exit_code == FAILED
    assert "No space left on device" in result.stderr
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "before")]


def test_verify_says_reproduced(call: Call) -> None:
    ok(call("run", *SMALL, "--out", "a.json", "--out", "a.npz"))
    for name in ("a.json", "a.npz"):
        assert ok(call("verify", name, "--quiet")).startswith("Reproduced: every number is equal (checksum ")
    content = json.loads(ok(call("verify", "a.json", "--json", "--quiet")))
    assert content["outcome"] == "reproduced"


def test_verify_names_the_first_difference_with_exit_code_1(call: Call, tmp_path: Path) -> None:
    ok(call("run", *SMALL, "--out", "a.json"))
    data = json.loads((tmp_path / "a.json").read_bytes())
    data["config"]["train"]["learning_rate"] = 0.02
    (tmp_path / "b.json").write_text(json.dumps(data))
    result = call("verify", "b.json", "--quiet")
    assert result.exit_code == FAILED
    assert re.search(r"First difference: round 0, FedIT \(naive\), loss: [\d.]+ there, [\d.]+ here", result.stdout)
    content = json.loads(call("verify", "b.json", "--json", "--quiet").stdout)
    assert content["difference"]["metric"] == "loss"


def test_verify_accepts_other_engines_within_the_tolerance_unless_exact(call: Call, tmp_path: Path) -> None:
    ok(call("run", *SMALL, "--out", "a.json"))
    data = json.loads((tmp_path / "a.json").read_bytes()) | {"engine": "1", "checksum": "0" * 16}
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert "made by engine 1" in ok(call("verify", "a.json", "--quiet"))
    assert call("verify", "a.json", "--quiet", "--exact").exit_code == FAILED


def test_verify_reads_a_shared_link(call: Call) -> None:
    trace = Federation(CONFIG).run()
    query = "task=teacher&clients=3&rounds=2&steps=2&rank=2&device=cpu&show=fedit&round=1"
    for start in ("http://127.0.0.1:8501/lab?", "?"):
        assert "Reproduced" in ok(call("verify", f"{start}{query}&check={link_check(trace)}", "--quiet"))
    wrong = call("verify", f"?{query}&lr=0.02&check={link_check(trace)}", "--quiet")
    assert wrong.exit_code == FAILED
    assert "First difference: round 1, " in wrong.stdout
    refused(call("verify", f"?{query}", "--quiet"), "A link must hold a check")
    refused(
        call("verify", f"?{query}&check=1", "--quiet"),
        "check must have the form engine-device-precision-checksum-numbers; got",
    )
    refused(call("verify", "?rank=99&check=1", "--quiet"), "Rank r must be in 1..32; got 99")
    refused(call("verify", "http://[/lab?check=1", "--quiet"), r"A link must be an address \(Invalid IPv6 URL\)")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "A run file must be JSON text"),
        (b"{}", "A run file must have the kind 'fedrot run'; got 'a file without a kind'"),
        (b"PK\x03\x04", "A trace must be an NPZ file written by this app"),
        (b"\x80\x04\x95", "A run file must be JSON text"),
    ],
)
def test_files_that_are_no_runs_are_refused(call: Call, tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    refused(call("verify", "a.json", "--quiet"), match)
    refused(call("run", "--from", "a.json"), match)


def test_a_missing_folder_or_huge_file_is_refused(call: Call, tmp_path: Path) -> None:
    refused(call("verify", "nothing.json"), "nothing.json must be a file that can be read; No such file")
    refused(call("verify", str(tmp_path)), "must be a file that can be read")
    with (tmp_path / "huge.npz").open("wb") as file:
        file.truncate(2**31)
    refused(call("verify", "huge.npz"), r"huge\.npz must have at most 67,108,864 bytes; got 2147483648")


def test_compare_gives_medians_quartiles_and_a_recommendation(call: Call, tmp_path: Path) -> None:
    args = ["compare", *SMALL, "--arms", "fedit,fedrot,flora", "--seeds", "3", "--rounds", "3"]
    content = json.loads(ok(call(*args, "--json", "--out", "c.csv")))
    assert content["seeds"] == [0, 1, 2]
    table = rows((tmp_path / "c.csv").read_text())
    for row, line in zip(content["methods"], table, strict=True):
        finals = [run["methods"][row["method"]]["scores"][-1] for run in content["runs"]]
        assert row["score"] == pytest.approx(np.median(finals))
        assert (row["score_low"], row["score_high"]) == pytest.approx(tuple(np.quantile(finals, [0.25, 0.75])))
        assert float(line["score"]) == row["score"]
    text = ok(call(*args, "--out", "c.json"))
    assert content["recommendation"].replace("\u00a0", " ") in text
    assert re.search(r", (choose|the first pick would be) .+: .*%", content["recommendation"])
    written = json.loads((tmp_path / "c.json").read_bytes())
    arms = [arm for c in (written, content) for run in c["runs"] for arm in run["methods"].values()]
    for row in [*written["methods"], *content["methods"], *arms]:
        assert row.pop("work_seconds") >= 0  # measured, so it differs from run to run
    assert written == content
    assert all(METHODS[m].card.label in text for m in ("fedit", "fedrot", "flora"))


def test_compare_leaves_out_what_cannot_run_and_says_why(call: Call) -> None:
    args = ["compare", *SMALL, "--server", "adam", "--seeds", "1"]
    result = call(*args, "--arms", "fedit,flora")
    assert "Left out: FLoRA (stacking). Server optimiser must be FedAvg for FLoRA (stacking); got 'adam'." in ok(result)
    assert "FedIT (naive) is the only method here" in result.stdout
    refused(call(*args, "--arms", "flora"), "Server optimiser must be FedAvg")
    refused(call(*args, "--seeds", "0"), "Invalid value for '--seeds'")


def test_compare_prints_the_verdict_and_rows_of_the_study(call: Call, tmp_path: Path) -> None:
    """The page shows the same object: see tests/app/compare/test_compare_page.py."""
    args = ["compare", *SMALL, "--seeds", "2", "--margin", "0.05", "--draw", f"compare_cost={tmp_path / 'cost.csv'}"]
    found = comparison.compare(CONFIG, seeds=2, margin=0.05)
    text = ok(call(*args))
    assert [card.name for card in found.plan.cards] == list(comparison.USUAL)
    for sentence_ in found.verdict:
        assert sentence_.replace("\u00a0", " ") in text
    assert {row["series"] for row in rows((tmp_path / "cost.csv").read_text())} >= {r["label"] for r in found.rows}


def test_a_client_of_any_method_can_be_turned(call: Call) -> None:
    assert "gpa" not in CONFIG.methods
    assert "Generalised Procrustes combines all clients once more" in ok(call("spin", *SMALL, "--show", "gpa"))
    refused(call("spin", *SMALL, "--show", "nope"), "Method must be one of .*fedit")


def test_when_writes_the_map_and_the_search(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(when, "RANKS", (1, 2))
    monkeypatch.setattr(when, "SEARCHED", when.SEARCHED[:2])
    args = ["when", *SMALL, "--search", "--out", "w.csv", "--draw", "when=w.json"]
    planned = when.plan(CONFIG)
    runs = [run for config in (*planned.configs, *planned.further) for run in summarise([config])]
    found = when.Findings.of(planned, runs, searched=True)
    content = json.loads(ok(call(*args, "--json")))
    assert content == json.loads(as_json(found.content))
    table = rows((tmp_path / "w.csv").read_text())
    assert [row["setting"] for row in table] == [row["setting"] for row in found.rows]
    assert len(table) == len(planned.settings) + len(planned.search)
    assert found.headline.replace("\u00a0", " ") in ok(call(*args))
    assert "FedRot Lab" in json.loads((tmp_path / "w.json").read_bytes())["layout"]["meta"]["footer"]


def test_paper_sets_its_numbers_beside_ours(call: Call, tmp_path: Path) -> None:
    args = ["paper", "--seeds", "1", "--rounds", "2", "--steps", "1", "--batch", "4", "--quiet", "--out", "p.csv"]
    text = ok(call(*args, "--draw", "paper_clients=c.csv"))
    assert "+2.2, +4.6, +10.5 points in the paper" in text
    assert "70.2 with FedRot-LoRA against 70.0 with plain averaging" in text
    assert "What differs:" in text
    refused(call("paper", "--draw", "nothing=x.csv"), "--draw must read NAME=FILE with a NAME among paper_clients")
    refused(call("paper", "--clients", "3"), "No such option")


def test_bug_shows_the_evidence_of_a_mistake_or_of_a_case(call: Call) -> None:
    small = ["--rounds", "2", "--steps", "2", "--clients", "3", "--quiet"]
    content = json.loads(ok(call("bug", "transposed", *small, "--json")))
    assert content["mistake"] == "transposed"
    differ = {row["asked"] for row in content["evidence"] if row["differs"]}
    assert "error on a square layer, on one that is not square" in differ
    assert MISTAKES["transposed"].title in ok(call("bug", "transposed", *small))
    case = next(n for n in range(1, game.CASES) if game.hidden(n).name == "order")
    content = json.loads(ok(call("bug", "--case", str(case), *small, "--json")))
    assert (content["mistake"], content["config"]["seed"]) == ("order", case)
    refused(call("bug"), "bug must have a NAME or a --case, and not both; got .neither")
    refused(call("bug", "transposed", "--case", "1"), "and not both")


def test_spin_says_which_metrics_move(call: Call, tmp_path: Path) -> None:
    content = json.loads(ok(call("spin", *SMALL, "--client", "1", "--json", "--out", "s.csv")))
    moved = {row["metric"] for row in content["metrics"] if row["moved"]}
    assert "naive_error" in moved
    assert not moved & {"floor", "best_error", "principal_angles"}
    assert len(rows((tmp_path / "s.csv").read_text())) == len(content["metrics"])
    assert content["conclusion"].replace("\u00a0", " ") in ok(call("spin", *SMALL, "--client", "1"))
    assert "Aggregation error moved from" in content["conclusion"]
    refused(call("spin", *SMALL, "--client", "9"), "Client must be")


def test_quiz_prints_questions_and_keeps_answers_apart(call: Call, tmp_path: Path) -> None:
    asked, key = (ok(call("quiz", "--topic", "procrustes", *more)) for more in ([], ["--answers"]))
    assert asked.count("**") == key.split("# ")[1].count("**1.**") + 2 * 6 - 1
    assert not ok(call("quiz", "--out", "q.html", "--key", "k.md"))
    assert "<html" in (tmp_path / "q.html").read_text()
    assert ": answers" in (tmp_path / "k.md").read_text()
    refused(call("quiz", "--seed", "0"), "Invalid value for '--seed'")


def test_a_preset_is_where_flags_start_and_run_says_what_to_look_for(call: Call) -> None:
    small = ["--rounds", "2", "--steps", "2", "--clients", "3", "--quiet", "--json"]
    for preset in PRESETS:
        content = json.loads(ok(call("run", "--preset", preset.name, *small)))
        config = preset.config.with_values({"rounds": 2, "steps": 2, "clients": 3})
        assert FederationConfig.from_dict(content["config"]) == config
    assert content["look"] == sentence(Federation(config).run(), 1)
    refused(call("run", "--preset", "svd", "--from", "a.json"), "does not exist|--preset must be used without --from")


def test_sweep_writes_a_row_for_each_run_and_method_in_grid_order(call: Call, tmp_path: Path) -> None:
    args = ["sweep", *SMALL, "--grid", "rank=4,2", "--grid", "lr=0.01,0.02", "--seeds", "2"]
    table = rows(ok(call(*args)))
    assert [(r["rank"], r["lr"], r["seed"], r["method"]) for r in table] == [
        (rank, lr, seed, arm)
        for rank in ("4", "2") for lr in ("0.01", "0.02") for seed in ("0", "1") for arm in ("fedit", "fedrot")
    ]  # fmt: skip
    trace = Federation(CONFIG.with_values({"lr": 0.02, "seed": 1})).run()
    assert float(table[-1]["score"]) == pytest.approx(trace.arm("fedrot")[-1].score, rel=1e-3)
    assert float(table[-1]["centralised"]) == pytest.approx(trace.centralised[-1].score, rel=1e-3)
    ok(call(*args, "--every-round", "--out", "s.json"))
    content = json.loads((tmp_path / "s.json").read_bytes())
    assert len(content) == 2 * len(table)
    assert [row["rounds"] for row in content[:2]] == [1, 2]


def test_sweep_runs_over_methods_joined_by_plus(call: Call) -> None:
    table = rows(ok(call("sweep", *SMALL, "--grid", "arms=fedit,fedrot+gpa")))
    assert [r["method"] for r in table] == ["fedit", "fedrot", "gpa"]


def test_sweep_over_a_setting_that_a_task_lacks_runs_that_task_once_and_says_so(call: Call) -> None:
    result = call("sweep", *SMALL, "--grid", "task=digits,teacher", "--grid", "het=0,0.5", "--arms", "fedit")
    assert result.exit_code == 0
    assert [(r["task"], r["het"]) for r in rows(result.stdout)] == [
        ("digits", ""),
        ("teacher", "0.0"),
        ("teacher", "0.5"),
    ]
    alone = call("sweep", *SMALL, "--task", "digits", "--grid", "het=0,0.5", "--arms", "fedit")
    assert len(rows(alone.stdout)) == 1
    assert "--het has no effect here; it needs --task teacher" in alone.stderr


def test_sweep_keeps_going_past_an_impossible_run_and_fails_at_the_end(call: Call) -> None:
    result = call("sweep", *SMALL, "--server", "adam", "--grid", "arms=fedit,flora")
    assert result.exit_code == FAILED
    table = rows(result.stdout)
    assert [r["method"] for r in table] == ["fedit", ""]
    assert "must be FedAvg" in table[1]["problem"]
    assert "arms=flora" in result.stderr


@pytest.mark.parametrize(
    ("grids", "match"),
    [
        (["rank"], r"A grid must have the form key=value,value; got 'rank'\. Write for example rank=2,4,8"),
        (["rnk=2"], r"A grid's key must be one of .*; got 'rnk'"),
        (["rank=2,x"], r"Rank r must be a whole number; got 'x'"),
        (["rank=2,"], r"Rank r must be a whole number; got ''"),
        (["rank=2,99"], r"Rank r must be in 1\.\.32; got 99"),
        (["rank=2,2"], r"A grid must name each value once"),
        (["rank=2", "rank=4"], r"--grid must name each setting once"),
        (["arms=fedit+nobody"], r"Method must be one of"),
        ([], r"Missing option '--grid'"),
    ],
)
def test_a_bad_grid_is_refused_before_anything_runs(call: Call, grids: list[str], match: str) -> None:
    refused(call("sweep", *SMALL, *(arg for grid in grids for arg in ("--grid", grid))), match)


def test_sweep_limits_hold(call: Call) -> None:
    many = [arg for key in ("rank", "seed", "lr", "lam", "theta", "slr") for arg in ("--grid", key + "=" + MANY)]
    refused(call("sweep", *SMALL, *many), r"A sweep must hold at most 10,000 runs; got 1000000000000")
    big = ["--grid", "seed=" + ",".join(map(str, range(200))), "--grid", "steps=" + ",".join(map(str, range(1, 100)))]
    refused(call("sweep", *SMALL, *big), r"A sweep must hold at most 10,000 runs; got 19800")
    refused(call("sweep", *SMALL, "--grid", "seed=1,2", "--seeds", "2"), r"--seeds must be 1 if the grid varies")


def test_figure_draws_a_trace_without_training(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok(call("run", *SMALL, "--out", "a.npz"))
    monkeypatch.setattr("fedrot_core.cli.figure.train", lambda *args: pytest.fail("it trained"))
    text = ok(call("figure", "errors", "--from", "a.npz", "--out", "e.json", "--round", "0"))
    content = json.loads((tmp_path / "e.json").read_bytes())
    assert content["layout"]["meta"]["alt"] == text.strip()
    assert "in round 0" in text
    trace = Federation(CONFIG).run()
    assert trace.checksum in content["layout"]["meta"]["footer"]
    assert "task teacher" in content["layout"]["meta"]["footer"]
    ok(call("figure", "errors", "--from", "a.npz", "--out", "e.csv"))
    found = {float(r["round"]) for r in rows((tmp_path / "e.csv").read_text())}
    assert found >= {0.0, 1.0}


def test_figure_trains_where_it_has_no_trace(call: Call, tmp_path: Path) -> None:
    ok(call("figure", "ladder", *SMALL, "--out", "l.html", "--style", "dark", "--size", "half", "--no-footer"))
    assert "<html" in (tmp_path / "l.html").read_text()


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["nothing"], r"Invalid value for 'NAME': It must be one of"),
        (["errors", "--out", "x.bmp"], r"--out must end in \.svg, .*; got 'x\.bmp'"),
        (["errors", "--round", "2"], r"--round must be in 0\.\.1; got 2"),
        (["errors", "--round", "-1"], r"--round must be in 0\.\.1; got -1"),
        (["errors", "--client", "3"], r"--client must be in 0\.\.2; got 3"),
        (["errors", "--layer", "9"], r"--layer must be in 0\.\.\d; got 9"),
        (["errors", "--feature", "6"], r"--feature must be in 0\.\.5; got 6"),
        (["errors", "--show", "gpa"], r"--show must be one of fedit, fedrot; got 'gpa'"),
        (["errors", "--size", "huge"], r"A size must be one of slide, .*, or WIDTHxHEIGHT in pixels; got 'huge'"),
        (["errors", "--scale", "99"], r"Invalid value for '--scale'"),
    ],
)
def test_figure_refuses_what_the_run_does_not_hold(call: Call, args: list[str], match: str) -> None:
    out = [] if "--out" in args else ["--out", "x.json"]
    refused(call("figure", *args, *SMALL, *out), match)


def test_every_figure_is_named_in_the_help(call: Call) -> None:
    text = ok(call("figure", "--help"))
    assert all(name in text and entry.question.split()[0] in text for name, entry in FIGURES._entries.items())


def test_tables_keep_their_columns() -> None:
    lines = output.table([{"a": "x", "b": "1"}, {"a": "long", "b": "100"}]).splitlines()
    assert lines == ["a       b", "x       1", "long  100"]
    assert output.table([]) == ""
    assert as_csv([{"a": 1}, {"b": float("nan")}]) == "a,b\n1,\n,\n"
    assert json.loads(as_json({"a": [float("inf"), (1.5,)]})) == {"a": [None, [1.5]]}


def test_control_c_ends_with_130_and_leaves_files_alone(tmp_path: Path) -> None:
    """A process of its own, stopped in mid-run; this run would take minutes."""
    (tmp_path / "a.json").write_text("before")
    flags = ["--task", "teacher", "--rounds", "100", "--steps", "200", "--clients", "30", "--out", "a.json"]
    with subprocess.Popen(
        [sys.executable, "-m", "fedrot_core", "run", *flags],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "Training 2\u00a0methods" in process.stderr.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == STOPPED
    assert errors.strip().endswith("Stopped.")
    assert "Traceback" not in errors
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "before")]


def test_control_c_keeps_what_is_finished_and_the_same_command_goes_on(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[int] = []

    def interrupted(configs: list[FederationConfig]) -> Iterator[RunSummary]:
        asked.append(len(configs))
        yield from summarise(configs[:1])
        raise KeyboardInterrupt

    monkeypatch.setenv(FOLDER, str(tmp_path / "store"))
    monkeypatch.setattr("fedrot_core.cli.output.sweep", interrupted)
    command = ("sweep", *SMALL, "--grid", "lr=0.01,0.02,0.03")
    result = call(*command)
    assert result.exit_code == STOPPED
    assert len({row["lr"] for row in rows(result.stdout)}) == 1
    assert "1 of 3\u00a0runs finished and kept. The same command goes on from there." in result.stderr
    assert call(*command).exit_code == STOPPED
    assert asked == [3, 2]
    monkeypatch.setattr("fedrot_core.cli.output.sweep", sweep)
    again = call(*(part for part in command if part != "--quiet"))
    assert "2 of 3\u00a0runs stored by earlier commands." in again.stderr
    monkeypatch.setenv(FOLDER, "")
    assert again.stdout == call(*command).stdout


@pytest.mark.parametrize("command", [("compare", "--seeds", "3"), ("when", "--map", "theta")])
def test_studies_are_kept_too(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    def interrupted(configs: list[FederationConfig]) -> Iterator[RunSummary]:
        yield from summarise(configs[:1])
        raise KeyboardInterrupt

    monkeypatch.setenv(FOLDER, str(tmp_path / "store"))
    monkeypatch.setattr("fedrot_core.cli.output.sweep", interrupted)
    result = call(command[0], *SMALL, *command[1:])
    assert result.exit_code == STOPPED
    assert "finished and kept. The same command goes on from there." in result.stderr


def test_a_row_of_a_whole_run_has_the_mean_traffic_of_its_rounds(call: Call) -> None:
    """RoLoRA sends A and B in turn, and they differ in size."""
    flags = ("--clients", "2", "--steps", "1", "--rounds", "2", "--arms", "rolora", "--quiet")
    whole = rows(call("sweep", *flags, "--grid", "rank=2").stdout)
    each = rows(call("sweep", *flags, "--grid", "rank=2", "--every-round").stdout)
    sent = [float(row["bytes_up"]) for row in each]
    assert sent[0] != sent[1]
    assert float(whole[0]["bytes_up"]) == sum(sent) / 2
    told = json.loads(call("run", *flags, "--rank", "2", "--json").stdout)
    assert told["methods"][0]["bytes_up"] == sum(sent) / 2


def test_csv_for_spreadsheets_with_a_decimal_comma_holds_the_same_numbers(call: Call, tmp_path: Path) -> None:
    """Read as such a spreadsheet does: byte-order mark, semicolons, commas in numbers."""
    command = ("sweep", *SMALL, "--grid", "lr=0.01")
    plain = rows(call(*command).stdout)
    out = tmp_path / "a.csv"
    assert call(*command, "--decimal-comma", "--out", str(out)).exit_code == OK
    content = out.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    found = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    assert "." not in found[0]["score"]
    assert [row["method"] for row in found] == [row["method"] for row in plain]
    for name in ("score", "loss", "error", "bytes_up"):
        assert [float(row[name].replace(",", ".")) for row in found] == [float(row[name]) for row in plain]
    assert as_csv([{"a": "x;1.5", "b": 2, "c": None}], decimal_comma=True) == '\ufeffa;b;c\n"x;1.5";2;\n'


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (("run", "--preset", "nope"), "must be one of svd, turned, trained, independent, strong; got 'nope'. Choose"),
        (("compare", "--seeds", "0"), "must be a whole number in 1..100; got '0'. Use 1"),
        (("compare", "--seeds", "x"), "must be a whole number in 1..100; got 'x'. Use 1"),
        (("compare", "--margin", "7"), "must be a number in 0..1; got '7'. Use 0"),
        (("figure", "errors", "--round", "x", "--out", "a.json"), "must be a whole number; got 'x'. Use 0"),
        (("pack", "--lesson", "limits", "--alpha", "0.1", "--out", "a.zip"), "--lesson must be used without settings"),
        (("pack", "--lesson", "limits", "--preset", "svd", "--out", "a.zip"), "got '--preset'. Drop them"),
    ],
)
def test_refusals_of_flags_have_rule_value_and_remedy(call: Call, flags: tuple[str, ...], rule: str) -> None:
    result = call(*flags)
    assert result.exit_code == BAD_INPUT
    assert rule in " ".join(result.stderr.split())


def test_a_command_whose_extra_is_missing_says_how_to_get_it() -> None:
    """A process of its own, in which python-pptx cannot be imported."""

    def without(*args: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; sys.modules['pptx'] = None; from fedrot_core.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, timeout=120
        )

    listed = without("--help")
    assert listed.returncode == 0, listed.stderr
    assert "Needs the module pptx" in " ".join(listed.stdout.split())
    assert "\n  compare " in listed.stdout
    refused_ = without("pack", "--lesson", "limits", "--out", "x.zip")
    assert refused_.returncode == BAD_INPUT
    assert 'pip install "fedrot-lab[slides]"' in refused_.stderr
    assert "Traceback" not in refused_.stderr


def test_every_output_has_a_file_of_its_own_that_can_be_written(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritable(**_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    when_ = ["when", *SMALL]
    refused(call(*when_, "--out", "w.csv", "--draw", "when=w.csv"), "Outputs must each have a file of their own")
    refused(call("quiz", "--out", "q.html", "--key", "q.html"), "Outputs must each have a file of their own")
    refused(call("run", *SMALL, "--out", "a.json", "--out", "a.json"), "Outputs must each have a file of their own")
    refused(call(*when_, "--draw", "when=w.gif"), r"--draw must end in \.svg")
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", unwritable)
        refused(call(*when_, "--out", "x.csv"), "--out must be in a folder that can be written .Permission denied")
    ok(call("spin", *SMALL, "--out", "s.csv", "--out", "s.json"))
    assert (tmp_path / "s.csv").exists()
    assert (tmp_path / "s.json").exists()


def python(*args: str, env: dict[str, str] | None = None, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own."""
    command = [sys.executable, "-m", "fedrot_core", *args]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, timeout=120, **more)


@pytest.mark.parametrize("encoding", ["cp1252", "gbk"])
def test_an_output_that_is_not_utf_8_loses_nothing_that_was_computed(encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding}
    done = python("run", *SMALL, "--quiet", env=env, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"(Σ|sum) w B A", done.stdout.decode(encoding))
    assert python("pack", "--help", env=env, capture_output=True).returncode == 0


def test_a_reader_that_leaves_is_no_failure() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "fedrot_core", "run", *SMALL], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(120) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="closes a stream as a shell does")
def test_without_a_place_for_errors_progress_does_not_spoil_the_output() -> None:
    done = python("run", *SMALL, "--json", stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2))
    assert json.loads(done.stdout)["checksum"]


def test_a_linked_output_stays_linked_and_keeps_who_may_read_it(call: Call, tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("before")
    target.chmod(0o600)
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    ok(call("run", *SMALL, "--out", "link.json"))
    assert link.is_symlink()
    assert json.loads(target.read_text())["kind"]
    assert target.stat().st_mode & 0o777 == 0o600 or os.name == "nt"


def test_a_take_home_page_has_a_limit(call: Call) -> None:
    with open("huge.html", "wb") as file:
        file.truncate(2**31)
    refused(call("verify", "huge.html"), r"huge\.html must have at most 67,108,864 bytes; got 2147483648")


@pytest.mark.parametrize("size", ["99999x100", "100x10001", "४००x४००"])
def test_a_picture_has_a_limit(call: Call, size: str) -> None:
    refused(
        call("figure", "errors", *SMALL, "--out", "a.html", "--size", size), "sides of a picture must be|A size must be"
    )

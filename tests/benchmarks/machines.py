"""Do other processors get the same numbers? Runs the same federations under several instruction sets and compares.

    python -m tests.benchmarks.machines            # every preset and the teacher task, every method: several minutes
    python -m tests.benchmarks.machines --quick    # a small part
    python -m tests.benchmarks.machines --precision float32

Each way to compute is a child process whose environment holds torch's kernels and its maths library to an instruction
set; a CUDA device, where there is one, is one more way. What is printed is the largest difference from the first way
over all rounds: of scores (absolute up to 1, else relative), losses and errors (relative; to 1e-6 for smaller errors).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fedrot_core.compute import torch_threads
from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.study.presets import PRESETS
from tests import ROOT

SMALLEST_ERROR = 1e-6
"""Errors below this are of exact methods: rounding, which has no first digit to compare."""


@dataclass(frozen=True)
class Way:
    """One way to compute: what the environment of its process holds, its threads and device."""

    name: str
    environment: Mapping[str, str]
    threads: int = 1
    device: str = "cpu"


PLAIN = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}

WAYS = (
    Way("as this machine does, 1 thread", {}),
    Way("as this machine does, 2 threads", {}, 2),
    Way("AVX2, 1 thread", AVX2),
    Way("AVX2, 2 threads", AVX2, 2),
    Way("SSE, 1 thread", PLAIN),
    Way("SSE, 2 threads", PLAIN, 2),
)

Numbers = dict[str, dict[str, dict[str, list[float]]]]
"""Setting -> arm -> "score", "loss" or "error" -> one number a round."""


def every_setting() -> dict[str, dict[str, Any]]:
    """The lab's presets and the teacher task, each with every method; values by URL key."""
    return {
        **{preset.title: {**preset.values, "arms": tuple(METHODS)} for preset in PRESETS},
        "Teacher": {"task": "teacher", "frames": "svd", "arms": tuple(METHODS)},
    }


def harsh_settings() -> dict[str, dict[str, Any]]:
    """Settings that amplify rounding more than any preset does."""
    arms = ("fedit", "fedrot", "gpa", "flexlora", "fedex")
    return {
        "200 local steps": {"steps": 200, "arms": arms},
        "learning rate 0.1": {"lr": 0.1, "arms": arms},
        "learning rate 0.1, 200 local steps, width 128": {"lr": 0.1, "steps": 200, "width": 128, "arms": arms},
        "100 rounds": {"rounds": 100, "arms": arms},
        "rank 32": {"rank": 32, "arms": arms},
        "FedAdam, half of the clients": {"server": "adam", "part": 0.5, "arms": ("fedit", "fedrot")},
        "mixed ranks": {"ranks": "mixed", "rank": 8, "arms": ("hetlora", "flexlora", "flora", "flora_na")},
        "rank 1": {"rank": 1, "arms": arms},
        "SGD": {"opt": "sgd", "lr": 0.1, "frames": "trained", "arms": arms},
        "two halves 180° apart": {"frames": "turned", "theta": 180.0, "lam": 0.5, "arms": arms},
    }


def numbers(settings: Mapping[str, Mapping[str, Any]], threads: int) -> Numbers:
    """Runs every setting in this process."""
    found: Numbers = {}
    with torch_threads(threads):
        for name, values in settings.items():
            trace = Federation(FederationConfig().with_values(values)).run()
            arms = {
                card.name: {
                    "score": [r.score for r in trace.arm(card.name)],
                    "loss": [r.loss for r in trace.arm(card.name)],
                    "error": [float(r.errors.own[-1]) for r in trace.arm(card.name)],
                }
                for card in trace.arms
            }
            arms["centralised"] = {
                "score": [c.score for c in trace.centralised],
                "loss": [c.loss for c in trace.centralised],
                "error": [],
            }
            found[name] = arms
    return found


def run(way: Way, settings: Mapping[str, Mapping[str, Any]]) -> Numbers:
    """:func:`numbers` in a child process that computes this way."""
    settings = {name: {**values, "device": way.device} for name, values in settings.items()}
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "task.json", Path(folder) / "answer.json"
        task.write_text(json.dumps({"settings": settings, "threads": way.threads}))
        command = [sys.executable, "-m", "tests.benchmarks.machines", "--child", str(task), str(answer)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **way.environment}, check=True)
        found: Numbers = json.loads(answer.read_text())
    return found


def difference(metric: str, a: Sequence[float], b: Sequence[float]) -> float:
    """The largest over rounds; infinite where one arm stopped earlier than the other."""
    if len(a) != len(b):
        return float("inf")
    x, y = np.array(a), np.array(b)
    scale = {"score": np.maximum(np.abs(x), 1.0), "loss": np.abs(x), "error": np.maximum(x, SMALLEST_ERROR)}[metric]
    return float(np.max(np.abs(x - y) / scale, initial=0.0))


def differences(first: Numbers, other: Numbers) -> list[tuple[str, str, float, float, float]]:
    """(setting, arm, difference in score, loss, error), every arm of every setting."""
    found = []
    for setting, arms in first.items():
        for arm, mine in arms.items():
            theirs = other[setting][arm]
            score, loss, error = (difference(m, mine[m], theirs[m]) for m in ("score", "loss", "error"))
            found.append((setting, arm, score, loss, error))
    return found


def report(name: str, rows: Sequence[tuple[str, str, float, float, float]]) -> None:
    """The largest differences by setting, and the arm that is furthest off."""
    for setting in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == setting]
        score, loss, error = (max(row[n] for row in mine) for n in (2, 3, 4))
        worst = max(mine, key=lambda row: max(row[3:]))[1]
        print(f"{name:32s} {setting:46s} {score:9.1e} {loss:9.1e} {error:9.1e}  {worst}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two presets and a few methods")
    parser.add_argument("--harsh", action="store_true", help="settings that amplify rounding, not the presets")
    parser.add_argument("--precision", default="float64", choices=("float64", "float32"))
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        task, answer = options.child
        wanted = json.loads(task.read_text())
        answer.write_text(json.dumps(numbers(wanted["settings"], wanted["threads"])))
        return
    settings = harsh_settings() if options.harsh else every_setting()
    if options.quick:
        settings = {name: {**settings[name], "rounds": 4} for name in list(settings)[:2]}
    settings = {name: {**values, "precision": options.precision} for name, values in settings.items()}
    ways = WAYS + ((Way("CUDA", {}, 1, "cuda"),) if torch.cuda.is_available() else ())
    first = run(ways[0], settings)
    print(f"{options.precision}, against: {ways[0].name}, torch {torch.__version__}")
    print(f"{'way to compute':32s} {'setting':46s} {'score':>9s} {'loss':>9s} {'error':>9s}  furthest off")
    for way in ways[1:]:
        report(way.name, differences(first, run(way, settings)))


if __name__ == "__main__":
    main()

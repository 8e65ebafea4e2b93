"""``python -m tests.fuzz``: many more inputs than the suite tries, fresh ones each time.

Prints how far it is, how many inputs each target took and refused, and the smallest input that breaks a promise.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout

import torch

from fedrot_core.store import FOLDER
from tests.fuzz.harness import Tally, shares, tried
from tests.fuzz.targets import TARGETS, Target

ROUND = 1000
"""Inputs that are tried before the next are drawn from another seed."""


def main() -> int:
    """Exit code 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("targets", nargs="*", help=f"which targets (default: all): {'; '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=200_000, help="how many inputs, over all targets")
    parser.add_argument("--seed", type=int, default=None, help="try the inputs of an earlier call again")
    args = parser.parse_args()
    unknown = [name for name in args.targets if name not in TARGETS]
    if unknown or args.inputs < 1:
        parser.error(f"no such target: {unknown[0]}" if unknown else "--inputs must be at least 1")
    torch.set_num_threads(1)
    seed = secrets.randbits(32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    chosen = [TARGETS[name] for name in args.targets or TARGETS]
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder  # finished runs of this user stay as they are
        broken = [target.name for target, count in shares(chosen, args.inputs).items() if not _one(target, count, seed)]
    print(f"broken: {', '.join(broken)}" if broken else "every promise was kept")
    return 1 if broken else 0


def _one(target: Target, count: int, seed: int) -> bool:
    """Try one target, and print a row of the table; whether the promise was kept."""
    tally, begin, quiet = Tally(), time.monotonic(), io.StringIO()
    kept = True
    for n, done in enumerate(range(0, count, ROUND)):
        try:
            with redirect_stdout(quiet), redirect_stderr(quiet):  # help that flags ask for
                tried(target, min(ROUND, count - done), tally, seed=seed + n)
        except Exception:
            kept = False
            print(f"\n{target.name} is broken:\n{traceback.format_exc(limit=-4)}", flush=True)
            break
        if sys.stdout.isatty():
            print(f"\r{target.name:28} {tally.inputs:>8,}", end="", flush=True)
    start = "\r" if sys.stdout.isatty() else ""
    print(f"{start}{target.name:28} {tally.inputs:>8,} inputs {tally.refused:>8,} refused {tally.taken:>8,} accepted "
          f"{time.monotonic() - begin:>6.0f} s", flush=True)  # fmt: skip
    return kept


if __name__ == "__main__":
    sys.exit(main())

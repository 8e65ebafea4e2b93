"""``python -m tests.steady``: every browser test many times beside a hog on every core, without a retry.

A test that passes on an idle machine alone proves little: this one shows which tests depend on how fast it is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import ROOT

HOG = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**6): pass"
"""Keeps a core busy for as long as its parent lives, however that ends."""


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """``count`` busy processes."""
    running = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in running:
            hog.kill()
            hog.wait()


def outcomes(report: Path) -> dict[str, str]:
    """Test -> "passed", "failed" or "skipped", by pytest's JUnit report."""
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        tags = {child.tag for child in case}
        how = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        name = f"{(case.get('classname') or '').split('.')[-1]}::{case.get('name')}"
        found[name] = "failed" if "failed" in (how, found.get(name)) else how
    return found


def main() -> int:
    """Exit code 0 if every test passed every time."""
    parser = argparse.ArgumentParser(prog="python -m tests.steady", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("tests", nargs="*", default=["tests/browser"], help="files or test ids; default: all of them")
    parser.add_argument("--repeats", type=int, default=10, help="how often (default: 10)")
    parser.add_argument("--hogs", type=int, default=os.cpu_count() or 1, help="busy processes (default: one a core)")
    args = parser.parse_args()
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    broken = 0
    try:
        with hogs(args.hogs), tempfile.TemporaryDirectory() as folder:
            for n in range(1, args.repeats + 1):
                report = Path(folder) / f"{n}.xml"
                code = subprocess.run(
                    [sys.executable, "-m", "pytest", "--tb=short", f"--junitxml={report}", *args.tests], cwd=ROOT
                ).returncode
                found = outcomes(report) if report.exists() else {}
                broken += code not in (0, 1) or not found
                for name, how in found.items():
                    seen[name][how] += 1
                print(f"repeat {n} of {args.repeats}: {dict(Counter(found.values()))}", flush=True)
    except KeyboardInterrupt:
        print("interrupted")
        broken += 1
    for name, counts in sorted(seen.items(), key=lambda item: (item[1]["passed"], item[0])):
        print(f"{counts['passed']:3d} of {counts.total()} passed  {name}")
    unsteady = sum(counts["passed"] < counts.total() for counts in seen.values())
    print(f"{len(seen)} tests, {unsteady} of them not steady")
    return int(bool(broken or unsteady or not seen))


if __name__ == "__main__":
    sys.exit(main())

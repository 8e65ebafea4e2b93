"""A lecture hall on one server: how long changes take with 30 and with 100 sessions at once, and what breaks.

    python -m tests.benchmarks.hall
    python -m tests.benchmarks.hall --sessions 30 --seconds 60 --pages 0
    python -m tests.benchmarks.hall --url http://127.0.0.1:8501 --sessions 30     # a server that runs on this machine

Starts the app on a free port with an empty store, anew for each hall, and fills it: four in five people are in the lab,
half of them on eight popular settings, half on their own; the others go through lessons, quiz and Compare. All think
for 2 to 6 seconds between a page at rest and their next act. Measured is from sending a change until every figure
shows the last round of that setting and nothing runs, and until the first figure of the setting. Sessions are light
(Streamlit's protocol without a browser, see ``light.py``), in one process; then the same hall again with some real
Chromium pages among them, whose people press keys. These paint on the same cores: ten of them take much of two.

Memory is the proportional share (PSS) of the server and its children. A run that ended early is not kept, so it is not
counted as computed. Numbers are printed beside their targets; none makes the command fail.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests import ROOT
from tests.benchmarks.hall.house import Ledger, Tree, Use, Watch, busy_seconds, listener
from tests.benchmarks.hall.light import Seen, Task, read_seen
from tests.benchmarks.hall.people import Crowd, crowds
from tests.benchmarks.hall.report import MANY, SOME, Outcome, rows, table
from tests.browser.conftest import LEFT
from tests.browser.server import serving

MOST_SESSIONS, MOST_SECONDS = 200, 3600
FOR_GOOD = 1e9
"""Seconds that no session outlasts."""

WARM_SECONDS = 30.0
WARMERS: list[tuple[int, Crowd]] = [(1000, "own"), (1001, "popular"), (1002, "others")]
"""People who come before all others, so that nothing is imported or prepared under load."""


@dataclass(frozen=True)
class House:
    """A server: where it is, and what of it can be looked at."""

    url: str
    store: Path | None = None
    log: Path | None = None

    @property
    def tracebacks(self) -> int:
        """In its log so far, without those of the web server's own when a browser leaves."""
        return LEFT.sub("", self.log.read_text()).count("Traceback") if self.log else 0


@contextmanager
def house(url: str | None) -> Iterator[House]:
    """The server at ``url``, or a fresh one."""
    if url is not None:
        yield House(url)
        return
    with tempfile.TemporaryDirectory() as folder:
        store, log = Path(folder) / "store", Path(folder) / "log"
        with log.open("w") as taken, serving(store, taken) as fresh:
            yield House(fresh, store, log)


def send(kind: str, task: Task, within: ExitStack) -> subprocess.Popen[str]:
    """Begin a task in a process of its own, which ends with the block at the latest."""
    command = [sys.executable, "-m", f"tests.benchmarks.hall.{kind}"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    within.callback(process.terminate)
    assert process.stdin is not None, "it was asked for"
    process.stdin.write(json.dumps(dataclasses.asdict(task)))
    process.stdin.close()
    process.stdin = None
    return process


def seen_by(process: subprocess.Popen[str]) -> Seen:
    """What came of it, once it has ended."""
    told, _ = process.communicate()
    if process.returncode:
        raise SystemExit("the load could not run")
    return read_seen(told)


def fill(
    there: House,
    sessions: int,
    chromium: int,
    seconds: float,
    rest: float,
    stay: float = FOR_GOOD,
    tell: Callable[[float, Use], object] = lambda at, use: None,
) -> Outcome:
    """One hall, from the first session to ``rest`` seconds after the last one.

    Args:
        chromium: how many of the sessions are real pages; they come out of both halves of the lab's.
        stay: seconds after which each light session leaves and another one comes.
        tell: called now and then with seconds since the begin and what the server holds.
    """
    server = Tree(listener(urlsplit(there.url).port or 80))
    with ExitStack() as within:
        seen_by(send("light", Task(there.url, WARMERS, WARM_SECONDS, FOR_GOOD), within))
        start = server.use()
        everybody = list(enumerate(crowds(sessions)))
        tasks = {"light": Task(there.url, everybody[chromium:], seconds, stay)}
        if chromium:
            tasks["pages"] = Task(there.url, everybody[:chromium], seconds, FOR_GOOD)
        load = {kind: send(kind, task, within) for kind, task in tasks.items()}
        trees = {kind: Tree(process.pid) for kind, process in load.items()}
        ledger = None if there.store is None else Ledger(there.store)
        watch = Watch(server, trees, ledger, tell)
        server.look()
        begin, before, busy = time.monotonic(), server.cpu, busy_seconds()
        with watch.watching():
            seen = {kind: seen_by(process) for kind, process in load.items()}
        taken = time.monotonic() - begin
        cpu = {kind: tree.cpu / taken for kind, tree in trees.items()} | {"server": (server.cpu - before) / taken}
        cpu["others"] = (busy_seconds() - busy) / taken - sum(cpu.values())
    time.sleep(rest)
    if ledger is not None:
        ledger.look()
    return Outcome(
        sessions, seconds, chromium, seen["light"], seen.get("pages", Seen()), start, server.use(), watch.history,
        rest, cpu, None if ledger is None else ledger.computed, there.tracebacks,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, action="append", help=f"how many; {SOME} and {MANY} if not given")
    parser.add_argument("--seconds", type=float, default=180, help="how long")
    parser.add_argument("--pages", type=int, default=10, help="how many of them in Chromium, the second time")
    parser.add_argument("--url", help="of a server that runs on this machine")
    parser.add_argument("--rest", type=float, default=30, help="seconds after which memory should be given back")
    parser.add_argument("--json", type=Path, help="a file that takes all that was measured")
    asked = parser.parse_args(arguments)
    sizes: list[int] = asked.sessions or [SOME, MANY]
    if asked.url and urlsplit(asked.url).hostname not in ("127.0.0.1", "localhost"):
        parser.error("only a server on this machine may be loaded")
    if not all(0 < size <= MOST_SESSIONS for size in sizes) or not 0 < asked.seconds <= MOST_SECONDS:
        parser.error(f"at most {MOST_SESSIONS} sessions and {MOST_SECONDS} seconds")
    if asked.pages and shutil.which("chromium") is None:
        print("no chromium found: only light sessions\n")
        asked.pages = 0
    outcomes: list[Outcome] = []
    for size in sizes:
        kinds = [0, min(asked.pages, size - 1)] if asked.pages else [0]
        for chromium in kinds:
            with house(asked.url) as there:
                outcomes.append(fill(there, size, chromium, asked.seconds, asked.rest))
        print(table(outcomes[-len(kinds) :]), end="\n\n", flush=True)
    if any(outcome.chromium for outcome in outcomes):
        print("Chromium pages paint on the cores that serve them: the first column is what the server can do.")
    for what in dict.fromkeys(error for o in outcomes for s in (o.light, o.pages) for error in s.errors + s.dead):
        print(f"told: {what}")
    if asked.json:
        told = [{**dataclasses.asdict(o), "rows": [dataclasses.asdict(row) for row in rows(o)]} for o in outcomes]
        asked.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

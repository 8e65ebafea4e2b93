"""``streamlit run app`` on loopback, for tests and benchmarks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fedrot_core.store import FOLDER

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120
"""Longer than anything takes on a busy machine: what is still missing then does not come."""


@contextmanager
def serving(store: Path | None = None, log: IO[str] | int = subprocess.DEVNULL) -> Iterator[str]:
    """A fresh app; its address once it answers. Ended afterwards.

    Args:
        store: where it keeps its runs, if not where the environment says.
        log: takes what it writes to its log.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app", "--server.port", str(port), "--server.headless", "true"]
    env = os.environ | ({FOLDER: str(store)} if store else {})
    server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not healthy(url):
            assert server.poll() is None, "the app ended before it answered"
            assert time.monotonic() < deadline, "the app did not answer"
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def healthy(url: str) -> bool:
    """Whether the app answers."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health") as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False

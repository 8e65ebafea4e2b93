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
from tests import ROOT

PATIENCE_SECONDS = 120
"""Longer than anything takes on a busy machine: what is still missing then does not come."""


@contextmanager
def serving(
    store: Path | None = None,
    log: IO[str] | int = subprocess.DEVNULL,
    base: str = "",
    folder: Path = ROOT,
    port: int | None = None,
    app: Path | None = None,
) -> Iterator[str]:
    """A fresh app; its address once it answers. Ended afterwards.

    Args:
        store: where it keeps its runs, if not where the environment says.
        log: takes what it writes to its log.
        base: path that it is served at; folder: where it is started; port: where it listens, if not on any free one.
        app: another script of Streamlit's, to compare with.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(app or ROOT / "app"), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.baseUrlPath", base]
    env = os.environ | ({FOLDER: str(store)} if store else {})
    server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=env)
    url = f"http://127.0.0.1:{port}/{base}".rstrip("/")
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

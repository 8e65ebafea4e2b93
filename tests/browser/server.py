"""``streamlit run app`` for tests and benchmarks that need a server of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedrot_core.store import FOLDER
from tests.browser.conftest import ROOT, free_port


@contextmanager
def serving(store: Path) -> Iterator[str]:
    """A fresh app on loopback that keeps its runs in ``store``; its address once it answers. Ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app", "--server.port", str(port), "--server.headless", "true"]
    quiet, env = subprocess.DEVNULL, os.environ | {FOLDER: str(store)}
    server = subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet, env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/_stcore/health").close()
                break
            except OSError:
                assert server.poll() is None, "the app ended before it answered"
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(60)

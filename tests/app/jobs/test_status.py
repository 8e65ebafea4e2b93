"""A running server tells what it does, and stops telling where it cannot."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from app.jobs import background, status
from app.jobs.workers import Workers
from fedrot_core.servers import heard


def test_this_server_counts_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = Workers(1)
    monkeypatch.setattr(status, "workers", lambda: idle)
    (tmp_path / "cache.db").write_bytes(b"x" * 1000)
    found = status.status(tmp_path)
    assert found.pid == os.getpid()
    assert found.store == 1000
    assert found.memory > 50_000_000
    assert found.threads >= 1
    assert found.sessions == found.working == found.waiting == found.processes == 0


def test_it_goes_on_telling_after_a_folder_could_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "store"
    blocked.write_text("a file, where a folder should be")
    ending = threading.Event()
    monkeypatch.setattr(background, "ending", ending)
    monkeypatch.setattr(status, "SAY_SECONDS", 0.01)
    telling = threading.Thread(target=status._keep_telling, args=(blocked,), daemon=True)
    telling.start()
    telling.join(0.2)
    assert telling.is_alive()
    blocked.unlink()
    for _ in range(500):
        if heard(blocked):
            break
        telling.join(0.02)
    assert [server.pid for server in heard(blocked)] == [os.getpid()]
    ending.set()
    telling.join(10)
    assert not telling.is_alive()
    assert not heard(blocked)

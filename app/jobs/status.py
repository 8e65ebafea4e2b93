"""What this server says of itself every few seconds, for ``fedrot status``."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from pathlib import Path

import psutil
import streamlit as st
from streamlit.runtime import Runtime

from app.jobs import background
from app.jobs.runs import runner
from app.jobs.workers import workers
from fedrot_core import servers
from fedrot_core.servers import ServerStatus

SAY_SECONDS = 5.0

NAME = secrets.token_hex(8)

log = logging.getLogger(__name__)


def tell(folder: Path | None) -> None:
    """Say it below ``folder`` from now on, until the process ends; nowhere if there is no folder."""
    if folder is not None:
        background.start("status", _keep_telling, folder)


def _keep_telling(folder: Path) -> None:
    told = True
    while not background.ending.is_set():
        try:
            servers.say(folder, status(folder))
            told = True
        except OSError as error:
            if told:
                log.warning("What this server does cannot be written down (%s).", error.strerror)
            told = False
        background.ending.wait(SAY_SECONDS)
    servers.gone(folder, NAME)


def status(folder: Path) -> ServerStatus:
    """As it is now."""
    here, pool = psutil.Process(), workers()
    return ServerStatus(
        name=NAME,
        pid=here.pid,
        port=int(st.get_option("server.port")),
        said_at=time.monotonic(),
        up_seconds=time.time() - here.create_time(),
        sessions=_sessions(),
        working=pool.turns.held,
        waiting=pool.turns.waiting,
        processes=len(pool.ids),
        replaced=pool.replaced,
        runs=runner().kept,
        memory=sum(map(_memory, [here.pid, *pool.ids])),
        store=_size(folder),
        threads=here.num_threads(),
        files=here.num_fds() if hasattr(here, "num_fds") else 0,
    )


def _sessions() -> int:
    """Open pages."""
    manager = getattr(Runtime.instance(), "_session_mgr", None) if Runtime.exists() else None
    return 0 if manager is None else int(manager.num_active_sessions())  # there is none yet while the server starts


def _memory(pid: int) -> int:
    """Bytes of a process, where what it shares with others counts in part; 0 if it has ended."""
    with contextlib.suppress(psutil.Error):
        full = psutil.Process(pid).memory_full_info()
        return int(getattr(full, "pss", full.uss))
    return 0


def _size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return 0

"""What worker processes do. Nothing here needs Streamlit, which they never load."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import torch

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.gauge import Replay, Spin, replay, spin
from fedrot_core.learn.mistakes import MISTAKES
from fedrot_core.records import Event
from fedrot_core.trace import Trace

KEPT_ROUNDS = 4
"""A round's factors are kept, so that another turn of it needs no training; up to about 50 MB each."""

WATCH_SECONDS = 1.0
"""How often a process looks whether its server is still there."""

_rounds: OrderedDict[tuple[str, str, int], Replay] = OrderedDict()


def ready(server: int) -> None:
    """Make a new process ready: one thread, data loaded, the frozen network trained; it ends with its server.

    Args:
        server: id of the server's process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the server ends its processes
    threading.Thread(target=_end_with, args=(server,), daemon=True, name="watch the server").start()
    torch.set_num_threads(1)
    Federation(FederationConfig())


def _end_with(server: int) -> None:
    while os.getppid() == server:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def attend(line: Connection, work: Callable[..., Any], args: tuple[Any, ...], telling: bool) -> Any:
    """Do ``work(*args, should_stop)``, or ``work(*args, should_stop, tell)``.

    Args:
        line: carries what is told to the server. Whatever the server says, if only by closing it, means to stop.
        work: a function of a module; telling: whether it tells.
    """
    over = threading.Event()

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            line.recv()
        over.set()

    listener = threading.Thread(target=listen, daemon=True, name="listen to the server")
    listener.start()
    try:
        return work(*args, over.is_set, line.send) if telling else work(*args, over.is_set)
    finally:
        line.send(None)  # nothing more is told; the server hangs up
        listener.join()
        line.close()


def run(
    config: FederationConfig, mistake: str, should_stop: Callable[[], bool], tell: Callable[[Trace | Event], None]
) -> None:
    """Play a run, and tell the empty trace, then every event.

    Args:
        mistake: entry of :data:`fedrot_core.learn.mistakes.MISTAKES`, whose correct and faulty copy are then the arms;
            empty for the methods that ``config`` names.
    """
    federation = Federation(config, MISTAKES[mistake].arms(config) if mistake else None)
    tell(federation.new_trace())
    for event in federation.rounds(should_stop):
        tell(event)


def turned(
    config: FederationConfig, arm: str, round_index: int, client: int, seed: int,
    should_stop: Callable[[], bool], tell: Callable[[int], None],
) -> Spin:  # fmt: skip
    """Turn one client of a round, which is trained again unless this process has it; tells how many rounds are done."""
    key = replace(config, methods=(arm,)).hash, arm, round_index
    if key not in _rounds:
        tell(0)
        _rounds[key] = replay(config, arm, round_index, should_stop, tell)
    _rounds.move_to_end(key)
    while len(_rounds) > KEPT_ROUNDS:
        _rounds.popitem(last=False)
    return spin(_rounds[key], client, seed)

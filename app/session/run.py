"""The run that a session watches: that of its config, or one that it opened from a file."""

from __future__ import annotations

from dataclasses import dataclass

from app.jobs.runs import RunJob, runner
from app.jobs.twins import TwinJob
from app.session import state
from app.session.parts import mine, session_id
from fedrot_core.config import FederationConfig
from fedrot_core.export.run.run_file import RunFile
from fedrot_core.trace import Trace


@dataclass
class Watched:
    """What the lab follows.

    Attributes:
        job: the run of the config; trace: the last one that was drawn, shown until the next has a round.
        replay: a trace that was opened from a file; file: a run file that was opened, to be compared.
        anew: the config that must be computed for this session, whatever is known.
        twin: says whether the run's settings amplify rounding.
    """

    job: RunJob | None = None
    trace: Trace | None = None
    replay: RunJob | None = None
    file: RunFile | None = None
    anew: FederationConfig | None = None
    twin: TwinJob | None = None


def watched_job() -> RunJob:
    """The run of the session's config: replayed, started if need be, or left to rest if this session cancelled it."""
    mind, wanted = mine(Watched), state.config()
    before = mind.job
    if before is not None and before.config == wanted and before.cancelled_by_hand:
        return before
    if mind.replay is not None and mind.replay.config == wanted:
        job = mind.replay
    else:
        job = runner().job(wanted, session_id(), anew=mind.anew == wanted)
    if before is not None and before is not job:
        before.left_by(session_id())
    mind.job = job
    return job

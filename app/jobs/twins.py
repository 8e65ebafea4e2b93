"""Twin runs off the script thread: do a run's settings amplify rounding, so that another processor ends elsewhere?"""

from __future__ import annotations

import streamlit as st

from app.jobs.background import Job, Jobs
from app.jobs.workers import workers
from fedrot_core.export.run.verify import steady_rounds
from fedrot_core.trace import Trace

KEPT_TWINS = 64


class TwinJob(Job):
    """The twin of one finished run.

    Attributes:
        steady: rounds that can be compared with another machine's, by
            :func:`fedrot_core.export.run.verify.steady_rounds`; None until that is known.
    """

    kind = "twin run"
    advice = "Open the link again to try again."

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace
        self.steady: int | None = None

    def work(self) -> None:
        self.steady = workers().call(self, steady_rounds, self._trace)


class Twins:
    """All twin runs of this server, newest kept."""

    def __init__(self) -> None:
        self._jobs: Jobs[str, TwinJob] = Jobs(KEPT_TWINS)

    def job(self, trace: Trace, session: str) -> TwinJob:
        """The twin of ``trace``, started if nobody has yet."""
        return self._jobs.get(trace.config.hash, lambda: TwinJob(trace), session)


@st.cache_resource(show_spinner=False)
def twins() -> Twins:
    """The server's twin runs."""
    return Twins()

"""Diagnoses and merges of adapters, off the script thread: one at a time on a server, cancellable.

Those of a sample are kept for all. Those of uploads belong to the session that sent them, and are gone with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

import fedrot_core as fr
from app.jobs.background import Job, Jobs
from app.jobs.turns import Turns
from fedrot_core.adapters.diagnosis import Diagnosis
from fedrot_core.adapters.trees import clean

SAMPLES = Path(__file__).resolve().parents[1] / "samples"

KEPT_SAMPLES = 32
"""A sample's diagnosis has other numbers for each reference and each set of weights."""

READING = 0.3
"""The share of a diagnosis's bar that reading takes."""


@dataclass(frozen=True)
class Question:
    """Which sample is diagnosed, and how: a name of a file in :data:`SAMPLES`, the reference, and clients' weights."""

    sample: str
    reference: str
    weights: tuple[tuple[str, float], ...]


class DiagnosisJob(Job):
    """One diagnosis.

    Args:
        sources: uploads, or the path of a sample.
        weights: how much each client counts, by name; equal for those that are not named.
        reference: name of a client; empty for the usual one.

    Attributes:
        name: tells its figures from those of any other diagnosis.
        result: the diagnosis, once there is one.
        problems: what of weights and reference could not be used, a sentence each.
    """

    kind = "diagnosis"
    advice = "Try it with fewer files."

    def __init__(self, sources: list[fr.Upload] | Path, weights: Mapping[str, float], reference: str) -> None:
        super().__init__()
        self.name = uuid.uuid4().hex
        self.result: Diagnosis | None = None
        self.problems: tuple[str, ...] = ()
        self._sources, self._weights, self._reference = sources, dict(weights), reference

    @property
    def reading(self) -> bool:
        """Whether it still reads files."""
        return self.progress.done < READING

    def work(self) -> None:
        with self.turn(_one()):
            told = self.progress.told
            told(0, 1)
            found = fr.cohort(self._sources, None, lambda done, of: told(READING * done / of, 1), self.should_stop)
            reference = self._reference
            try:
                found = found.weighted(self._weights)
            except fr.AdapterError as error:
                self.problems += (f"{error} All clients count the same for now.",)
            if reference and reference not in found.names:
                self.problems += (f"There is no client {clean(reference)!r} to align to; the usual one was taken.",)
                reference = ""
            self.result = fr.diagnose(
                found, None, reference or None,
                on_progress=lambda done, of: told(READING + (1 - READING) * done / of, 1),
                should_stop=self.should_stop, threads=1,
            )  # fmt: skip


class MergeJob(Job):
    """One aggregate, written as an adapter.

    Args:
        found: the diagnosis whose clients are merged.
        method: a name of :data:`fedrot_core.adapters.combine.RULES`; side: of the alignment to a reference.

    Attributes:
        content: a zip of the adapter's folder, once it is made.
        notes: what was left out, and what else to know about it.
    """

    kind = "merge"
    advice = "Try another method."

    def __init__(self, found: Diagnosis, method: str, side: str) -> None:
        super().__init__()
        self.method, self.side = method, side
        self.content: bytes | None = None
        self.notes: tuple[str, ...] = ()
        self._found = found

    def work(self) -> None:
        with self.turn(_one()):
            merged = fr.merge(
                self._found.cohort, self.method,
                reference=self._found.reference if self.method == "fedrot" else None, side=self.side,
                on_progress=self.progress.told, should_stop=self.should_stop,
            )  # fmt: skip
            self.content, self.notes = merged.zip(), merged.notes


@st.cache_resource(show_spinner=False)
def _one() -> Turns:
    """One piece of this work at a time on a server: it takes much memory."""
    return Turns(1)


@st.cache_resource(show_spinner=False)
def _of_samples() -> Jobs[Question, DiagnosisJob]:
    return Jobs(KEPT_SAMPLES)


def of_sample(asked: Question, session: str) -> DiagnosisJob:
    """The diagnosis of a sample, begun if nobody has asked for it yet."""
    path = SAMPLES / f"{asked.sample}.zip"
    return _of_samples().get(asked, lambda: DiagnosisJob(path, dict(asked.weights), asked.reference), session)

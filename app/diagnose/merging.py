"""The aggregate as an adapter: by which method, with what error, and the file."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.diagnose.place import LINK, go
from app.jobs.diagnoses import MergeJob
from app.session import link
from app.session.parts import mine, session_id
from app.widgets.text import plain
from app.widgets.waiting import under_way
from fedrot_core.adapters.diagnosis import Diagnosis
from fedrot_core.wording import percent, size

METHODS: dict[str, tuple[str, str, str]] = {
    "naive": ("naive", "A", "Plain averaging"),
    "align_A": ("fedrot", "A", "FedRot-LoRA, matching A"),
    "align_B": ("fedrot", "B", "FedRot-LoRA, matching B"),
    "gpa": ("gpa", "A", "Generalised Procrustes"),
    "svd": ("svd", "A", "Best rank r by SVD"),
    "stack": ("stack", "A", "Stacking: all ranks, exact"),
}
"""Name in the link -> method and side of the merge, and its name for people."""


@dataclass
class Merging:
    """The merge that this session asked for last, and of which diagnosis and method."""

    job: MergeJob | None = None
    of: tuple[str, str] = ("", "")


def methods(found: Diagnosis) -> str:
    """The method that is chosen; each with its error over all layers."""
    st.subheader("Merge them", anchor="merge")
    place = LINK.place
    errors = {**found.totals, "svd": found.totals["floor"], "stack": 0.0}
    options = [method for method in METHODS if method in errors]
    chosen = place.method if place.method in options else found.verdict.method
    link.give("diagnose_method", chosen)
    st.selectbox(
        "Method and its error over all layers", options, key="diagnose_method", width=330,
        format_func=lambda method: f"{METHODS[method][2]}: {percent(errors[method])}",
        on_change=link.wish("diagnose_method", lambda method: go(method=method)),
    )  # fmt: skip
    return chosen


def merges() -> bool:
    """Whether this session waits for a merge."""
    job = mine(Merging).job
    return job is not None and job.running


def merging(found: Diagnosis, name: str, method: str) -> None:
    """The button, how far it is, or the file; redrawn alone while it is made."""
    if found.cohort.unmergeable:
        st.info("Some adapters are more than B A (see above), so no adapter can be made of them here.")
        return
    mind, of = mine(Merging), (name, method)
    job = mind.job if mind.of == of else None

    def make() -> None:
        how, side, _ = METHODS[method]
        mind.job, mind.of = MergeJob(found, how, side).start(session_id()), of

    if job is not None and job.running:
        job.seen_by(session_id())
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="diagnose_merge"):
            under_way(job.progress.share, "Merging", job.left, "diagnose_merge_cancel", job.cancel, width=300)
    elif job is not None and job.content is not None:
        st.download_button(
            f"Download ({size(len(job.content))})", job.content, f"fedrot-merged-{method.replace('_', '-')}.zip",
            "application/zip", type="primary", key="diagnose_merged", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.caption(plain(" ".join(["PEFT loads its folder with PeftModel.from_pretrained.", *job.notes])))
    else:
        st.button("Make the adapter", key="diagnose_make", icon=":material/merge:", type="primary", on_click=make)
        if job is not None and job.error:
            st.error(plain(job.error))
        told = "Cancelled. " if job is not None and not job.error else ""
        st.caption(f"{told}A zip of one PEFT adapter, with a model card that says what was done and what it misses.")

"""The adapters that are diagnosed: samples that everybody has, or files of this session alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

import fedrot_core as fr
from app.diagnose.place import LINK, OWN, SETS, parsed, switch
from app.jobs.diagnoses import SAMPLES, DiagnosisJob, Question, of_sample
from app.session import link
from app.session.parts import mine, session_id
from app.widgets.text import plain
from fedrot_core.wording import size

LARGEST_MB = 200
"""Of one file. The adapters of a model with 8 billion parameters have some 30 MB at rank 16."""

MOST_BYTES = 400_000_000
"""Of all files of a session together: they stay in memory."""

WHAT = {
    "independent": "Four clients fine-tuned MiniLM on tweets, films, products and news, each from random factors of "
    "its own. Their frames have nothing in common.",
    "shared": "The same four clients, all from the same random factors, as most federations do.",
    "svd": "The clients of the shared start, their factors replaced by those of a singular value decomposition, as "
    "some tools save them. No update changed, and every frame did.",
}
"""What each sample is."""


@dataclass
class Called:
    """What this session asks for now, and what it called off; None if nothing."""

    now: object = None
    off: object = None


@dataclass
class Own:
    """This session's own files and what was asked of them; gone with the session.

    Attributes:
        files: those dropped last; ids: how the uploader tells them apart.
        open: whether the uploader held files when the page ran last.
        job: the last diagnosis; asked: what it was asked with.
    """

    files: list[fr.Upload] = field(default_factory=list)
    ids: tuple[str, ...] = ()
    open: bool = False
    job: DiagnosisJob | None = None
    asked: tuple[object, ...] = field(default=())


def choose() -> None:
    """Which adapters; for own files, the place where they are dropped."""
    place = LINK.place
    link.give("diagnose_set", place.set)
    st.segmented_control(
        "Adapters", list(SETS), format_func=SETS.__getitem__, key="diagnose_set", required=True,
        on_change=link.wish("diagnose_set", switch), label_visibility="collapsed",
    )  # fmt: skip


def about() -> None:
    """What the chosen sample is, and its files."""
    chosen = LINK.place.set
    path = SAMPLES / f"{chosen}.zip"
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="diagnose_what"):
        st.caption(WHAT[chosen], width="stretch")
        st.download_button(
            f"Its files ({size(path.stat().st_size)})", path.read_bytes, f"fedrot-sample-{chosen}.zip",
            "application/zip", key="diagnose_files", icon=":material/download:", on_click="ignore",
            help="Four PEFT adapters, to try with “My own files” or on the command line.",
        )  # fmt: skip


def uploader() -> list[fr.Upload]:
    """The files of this session, dropped here."""
    mind = mine(Own)
    sent = st.file_uploader(
        "Adapters of several clients: a zip of their folders, one zip a client, or .safetensors files with their "
        "adapter_config.json",
        type=["zip", "safetensors", "json", "bin", "pt", "pth"], accept_multiple_files=True, key="diagnose_upload",
        max_upload_size=LARGEST_MB,
        help="Pickles (.bin, .pt) are not opened, since opening them can run code. For folders on this machine, or "
        "more than fits here: `fedrot diagnose FOLDER`.",
    )  # fmt: skip
    ids = tuple(file.file_id for file in sent)
    if ids != mind.ids and (sent or mind.open):
        mind.ids, mind.files = ids, [fr.Upload(file.name, file.getvalue()) for file in sent]
    mind.open = bool(sent)
    if mind.files and not sent:  # another set was looked at meanwhile, for which the browser empties the uploader
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="diagnose_kept"):
            st.caption(plain(f"Still here: {', '.join(file.name for file in mind.files[:8])}."), width="content")
            st.button("Forget them", key="diagnose_forget", icon=":material/delete:", on_click=mind.files.clear)
    return list(mind.files)


def job() -> tuple[DiagnosisJob | None, str]:
    """The diagnosis that is asked for, begun if need be; None while there is nothing to diagnose. And what is wrong."""
    place = LINK.place
    weights, wrong = parsed(place.weights)
    if place.set != OWN:
        mine(Own).open = False
        about()
        asked = Question(place.set, place.reference, tuple(sorted(weights.items())))
        return (None if _off(asked) else of_sample(asked, session_id())), wrong
    mind, files = mine(Own), uploader()
    large = sum(len(file.content) for file in files) > MOST_BYTES
    if large or not files:
        _off(None)
        _forget()
        most = f"All files together must have at most {size(MOST_BYTES)}. Use the command line for more."
        return None, most if large else wrong
    wanted = (mind.ids, place.reference, tuple(sorted(weights.items())))
    if _off(wanted):
        return None, wrong
    if mind.job is None or mind.asked != wanted or mind.job.to_be_redone:
        _forget()
        mind.job, mind.asked = DiagnosisJob(files, weights, place.reference).start(session_id()), wanted
    mind.job.seen_by(session_id())
    return mind.job, wrong


def _off(asked: object) -> bool:
    """Whether this was called off; a diagnosis that is asked for otherwise is on again."""
    mind = mine(Called)
    mind.now = asked
    if mind.off != asked:
        mind.off = None
    return mind.off is not None


def call_off(job: DiagnosisJob) -> None:
    """End a diagnosis for this session; that of a sample goes on if others wait for it."""
    mind = mine(Called)
    mind.off = mind.now
    job.left_by(session_id())


def is_off() -> bool:
    """Whether the diagnosis that is asked for was called off."""
    return mine(Called).off is not None


def call_on() -> None:
    """Begin it again."""
    mine(Called).off = None


def _forget() -> None:
    mind = mine(Own)
    if mind.job is not None:
        mind.job.cancel()
    mind.job, mind.asked = None, ()

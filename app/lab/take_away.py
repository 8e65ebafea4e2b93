"""What a lecturer takes from the lab and brings back: run files, code, links that prove themselves, traces."""

from __future__ import annotations

import io
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import streamlit as st

from app.jobs.runs import RunJob
from app.jobs.twins import twins
from app.session import state
from app.session.parts import mine, session_id
from app.session.query import to_query
from app.session.run import Watched
from app.widgets.drawn import drawn, state_of
from app.widgets.page import warn
from app.widgets.text import plain
from fedrot_core.errors import FedRotError, brief
from fedrot_core.export.run import code, run_file, trace_file
from fedrot_core.export.run.link_check import compare_link, link_check, read_check
from fedrot_core.export.run.verdict import Verdict
from fedrot_core.export.run.verify import compare
from fedrot_core.trace import Trace
from fedrot_core.wording import counted

LARGEST_MB = 20
LONGEST_NAME = 100
"""Characters of a file's name that are told."""

STORED = {
    "shipped": "came with the project",
    "store": "were kept from an earlier run",
    "computed": "were computed on this server for another visitor",
}
"""In mid-sentence, by :attr:`app.jobs.runs.RunJob.origin`."""


@dataclass
class Uploads:
    """How many files were taken in, and what was wrong with the last one.

    Each time the uploader is another one, and so empty.
    """

    taken: int = 0
    refused: str = ""


def take_away(job: RunJob) -> None:
    """Downloads of the finished run, its link, and the way back in; belongs into the sidebar."""
    with st.popover(
        "Take away, or open",
        icon=":material/ios_share:",
        width="stretch",
        help="Save this run as a file, as code or as a link, or open a saved one",
    ):
        trace = job.trace()
        if trace is None or not job.finished.is_set():
            st.caption("The run is still being computed. Its files can be downloaded once the last round is done.")
        else:
            _downloads(trace)
        st.file_uploader(
            "Open a run file (.json) or a trace (.npz)", type=["json", "npz"], key=f"opened_{_epoch()}",
            max_upload_size=LARGEST_MB, on_change=_opened,
            help="A run file is run again and compared, number by number. A trace is replayed, "
            "without training.",
        )  # fmt: skip
        warn([mine(Uploads).refused] * bool(mine(Uploads).refused))  # on the page it would be behind this menu


def _epoch() -> int:
    return mine(Uploads).taken


def _downloads(trace: Trace) -> None:
    name = f"fedrot-{trace.config.hash}"
    check = drawn().get(("link", state_of(trace)), lambda: link_check(trace))
    files = (
        ("Run file", f"{name}.json", "application/json", lambda: run_file.write(trace)),
        ("Python script", f"{name}.py", "text/x-python", lambda: code.script(trace.config, check).encode()),
        ("Notebook", f"{name}.ipynb", "application/x-ipynb+json", lambda: code.notebook(trace.config, check)),
        ("Trace, to replay", f"{name}.npz", "application/octet-stream", lambda: _saved(trace)),
    )
    st.caption(
        f"Run {trace.config.hash}, {counted(trace.rounds_done, 'round')}, checksum {read_check(check).checksum}."
    )
    for n, column in enumerate(st.columns(2)):
        with column:
            for label, file, mime, make in files[n::2]:
                st.download_button(label, make, file, mime, on_click="ignore", width="stretch")
    query = to_query(trace.config, state.selection()) | {"check": check}
    address = urlsplit(st.context.url or "")
    st.caption("A link that runs these settings again and says whether the same numbers came out:")
    st.code(f"{address.scheme}://{address.netloc}{address.path}?{urlencode(query)}", language=None, wrap_lines=True)


def _saved(trace: Trace) -> bytes:
    buffer = io.BytesIO()
    trace.save(buffer)
    return buffer.getvalue()


def _opened() -> None:
    """Take in the uploaded file; whatever is wrong with it is told, and nothing changes."""
    upload = st.session_state.get(f"opened_{_epoch()}")
    if upload is None:
        return
    content, mind = upload.getvalue(), mine(Watched)
    uploads = mine(Uploads)
    uploads.taken, uploads.refused = uploads.taken + 1, ""  # an empty uploader next time
    try:
        if upload.name.lower().endswith(".json"):
            run = run_file.read(content)
            state.set_config(run.config)
            state.select(round_index=None, arm=None)
            mind.file, mind.anew = run, run.config
        else:
            trace = trace_file.read(content)
            state.set_config(trace.config)
            state.select(round_index=0, arm=None)
            mind.replay = RunJob.done(trace)
    except FedRotError as error:
        uploads.refused = f"{brief(upload.name, LONGEST_NAME)} was not opened. {error}"


def came_out_again(job: RunJob) -> None:
    """What an opened run file, a link's check or a replay says of the run on screen, once the run is done."""
    mind = mine(Watched)
    if mind.replay is job:
        with st.container(horizontal=True, vertical_alignment="center", key="replaying"):
            st.info("Replayed from a trace file: nothing was trained.", icon=":material/replay:")
            if st.button("Run it instead"):
                mind.replay = None
                st.rerun()  # the whole page: a button's own run redraws the stage alone, with the run that it had
        return
    run = mind.file
    check = state.selection().check
    trace = job.trace()
    if trace is None or (not check and (run is None or run.config != job.config)):
        return
    if not job.finished.is_set():
        st.info("Running again, to compare the numbers with the recorded ones.", icon=":material/hourglass_top:")
        return

    def verdict_on(steady: int | None) -> Verdict:
        if check or run is None:
            return compare_link(check, trace, steady)
        return compare(run, trace, steady)

    try:
        verdict = verdict_on(None)
    except FedRotError as error:
        st.warning(plain(str(error)))
        return
    if job.origin != "computed" or job.begun_by != session_id():
        _tell_of_stored(verdict, job, "link" if check else "file")
    elif not verdict.may_be_rounding:
        _tell(verdict)
    else:
        twin = mind.twin = twins().job(trace, session_id())
        if twin.running:
            what = (
                "The numbers differ. A twin run, changed in the 14th digit only, is finding out whether these settings "
                "amplify rounding."
            )
            st.info(what, icon=":material/hourglass_top:")
        else:
            _tell(verdict_on(twin.steady))


def _tell(verdict: Verdict) -> None:
    if verdict.outcome == "differs":
        st.warning(plain(str(verdict)), icon=":material/difference:")
    elif verdict.outcome == "agrees":  # nothing is proven: rounding hides what could differ
        st.info(plain(str(verdict)), icon=":material/question_mark:")
    else:
        st.success(plain(str(verdict)), icon=":material/verified:")


def _tell_of_stored(verdict: Verdict, job: RunJob, whose: str) -> None:
    """Numbers that nobody computed now prove nothing: say how they compare, and offer the run that would."""
    trace = job.trace()
    assert trace is not None
    text = f"Nothing was computed for you: these numbers {STORED[job.origin]}, made on {trace.made_on}. "
    if verdict.outcome == "reproduced":
        text += f"They equal those of the {whose} (checksum {verdict.found})."
    else:
        text += f"Compared with the {whose}: {verdict}"
        if verdict.may_be_rounding:
            text += " Whether rounding explains it, as between two processors, only a run here can tell."
    with st.container(horizontal=True, vertical_alignment="center", key="stored_numbers"):
        st.info(plain(text), icon=":material/inventory:")
        if st.button("Run it here and compare", key="run_anew", icon=":material/refresh:"):
            mine(Watched).anew = job.config
            st.rerun()

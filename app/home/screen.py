"""Home: the moving picture, three doors, and the effect in a real run."""

from __future__ import annotations

import streamlit as st

from app.home.moving import moving_picture
from app.jobs.runs import runner
from app.navigation import lesson_file
from app.session import link
from app.session.parts import session_id
from app.session.query import KEYS
from app.widgets.live_figure import data_dialog, figure_card
from app.widgets.terms import explained, rich, theme_mode
from fedrot_core.config import FederationConfig
from fedrot_core.figures import View
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.study import presets

WHAT = (
    "In federated LoRA, [[client|clients]] adapt one frozen model and each send a [[server]] their [[update]] as two "
    "thin [[factors]]. One and the same update can be written in many [[frame|frames]]."
)
REAL = (
    "Ten clients train on handwritten digits, and their factors reach the server in frames of their own. The lab shows "
    "when that matters, and when it does not."
)
DOORS = (
    ("Learn", "Short lessons, in which you predict and then see, and a quiz. Ten minutes are enough for the main idea.",
     ((lesson_file(next(iter(LESSONS))), "Start the first lesson"), ("20_quiz.py", "Take the quiz"))),
    ("Experiment", "Choose how much clients differ, the rank and the methods, and watch real training round by round.",
     (("01_lab.py", "Open the lab"), ("02_compare.py", "Compare methods"))),
    ("Diagnose", "Would alignment help in your setting? A map shows where it pays off, and where it hurts.",
     (("03_when.py", "See when it matters"), ("04_spot_the_bug.py", "Spot the bug"))),
)  # fmt: skip


def effect() -> None:
    """The default preset, from its stored trace."""
    job = runner().job(FederationConfig(), session_id())
    job.wait_for_rounds(FederationConfig().train.rounds, timeout=10)
    trace = job.trace()
    if trace is None:
        st.info("The first run is being computed. Reload this page in a moment.")
        return
    st.html(f'<p class="fedrot-look" role="status">{explained(presets.sentence(trace, trace.rounds_done - 1))}</p>')
    view = View(arm="fedrot", round_index=trace.rounds_done - 1, mode=theme_mode())
    figure_card("latent", trace, view, 352)
    st.caption(f"{trace.task.summary} Seed {trace.config.seed}, after round {view.round_index}.")
    data_dialog(trace, view)


def page() -> None:
    """The whole page."""
    shared = link.wanted()
    if KEYS & shared.keys():  # a run that was shared when the lab stood at the root
        st.switch_page("../pages/01_lab.py", query_params=shared)
    link.show({})
    st.html('<h1 class="fedrot-title">See what averaging does to federated LoRA</h1>')
    st.html(f'<p class="fedrot-prose fedrot-wide">{rich(WHAT)}</p>')
    moving_picture()
    for (title, text, ways), column in zip(DOORS, st.columns(3, gap="medium"), strict=True):
        with column, st.container(border=True, key=f"door_{title.lower()}"):
            st.html(f'<h2 class="fedrot-door">{title}</h2><p class="fedrot-prose">{text}</p>')
            with st.container(horizontal=True, gap="small"):
                for page, label in ways:
                    st.page_link(f"../pages/{page}", label=label, icon=":material/arrow_forward:", width="content")
    st.html(f'<h2 class="fedrot-door">In real training</h2><p class="fedrot-prose fedrot-wide">{rich(REAL)}</p>')
    effect()

"""The game of "Spot the bug": the guess, its score, and the answer with its reason."""

from __future__ import annotations

import html

import streamlit as st

from app.bugs import scene as bugs
from app.session.parts import mine
from fedrot_core.learn.mistakes import MISTAKES, Mistake
from fedrot_core.methods import METHODS

TITLES = {name: MISTAKES[name].title for name in MISTAKES}


def answer_is_open(scene: bugs.Scene) -> bool:
    """Whether the answer may be seen: while exploring, after a guess, or when a lecturer shows it."""
    shown = bool(st.session_state.get(f"bug_reveal_{scene.case}", False))  # the toggle's own value
    return scene.case is None or scene.case in mine(bugs.Game).guesses or shown


def guess(scene: bugs.Scene, case: int) -> None:
    """Name the mistake, once; a lecturer may skip that."""
    guesses = mine(bugs.Game).guesses
    made, closed = guesses.get(case), not answer_is_open(scene)
    key = f"bug_guess_{case}"

    def decide() -> None:
        guesses[case] = st.session_state[key]

    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Which mistake is it?", sorted(TITLES, key=TITLES.__getitem__), index=None, key=key, width=430,
            format_func=TITLES.__getitem__, placeholder="Look at the evidence, then choose", disabled=not closed,
        )  # fmt: skip
        st.button("That is it", type="primary", on_click=decide, disabled=not closed or chosen is None, key="decide")
        if made is None:
            st.toggle("Lecturer: show the answer", key=f"bug_reveal_{case}")
        st.caption(bugs.score(), width="content")
    title = scene.mistake.title
    if made == scene.mistake.name:
        st.success(f"Right: {title}.", icon=":material/check:")
    elif made is not None:
        st.error(f"Not “{TITLES[made]}”. It is: {title}.", icon=":material/close:")


def answer(mistake: Mistake) -> None:
    """The rule as it should be and as it is, why that is wrong, and what shows it."""
    parts = (
        (f"{METHODS[mistake.method].card.label}, as published", f"<code>{html.escape(mistake.right)}</code>"),
        ("With the mistake", f"<code>{html.escape(mistake.wrong)}</code>"),
        ("Why it is wrong", html.escape(mistake.why)),
        ("What gives it away", html.escape(mistake.tell)),
    )
    body = "".join(f"<div><dt>{html.escape(term)}</dt><dd>{text}</dd></div>" for term, text in parts)
    st.html(f'<dl class="fedrot-facts">{body}</dl>')

"""Prose whose symbols and terms explain themselves where they stand."""

from __future__ import annotations

import html
import re

import streamlit as st

from fedrot_core.figures.kit.theme import HUES
from fedrot_core.learn.lessons.glossary import GLOSSARY, MARK

BOLD = re.compile(r"\*\*(.+?)\*\*")


def theme_mode() -> str:
    """ "dark" or "light", as the browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def rich(text: str) -> str:
    """HTML of a filled template: marks become controls that show their meaning on hover, focus and touch.

    ``**bold**`` is kept; everything else is text.
    """
    parts, end = [], 0
    for match in MARK.finditer(text):
        parts += [_plain(text[end : match.start()]), _term(match[1], match[2])]
        end = match.end()
    return "".join([*parts, _plain(text[end:])])


SAID = {"relative error": "error"}
"""Words in computed sentences that explain themselves where they first occur, and their keys in the glossary."""


def explained(text: str) -> str:
    """HTML of a computed sentence, which has no marks of its own."""
    for words, key in SAID.items():
        text = text.replace(words, f"[[{key}|{words}]]", 1)
    return rich(text)


def _plain(text: str) -> str:
    return BOLD.sub(r"<strong>\1</strong>", html.escape(text))


def _term(key: str, shown: str | None) -> str:
    term = GLOSSARY[key]
    word, meaning = html.escape(shown or term.shown), html.escape(term.meaning)
    colour = ""
    if term.hue:  # the browser picks, so that a change of theme needs no run of the script
        colour = f' style="color:light-dark({HUES["light"][term.hue]},{HUES["dark"][term.hue]})"'
    kind = "fedrot-symbol" if term.hue else "fedrot-word"
    return (
        f'<span class="fedrot-term {kind}" tabindex="0" role="button" aria-label="{word}: {meaning}"{colour}>{word}'
        f'<span class="fedrot-tip" aria-hidden="true">{meaning}</span></span>'
    )

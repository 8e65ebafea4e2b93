"""What is promised of every input: it is taken, or refused in words of ours that show nothing and mark nothing up."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

from app.widgets.text import plain
from fedrot_core.errors import FedRotError
from tests import ROOT

LONGEST = 6000
"""Characters of a message. The longest quote a link's value and list the names of all settings."""

REFUSALS = (FedRotError, click.ClickException)
"""How an input may be refused; the second by the command line alone."""

PRIVATE = tuple({str(ROOT), str(Path.home()), tempfile.gettempdir() + "/", "site-packages", "Traceback", '.py", line'})
"""What no message may hold: where the server keeps its files, and how the program is built."""

SPECIAL = re.compile(r"(?<!\\)(?:\\\\)*[`*_{}\[\]#!<>|~$:&]")
BLOCK = re.compile(r"^ {0,3}(?:[-+](?:\s|$)|\d+[.)](?:\s|$)|=+\s*$|-[-\s]*$)|^(?: {4}|\t)", re.MULTILINE)
LINK = re.compile(r"://|www\.|[^\s@]@[^\s@\u200b]", re.IGNORECASE)


class Broken(AssertionError):
    """A promise that was not kept."""


def markup(text: str) -> str:
    """The first piece of ``text`` that Streamlit's Markdown would not show as it is; empty if there is none."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = SPECIAL.search(text) or BLOCK.search(text) or LINK.search(text)
    return "" if found is None else text[max(0, found.start() - 20) : found.end() + 20]


def shown(text: str) -> str:
    """What Markdown shows of ``text`` that :func:`app.widgets.text.plain` escaped."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace("\u200b", "")


def keeps(messages: Iterable[str]) -> None:
    """Raise :class:`Broken` unless each message can be shown to anybody."""
    for text in messages:
        private = next((secret for secret in PRIVATE if secret in text), "")
        if private:
            raise Broken(f"{private!r} is in the message {text[:300]!r}")
        if len(text) > LONGEST:
            raise Broken(f"a message of {len(text):,} characters: {text[:300]!r}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Broken(f"a message that cannot be sent: {text[:300]!r}") from error
        if live := markup(plain(text)):
            raise Broken(f"{live!r} is markup on the page: {text[:300]!r}")

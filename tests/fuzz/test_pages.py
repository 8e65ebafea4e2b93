"""Hostile links and files on the real pages: no page ends, and nothing of them is markup in any element."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element, Node

from app.navigation import sections
from app.session.link import LONGEST, MOST_KEYS, MOST_TOLD
from fedrot_core.export.run import run_file
from fedrot_core.trace import Trace
from tests import ROOT
from tests.fuzz.hostile import MARKED, ODD
from tests.fuzz.promise import PRIVATE, markup
from tests.fuzz.targets import trace

MAIN = str(ROOT / "app" / "main.py")
PAGES = [entry.file for entries in sections().values() for entry in entries]
CANARY = "zq9"
"""Stands in every hostile text, so that it is found wherever the page shows it."""

QUICK = {"rounds": "1", "steps": "1", "clients": "2", "seeds": "1", "compare": "fedit"}
KEYS = ("rank", "alpha", "arms", "task", "frames", "show", "figure", "check", "topic", "n", "bug", "case", "step",
        "grid", "angle", "depth", "aligned", "layer", "device", "present", "quiz_seed")  # fmt: skip
"""What pages read, and what they do with a wrong value is a sentence each."""

VERBATIM = {"code", "component_instance", "bidi_component", "download_button"}
"""Elements that show text as it is, or none; figures are looked at by themselves."""


def hostile(n: int) -> dict[str, str]:
    """The ``n``-th hostile link: a few known keys and unknown ones, each with another text."""
    odd = [text for text in (*MARKED, *ODD) if "\0" not in text]
    texts = [text.replace("x", CANARY) + CANARY for text in odd]
    keys = [*(KEYS[(n * 5 + k) % len(KEYS)] for k in range(5)), f"[{CANARY}](http://h)", f"<b>{CANARY}</b>{n}"]
    return {key: texts[(n * 7 + k) % len(texts)] for k, key in enumerate(keys)}


def opened(page: str, query: dict[str, str]) -> AppTest:
    """A page opened with a link."""
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(f"../pages/{page}")
    at.query_params.update(query)
    return at.run()


def elements(node: Node) -> Iterator[Element]:
    """All elements below ``node``."""
    if isinstance(node, Element):
        yield node
    elif isinstance(node, Block):
        for child in node.children.values():
            yield from elements(child)


def texts(message: Any) -> Iterator[str]:
    """Every text in an element as it is sent to the browser."""
    if isinstance(message, str):
        yield message
    elif hasattr(message, "ListFields"):  # a message of protobuf
        for _, value in message.ListFields():
            yield from texts(value)
    elif hasattr(message, "__iter__") and not isinstance(message, bytes):
        for value in message.values() if hasattr(message, "values") else message:
            yield from texts(value)


def whole(at: AppTest) -> None:
    """The page stands, and whatever it shows from outside is text."""
    assert not at.exception, at.exception[0].message
    for element in (e for block in (at.main, at.sidebar, at._tree) for e in elements(block)):
        proto = getattr(element, "proto", None)
        for text in texts(proto):
            assert not [secret for secret in PRIVATE if secret in text], text[:300]
            if CANARY not in text or element.type in VERBATIM or text == getattr(proto, "query_string", None):
                continue
            if element.type == "html":
                assert f"<b>{CANARY}" not in text
                assert f"<{CANARY}" not in html.unescape(text).replace("&lt;", "")
            else:
                assert not markup(text), (element.type, markup(text))


@pytest.mark.parametrize("n", range(2))
@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_link_ends_no_page_and_is_shown_as_text(page: str, n: int) -> None:
    at = opened(page, QUICK | hostile(2 * PAGES.index(page) + n))
    whole(at)
    if page != "00_home.py":  # which reads no link
        assert any(CANARY in warning.value for warning in at.warning)


@pytest.mark.parametrize("page", ["01_lab.py", "20_quiz.py", "one_update.py", "30_take_home.py"])
def test_a_link_of_hundreds_of_settings_gives_a_page_of_a_few_sentences(page: str) -> None:
    at = opened(page, QUICK | {f"{CANARY}{n}": "v" for n in range(900)})
    whole(at)
    assert len(at.warning) <= MOST_TOLD + 3
    assert any(f"at most {MOST_KEYS} settings; this one has 90" in warning.value for warning in at.warning)


def _trace(**changes: Any) -> bytes:
    file = io.BytesIO()
    found = trace().upto(1)
    found = Trace(**{**vars(found), **changes})
    found.save(file)
    return file.getvalue()


UPLOADS = {
    "markup in the name": (f"[{CANARY}](http://h) <b>{CANARY}</b>.json", b"{"),
    "a long name": ("a" * 5000 + CANARY + ".json", b"{"),
    "markup in a run file": ("a.json", run_file.write(trace()).replace(b'"cpu"', f'"<b>{CANARY}</b>"'.encode())),
    "nesting": ("a.json", b"[" * 10**5),
    "software": ("a.npz", _trace(made_with={"processor": f"[{CANARY}](http://h)"})),
    "a message": ("a.npz", _trace(engine=f"<b>{CANARY}</b>")),
    "no archive": ("a.npz", b"PK\x03\x04" + CANARY.encode() * 9),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_a_hostile_file_ends_no_page_and_is_refused_as_text(name: str) -> None:
    at = opened("01_lab.py", QUICK)
    file, content = UPLOADS[name]
    at.file_uploader[0].set_value((file, content, "application/octet-stream")).run()
    whole(at)
    (told,) = [warning.value for warning in at.warning if "was not opened" in warning.value]
    assert len(told) < 2 * LONGEST

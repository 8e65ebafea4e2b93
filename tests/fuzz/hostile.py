"""Strategies: hostile values, and valid things with a few changes."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

MARKED = (
    "[x](http://x.example)", "![x](http://x.example/p.png)", "<script>alert(1)</script>", "<img src=x onerror=y>",
    "<b>x</b>", "$\\latex$", "$$x$$", ":material/x:", ":red[x]", ":smile:", "**x**", "__x__", "`x`", "~~x~~", "# x",
    "- x", "1. x", "> x", "| a | b |", "x\n===", "x\n---", "\n    x", "\r- x", "\n\tx", "&lt;b&gt;", "&#91;x&#93;",
    "http://x.example", "www.x.example", "x@x.example", "[x]: http://x.example", "<a href='http://x.example'>x</a>",
)  # fmt: skip
"""Texts that mean something in Markdown, HTML, LaTeX or to Streamlit."""

ODD = (
    "", " ", "\0", "a\0b", "\ufeff", "\u202eabc", "\u2066x\u2069", "a\u0301" * 50,
    "👩‍👩‍👧‍👦", "²", "٣", "１", "−1", "ﷺ",
    "\u2028", "\x85", "\x1b[31m", "%s%n", "{0}", "{x.__class__}", "../../etc/passwd", "/etc/passwd", "file:///etc/passwd",
    "__proto__", "'; DROP TABLE x; --", "nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-0", "0x10", "1_0", "1e3",
    "007", "+1", " 7 ", "1.0", "true", "null", "None", "undefined", "9" * 5000, "A" * 20_000, "[" * 3000, ",", ",,",
)  # fmt: skip
"""Texts that programs often trip over."""

HUGE = (2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, -(10**400))

texts = st.one_of(
    st.sampled_from(MARKED), st.sampled_from(ODD), st.text(max_size=24),
    st.tuples(st.sampled_from(MARKED), st.text(max_size=6), st.sampled_from(MARKED)).map("".join),
    st.integers(-10, 10_000).map(str), st.floats().map(str),
)  # fmt: skip
"""Any text."""

numbers = st.one_of(
    st.integers(-3, 300), st.sampled_from(HUGE), st.floats(),
    st.sampled_from([0.0, -0.0, 5e-324, 1e-300, 1e300, 1.5, -1.0, 0.1 + 0.2]),
)  # fmt: skip
"""Any number."""


def _deep(depth: int, how: str) -> Any:
    found: Any = 0
    for _ in range(depth):
        found = [found] if how == "list" else {"a": found}
    return found


deep = st.builds(_deep, st.sampled_from([3, 50, 100]), st.sampled_from(["list", "dict"]))
"""Nested values; JSON nested more deeply than Python can walk is made as text."""

leaves = st.one_of(st.none(), st.booleans(), numbers, texts)

values = st.one_of(
    leaves, leaves, deep,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
    ),
)  # fmt: skip
"""Any JSON value."""

DEEP_JSON = ("[" * 100_000, '{"a":' * 100_000, "[" * 5000 + "]" * 5000, "1" * 5000, '"\\ud800"', "-", "1e999")


DEEPEST = 8
"""Places further down are not changed."""


def places(found: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in nested plain data."""
    inner = found.items() if isinstance(found, Mapping) else enumerate(found) if isinstance(found, list) else ()
    if len(at) >= DEEPEST:
        return [at]
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def changed(draw: st.DrawFn, found: Any, most: int = 3) -> Any:
    """A copy of nested plain data with a few changes in random places."""
    whole = [copy.deepcopy(found)]
    for _ in range(draw(st.integers(0, most))):
        everywhere = places(whole[0])
        # near the top there are few places, and they matter most
        depth = draw(st.integers(0, max(map(len, everywhere))))
        near = [place for place in everywhere if len(place) >= depth] or everywhere
        place = (0, *near[draw(st.integers(0, len(near) - 1))])
        target: Any = whole
        for key in place[:-1]:
            target = target[key]
        _change(draw, target, place[-1])
    return whole[0]


def _change(draw: st.DrawFn, target: Any, key: Any) -> None:
    how = draw(st.sampled_from(["replace", "replace", "near", "delete", "twice", "rename", "swap", "many"]))
    if how == "near":
        target[key] = _near(draw, target[key])
    elif how == "delete" and len(target) > 1:
        del target[key]
    elif how == "twice" and isinstance(target, list):
        target.insert(key, copy.deepcopy(target[key]))
    elif how == "rename" and isinstance(target, dict):
        target[draw(texts)] = target.pop(key)
    elif how == "swap":
        other = draw(st.sampled_from(list(target) if isinstance(target, dict) else list(range(len(target)))))
        target[key], target[other] = target[other], target[key]
    elif how == "many" and isinstance(target, dict):
        target |= {f"{draw(texts)[:40]}{n}": n for n in range(draw(st.sampled_from([1, 20, 300])))}
    else:
        target[key] = draw(values)


def _near(draw: st.DrawFn, value: Any) -> Any:
    """A value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        same = float(value) if abs(value) < 2**1000 else value
        return draw(st.one_of(st.integers(value - 2, value + 2), st.sampled_from(HUGE), st.just(same)))
    if isinstance(value, float):
        return draw(st.one_of(st.floats(), st.just(-value), st.just(value * (1 + 1e-12))))
    if isinstance(value, str):
        at = draw(st.integers(0, len(value)))
        return draw(st.sampled_from([value[:at], value[:at] + draw(texts) + value[at:], value * 3, value.upper()]))
    if isinstance(value, list):
        return value * draw(st.sampled_from([0, 2, 500]))
    return [value]


def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes that are cut, lengthened, repeated or overwritten."""
    how = draw(st.sampled_from(["flip", "flip", "cut", "drop", "insert", "twice", "random", "nothing"]))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    if how == "flip" and content:
        found = bytearray(content)
        for _ in range(draw(st.integers(1, 4))):
            found[draw(st.integers(0, len(found) - 1))] = draw(st.integers(0, 255))
        return bytes(found)
    if how == "cut":
        return content[:at]
    if how == "drop":
        return content[:at] + content[at + draw(st.integers(1, 40)) :]
    if how == "insert":
        return content[:at] + draw(st.binary(max_size=40)) + content[at:]
    if how == "twice":
        return content + content[at:]
    if how == "random":
        return draw(st.binary(max_size=200))
    return content


def json_bytes(draw: st.DrawFn, found: Any) -> bytes:
    """Nested data as JSON, a few changes in it and, now and then, in its text."""
    data = changed(draw, found)
    text = json.dumps(data, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        key = draw(st.sampled_from(list(found)))
        text = text.replace(json.dumps(key) + ": ", f"{json.dumps(key)}: {draw(st.sampled_from(DEEP_JSON))}, ", 1)
    content = text.encode("utf-8", "surrogatepass")
    return damaged(draw, content) if draw(st.integers(0, 5)) == 0 else content


def queries(known: Mapping[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, str]]:
    """Links: known keys with valid and with hostile values, keys of other pages, and keys that nobody knows."""
    keys = sorted(known)

    @st.composite
    def query(draw: st.DrawFn) -> dict[str, str]:
        found: dict[str, str] = {}
        for key in draw(st.lists(st.sampled_from(keys), max_size=6, unique=True)) if keys else []:
            found[key] = draw(known[key]) if draw(st.booleans()) else draw(texts)
        for _ in range(draw(st.integers(0, 2))):
            found[draw(texts)] = draw(texts)
        if draw(st.integers(0, 60)) == 0:
            found |= {f"k{n}": "v" for n in range(150)}
        return found

    return query()

"""Everything that reads text or bytes from outside, each with inputs that are nearly right.

To add a target, write a function of one input that calls what is under test, under ``@target(name, inputs)``. It
returns the sentences that a person would be told and what was taken in, or lets the refusal through.
"""

from __future__ import annotations

import base64
import copy
import functools
import gzip
import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from hypothesis import strategies as st

import app.bugs.scene as bugs
import app.paper.parts as paper
from app.quiz import place as quiz
from app.session import lesson_place, query
from app.session.link import cut, told
from app.take_home.screen import PLACE
from app.widgets.text import plain
from fedrot_core import ENGINE_VERSION, finished
from fedrot_core.adapters.trees import Upload
from fedrot_core.cli.pictures import SizeType
from fedrot_core.cli.program import group
from fedrot_core.cli.verify import linked
from fedrot_core.config import FederationConfig, Leaf, leaves
from fedrot_core.export.picture import sizes
from fedrot_core.export.run import excerpt, run_file, trace_file
from fedrot_core.export.run.link_check import compare_link, link_check
from fedrot_core.export.run.verify import compare
from fedrot_core.export.take_home.check import read_page
from fedrot_core.export.take_home.runs import TINY
from fedrot_core.federation import Federation
from fedrot_core.figures import FIGURES, View
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.mistakes import MISTAKES, game
from fedrot_core.learn.quiz.base import SEEDS
from fedrot_core.methods import METHODS
from fedrot_core.records import Array
from fedrot_core.shipped import MANIFEST, Shipped
from fedrot_core.store import Store
from fedrot_core.study import replica
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import summarise
from fedrot_core.trace import Trace
from tests.fuzz import adapters, hostile
from tests.fuzz.promise import LONGEST, REFUSALS, Broken, keeps, shown

Told = Iterable[str]
"""Sentences for a person."""


@dataclass(frozen=True)
class Target:
    """One way in.

    Attributes:
        name: its name; inputs: what is tried on it; weight: its share of all inputs.
        take: calls what is under test.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    weight: float
    take: Callable[[Any], Told]

    def tried(self, value: Any) -> bool:
        """Whether the input was taken; otherwise it was refused. Raises whatever breaks the promise."""
        try:
            messages, taken = list(self.take(value)), True
        except REFUSALS as error:
            messages, taken = [str(error)], False
            if isinstance(error, click.ClickException):  # it is read where it was typed, however long
                messages = [error.format_message()[:LONGEST]]
        keeps(messages)
        return taken


TARGETS: dict[str, Target] = {}


def target(
    name: str, inputs: st.SearchStrategy[Any], weight: float = 1.0
) -> Callable[[Callable[[Any], Told]], Callable[[Any], Told]]:
    """Decorator that registers a target."""

    def add(take: Callable[[Any], Told]) -> Callable[[Any], Told]:
        TARGETS[name] = Target(name, inputs, weight, take)
        return take

    return add


CONFIG = FederationConfig().with_values(
    {"task": "teacher", "clients": 3, "rounds": 2, "steps": 2, "rank": 2, "arms": ("fedit", "gpa"), "device": "cpu"}
)


@functools.cache
def trace() -> Trace:
    """A small run."""
    return Federation(CONFIG).run()


@functools.cache
def summary() -> RunSummary:
    """The same run as a sweep keeps it."""
    return summarise([CONFIG])[0]


def need(kept: bool, what: str) -> None:
    """Raise :class:`Broken` unless ``kept``."""
    if not kept:
        raise Broken(what)


def _values(leaf: Leaf) -> st.SearchStrategy[str]:
    """Texts of a field's valid values, and of some a little beyond."""
    opt = leaf.option
    if leaf.kind is int:
        return st.integers(int(opt.low or 0) - 1, int(opt.high or 0) + 1).map(str)
    if leaf.kind is float:
        return st.floats((opt.low or 0) - 0.1, (opt.high or 0) + 0.1).map(str)
    one = st.sampled_from([*leaf.choices])
    return one if leaf.kind is str else st.lists(one, min_size=1, max_size=20).map(",".join)


SETTINGS = {leaf.option.key: _values(leaf) for leaf in leaves()}
WHOLE = st.integers(-1, 110).map(str)


# Links


@st.composite
def _checks(draw: st.DrawFn) -> str:
    good = link_check(trace())
    at, end = draw(st.integers(0, len(good))), draw(st.integers(0, 40))
    middle = draw(st.sampled_from(["", "A" * 32, "-", "_" * 64, "f" * 32]) | hostile.texts)
    return good[:at] + middle + good[at + end :]


CHECKS = _checks()


@target(
    "link: lab, compare, when",
    hostile.queries({
        **SETTINGS, **dict.fromkeys(query.NUMBERS, WHOLE),
        "show": st.sampled_from([*METHODS]), "figure": st.sampled_from([*FIGURES]),
        "grid": st.sampled_from(["rank", "theta"]), "aligned": st.sampled_from(["fedrot", "gpa"]),
        "depth": st.sampled_from(["quick", "full"]), "present": st.just("1"), "check": CHECKS,
        "compare": st.lists(st.sampled_from([*METHODS]), min_size=1, max_size=20).map(",".join),
    }),
    weight=2,
)  # fmt: skip
def run_link(found: dict[str, str]) -> Told:
    """Links to a run; what is written back is read as the same."""
    wanted = cut(found)
    config, selection, problems = query.from_query(wanted)
    again = query.to_query(config, selection)
    need(query.from_query(again) == (config, selection, []), "the place is not what its own link says")
    return told(problems, found)


@target("link: spot the bug", hostile.queries({
    **{key: SETTINGS[key] for key in game.SETTINGS}, "bug": st.sampled_from([*MISTAKES]), "case": WHOLE,
}))  # fmt: skip
def bug_link(found: dict[str, str]) -> Told:
    """Links to a mistake; its run can be set up."""
    scene, problems = bugs.read_link(cut(found))
    again, complaints = bugs.read_link(scene.query())
    need((again.config, again.mistake, complaints) == (scene.config, scene.mistake, []), "not what its own link says")
    return told(problems, found)


@target("link: paper", hostile.queries({
    **{key: SETTINGS[key] for key in replica.SETTINGS}, "seeds": st.integers(0, 6).map(str),
}), weight=0.1)  # fmt: skip
def paper_link(found: dict[str, str]) -> Told:
    """Links to the paper card."""
    place, problems = paper.read_link(cut(found))
    need(paper.read_link(paper.LINK.write(place)) == (place, []), "the place is not what its own link says")
    return told(problems, found)


@target("link: quiz", hostile.queries({
    "quiz_seed": st.integers(0, SEEDS + 1).map(str), "n": WHOLE, "topic": st.sampled_from(["all", *LESSONS]),
}))  # fmt: skip
def quiz_link(found: dict[str, str]) -> Told:
    """Links to a question, which is asked."""
    place, problems = quiz.from_query(cut(found), 7)
    need(quiz.from_query(quiz.to_query(place), 7) == (place, []), "the place is not what its own link says")
    need(bool(place.question.text), "no question")
    return told(problems, found)


@st.composite
def _lesson_links(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    name = draw(st.sampled_from([*LESSONS]))
    known = {
        knob.key: st.sampled_from([*knob.choices]) if knob.choices else st.floats(knob.low - 1, knob.high + 1).map(str)
        for knob in LESSONS[name].knobs
    }
    return name, draw(hostile.queries({**known, "step": WHOLE, **dict.fromkeys(lesson_place.FLAGS, st.just("1"))}))


@target("link: lessons", _lesson_links())
def lesson_link(found: tuple[str, dict[str, str]]) -> Told:
    """Links to a step of a lesson."""
    lesson = LESSONS[found[0]]
    place, problems = lesson_place.from_query(lesson, cut(found[1]))
    again = lesson_place.to_query(lesson, place)
    need(lesson_place.from_query(lesson, again) == (place, []), "the place is not what its own link says")
    return told(problems, found[1])


@target("link: take-home page", hostile.queries({}), weight=0.3)
def take_home_link(found: dict[str, str]) -> Told:
    """Links to a page without settings."""
    return told(PLACE.read(cut(found))[1], found)


@target("check of a link", CHECKS)
def checked_link(check: str) -> Told:
    """The check in a shared link, compared with the run that it is about."""
    return [str(compare_link(check, trace())), str(compare_link(check, trace(), steady=1))]


@st.composite
def _addresses(draw: st.DrawFn) -> str:
    found = draw(hostile.queries({**SETTINGS, "check": st.just("x")}))
    host = draw(st.sampled_from(["http://h/lab", "http://[", "http://[::1]", "?", "x://", "http://h:99999999/", "//"]))
    text = host + "?" + "&".join(f"{key}={value}" for key, value in found.items())
    return text + draw(st.sampled_from(["", "#", "&&&", "&" * 300, "%", "%ff%00", ";"]))


@target("link on the command line", _addresses())
def typed_link(address: str) -> Told:
    """What ``fedrot verify`` reads of a link."""
    config, check = linked(address)
    return [config.hash, check]


# Settings


CONFIGS = [
    FederationConfig().with_values({"task": name}).to_dict()
    for name in ("digits", "teacher")
]  # fmt: skip


@st.composite
def _config_dicts(draw: st.DrawFn) -> Any:
    return hostile.changed(draw, draw(st.sampled_from(CONFIGS)))


@target("settings as a dictionary", _config_dicts())
def config_dict(found: Any) -> Told:
    """Settings in a file; what was taken comes back."""
    config = FederationConfig.from_dict(found)
    need(FederationConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config, "another config comes back")
    return [config.hash]


@target("settings by name", st.dictionaries(st.sampled_from([*SETTINGS]) | hostile.texts, hostile.values, max_size=4))
def config_values(found: Mapping[str, Any]) -> Told:
    """Settings in a notebook."""
    return [FederationConfig().with_values(found).hash]


# Files


@functools.cache
def _run_file() -> Any:
    return json.loads(run_file.write(trace()))


@st.composite
def _run_files(draw: st.DrawFn) -> bytes:
    return hostile.json_bytes(draw, _run_file())


@target("run file", _run_files(), weight=2)
def opened_run_file(content: bytes) -> Told:
    """An uploaded run file; the verdict on it where it is of the run that is at hand."""
    run = run_file.read(content)
    return [str(compare(run, trace(), steady=1)) if run.config == CONFIG else run.engine]


@st.composite
def _arrays(draw: st.DrawFn, found: Array) -> Array:
    """Another array in place of one of a trace."""
    how = draw(st.sampled_from(["value", "value", "shape", "kind", "size", "empty"]))
    if how == "value" and found.size and found.dtype.kind in "fi":
        odd = [0, -1, 1, 199, 10**6] if found.dtype.kind == "i" else [np.nan, np.inf, -np.inf, 0, -1, 1e30, 1e-40, 2]
        new = found.copy()
        if draw(st.booleans()):
            new.reshape(-1)[draw(st.integers(0, found.size - 1))] = draw(st.sampled_from(odd))
        else:
            new[...] = draw(st.sampled_from(odd))
        return new
    if how == "shape":
        return draw(st.sampled_from([found[None], found.reshape(-1), found.T, found[:0], found[:1]]))
    if how == "kind":
        kind = draw(st.sampled_from(["f2", "f8", "i1", "u8", "c16", "U3", "S2", "?", "M8[s]", "V4"]))
        return np.zeros(found.shape, dtype=kind)
    if how == "size":
        return np.zeros(draw(st.sampled_from([(), (0,), (1,) * 20, (10_000,), (3, 0, 7)])))
    return np.zeros(0, dtype=found.dtype)


@st.composite
def _traces(draw: st.DrawFn) -> bytes:
    """Archives as :meth:`Trace.save` writes them, with changes; half of them with the checksum that fits."""
    header, arrays = trace().upto(1).parts()
    header = hostile.changed(draw, header | {"made_with": dict(trace().made_with)}, most=2)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(arrays)))
        if draw(st.integers(0, 5)) == 0:
            arrays[draw(st.sampled_from(["0.x", "x", "-1.turn", "9" * 30 + ".turn", "0.turn.x", "/x", "../x"]))] = (
                arrays.pop(name)
            )
        else:
            arrays[name] = draw(_arrays(arrays[name]))
    if isinstance(header, dict) and draw(st.integers(0, 3)):
        try:
            header["checksum"] = Trace.from_parts(copy.deepcopy(header), arrays).checksum
        except Exception:  # then no checksum fits
            header["checksum"] = draw(hostile.leaves)
    return _packed(draw, json.dumps(header).encode("utf-8", "surrogatepass"), arrays)


def _packed(draw: st.DrawFn, header: bytes, arrays: Mapping[str, Array]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as archive:
        entries = {**arrays, "header": np.frombuffer(header, np.uint8)}
        hurt = draw(st.sampled_from([*entries])) if draw(st.integers(0, 9)) == 0 else ""
        for name, array in entries.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
            content = entry.getvalue()
            if name == hurt:
                content = hostile.damaged(draw, content)
            archive.writestr(f"{name}.npy", content)
        kind = draw(st.sampled_from(["nothing"] * 12 + ["bomb", "many", "claim"]))
        if kind == "bomb":
            archive.writestr("0.turn.npy", b"\0" * 2**22)
        elif kind == "many":
            for n in range(200):
                archive.writestr(f"{n + 50}.turn.npy", b"")
        elif kind == "claim":  # an array far larger than what follows
            shape = draw(st.sampled_from([(2**40,), (2**20, 2**20), (2**62, 4), (-1,), (2**33,)]))
            head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
            archive.writestr("0.turn.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
    content = file.getvalue()
    return hostile.damaged(draw, content) if draw(st.integers(0, 6)) == 0 else content


@target("trace", _traces(), weight=0.5)
def opened_trace(content: bytes) -> Told:
    """An uploaded trace; every figure of what was taken can be drawn."""
    found = trace_file.read(content)
    if found.records:
        number = zlib.crc32(content)
        name = [*FIGURES][number % len(FIGURES)]
        FIGURES[name].draw(found, View(found.config.methods[-1], found.rounds_done - 1, number % 3))
    need(plain(found.made_on) == found.made_on.replace("_", "\\_"), f"markup in {found.made_on!r}")
    return [found.made_on, *(stop.message for stop in found.stopped)]


@functools.cache
def _page() -> Any:
    axes = {"theta": TINY.thetas, "lam": TINY.lams, "alpha": TINY.alphas, "rank": TINY.ranks}
    return {"axes": {key: list(values) for key, values in axes.items()}, "base": TINY.base.to_dict(),
            "runs": [{} for _ in TINY.settings], "engine": "5"}  # fmt: skip


@st.composite
def _pages(draw: st.DrawFn) -> bytes:
    content = hostile.json_bytes(draw, _page())
    packed = (
        hostile.damaged(draw, gzip.compress(content, 1)) if draw(st.integers(0, 6)) == 0 else gzip.compress(content, 1)
    )
    text = b'<script type="text/plain" id="data">' + base64.b64encode(packed) + b"</script>"
    return hostile.damaged(draw, text) if draw(st.integers(0, 6)) == 0 else text


@target("take-home page", _pages())
def take_home_page(content: bytes) -> Told:
    """A page that ``fedrot verify`` is given."""
    grid, _ = read_page(content)
    return [grid.base.hash]


# What is kept


@functools.cache
def _packed_run() -> tuple[dict[str, Any], bytes]:
    header, body = finished._opened(finished.pack_run(trace()))
    return header, bytes(body)


@st.composite
def _kept_runs(draw: st.DrawFn) -> bytes:
    header, body = _packed_run()
    changed = hostile.changed(draw, header)
    text = json.dumps(changed).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        text = draw(st.sampled_from(hostile.DEEP_JSON)).encode()
    length = draw(st.sampled_from([len(text)] * 9 + [0, 2**63, len(text) - 1]))
    content = zlib.compress(length.to_bytes(8, "big") + text + body, 1)
    return hostile.damaged(draw, content) if draw(st.integers(0, 5)) == 0 else content


@target("run in the store", _kept_runs())
def kept_run(content: bytes) -> Told:
    """Bytes that were kept as a run."""
    finished.unpack_run(content, CONFIG)
    return []


@functools.cache
def _rows() -> tuple[Any, Any]:
    row = excerpt.excerpt_row(trace(), ("errors.own", "weights"))
    return finished.arm_row(summary(), "fedit"), json.loads(json.dumps(row))


@st.composite
def _kept_rows(draw: st.DrawFn) -> tuple[bool, bytes]:
    arm = draw(st.booleans())
    content = zlib.compress(hostile.json_bytes(draw, _rows()[0 if arm else 1]), 1)
    return arm, hostile.damaged(draw, content) if draw(st.integers(0, 5)) == 0 else content


@target("row in the store", _kept_rows(), weight=1.5)
def kept_row(found: tuple[bool, bytes]) -> Told:
    """Bytes that were kept as an arm, or shipped as an excerpt."""
    arm, content = found
    row = finished.unpack_row(content)
    if arm:
        finished.arm_of(row, CONFIG, "fedit")
    else:
        excerpt.excerpt_of(row, CONFIG)
    return []


@target("adapters", adapters.uploads(), weight=7.7)
def read_adapters(found: tuple[bool, list[Upload]]) -> Told:
    """Adapters of clients, uploaded one by one or in a zip, or in a folder on disk."""
    return adapters.told(found)


@st.composite
def _shipped(draw: st.DrawFn) -> tuple[bytes, bytes]:
    content = zlib.compress(b'{"key": 1}')
    good = {
        "engine": ENGINE_VERSION, "made_with": {}, "runs": {"run": "file"}, "rows": {"file": ["key"]},
        "sha256": {"file": finished.sha256(content)},
    }  # fmt: skip
    return hostile.json_bytes(draw, good), hostile.damaged(draw, content)


@target("shipped runs", _shipped(), weight=0.5)
def shipped(found: tuple[bytes, bytes]) -> Told:
    """A folder of shipped runs."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MANIFEST).write_bytes(found[0])
        (Path(folder) / "file").write_bytes(found[1])
        ships = Shipped(Path(folder))
        ships.run("run")
        ships.row("key")
    return []


@functools.cache
def _database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.put("key", b"value")
        store.close()
        return (Path(folder) / "cache.db").read_bytes()


@st.composite
def _databases(draw: st.DrawFn) -> bytes:
    return hostile.damaged(draw, _database())


@target("database of the store", _databases(), weight=0.15)
def database(content: bytes) -> Told:
    """A database that another program wrote to."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cache.db").write_bytes(content)
        store = Store(Path(folder))
        try:
            need(store.get("key") in (None, b"value"), "another value came out of the store")
        finally:
            store.close()
    return []


# The command line


@functools.cache
def _flags() -> Mapping[str, tuple[click.Command, list[str]]]:
    context = click.Context(group)
    commands = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {
        name: (command, [flag for param in command.params for flag in param.opts])
        for name, command in commands.items()
        if command is not None
    }


@st.composite
def _arguments(draw: st.DrawFn) -> tuple[str, list[str]]:
    name = draw(st.sampled_from(sorted(_flags())))
    found: list[str] = []
    for flag in draw(st.lists(st.sampled_from(_flags()[name][1]), max_size=4)):
        key = flag.removeprefix("--").replace("-", "_")
        value = draw(SETTINGS[key]) if key in SETTINGS and draw(st.booleans()) else draw(hostile.texts)
        found += draw(st.sampled_from([[flag, value], [f"{flag}={value}"], [flag], [value]]))
    return name, [text.replace("\0", "") for text in found]  # no system passes a null byte


@target("flags", _arguments(), weight=1.5)
def flags(found: tuple[str, list[str]]) -> Told:
    """What each command makes of its flags before it begins to work."""
    name, arguments = found
    try:
        with _flags()[name][0].make_context(name, list(arguments)):
            pass
    except click.exceptions.Exit:  # help was asked for, and printed
        pass
    return []


@target("size of a picture", st.one_of(hostile.texts, st.from_regex(r"\A[0-9]{2,6}x[0-9]{2,6}\Z")), weight=0.5)
def picture_size(text: str) -> Told:
    """A size of a picture."""
    size = SizeType().convert(text, None, None)
    if not isinstance(size, str):
        sizes.pixels(*size)
    return []


# The page


@target(
    "text on a page", st.one_of(hostile.texts, st.text(alphabet="a1 \n\r\t-+*_=#>.)[](){}<>&:/@w$`~|!\\", max_size=60))
)
def text_on_page(text: str) -> Told:
    """Any text, shown as it is."""
    safe = plain(text)
    need("".join(shown(safe).split()) == "".join(text.replace("\u200b", "").split()), f"{text!r} is shown as {safe!r}")
    return [text[:1000]]

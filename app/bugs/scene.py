"""Spot the bug: what a link holds, the run of a mistake, its evidence in words, and the score of the game."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.jobs.runs import RunJob, runner
from app.session.link import Link, unknown
from app.session.parts import mine, session_id
from app.session.query import settings_from
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.learn.mistakes import MISTAKES, Mistake
from fedrot_core.learn.mistakes.evidence import Evidence, in_run, on_bench
from fedrot_core.learn.mistakes.game import CASES, SETTINGS, config_of, hidden
from fedrot_core.trace import Trace


@dataclass(frozen=True)
class Scene:
    """What the page shows.

    Attributes:
        bug: the mistake looked at; case: number of the case that is played, or None while exploring.
        settings: changes of the game's run, by URL key.
    """

    bug: str
    case: int | None
    settings: Mapping[str, Any]

    @property
    def mistake(self) -> Mistake:
        """The mistake of the run."""
        return MISTAKES[self.bug] if self.case is None else hidden(self.case)

    @property
    def config(self) -> FederationConfig:
        """The run; a case's number is its seed."""
        seed = {} if self.case is None else {"seed": self.case}
        return config_of({**self.settings, **seed})

    def query(self) -> dict[str, str]:
        """The link of this scene."""
        what = {"bug": self.bug} if self.case is None else {"case": str(self.case)}
        return what | {key: f"{value:.10g}" for key, value in self.settings.items()}


def read_link(query: Mapping[str, str]) -> tuple[Scene, list[str]]:
    """The scene of a link, and a sentence for each value that could not be used."""
    settings, problems = settings_from(query, SETTINGS)
    bug, case = next(iter(MISTAKES)), None
    for key, text in query.items():
        if key == "bug" and text in MISTAKES:
            bug = text
        elif key == "case" and text.isdecimal() and 1 <= int(text) <= CASES:
            case = int(text)
        elif key in ("bug", "case"):
            allowed = ", ".join(MISTAKES) if key == "bug" else f"1..{CASES}"
            problems.append(f"{key} must be one of {allowed}; the link's {text!r} was replaced by the default.")
        elif key not in SETTINGS:
            problems.append(unknown(key, text))
    scene = Scene(bug, case, settings)
    try:
        _ = scene.config
    except ConfigError as error:
        problems.append(f"{error} All settings of the link were replaced by the defaults.")
        scene = replace(scene, settings={})
    return scene, problems


LINK: Link[Scene] = Link("bug", read_link, Scene.query)


@dataclass
class Game:
    """What this session has of the game.

    Attributes:
        guesses: case -> the mistake that was named.
        job: the run on screen; of: its config and mistake.
    """

    guesses: dict[int, str] = field(default_factory=dict)
    job: RunJob | None = None
    of: tuple[FederationConfig, str] | None = None


def show(**changes: Any) -> None:
    """Show another mistake or case."""
    LINK.go(replace(LINK.place, **changes))
    LINK.tell([])


def watched_job() -> RunJob:
    """The run of the scene: started if need be, and left to rest if this session cancelled it."""
    mind, now = mine(Game), (LINK.place.config, LINK.place.mistake.name)
    before = mind.job
    if before is not None and mind.of == now and before.cancelled_by_hand:
        return before
    job = runner().job(now[0], session_id(), now[1])
    if before is not None and before is not job:
        before.left_by(session_id())
    mind.job, mind.of = job, now
    return job


def new_case() -> int:
    """The number of a case that nobody has in mind."""
    return int(np.random.default_rng().integers(1, CASES + 1))


def score() -> str:
    """How many cases were solved."""
    guesses = mine(Game).guesses
    if not guesses:
        return "No case guessed yet."
    right = sum(hidden(case).name == guess for case, guess in guesses.items())
    return f"Score: {right} of {len(guesses)} case{'' if len(guesses) == 1 else 's'} solved."


def nameless(trace: Trace) -> Trace:
    """The same run with arms called by their role, in colours that belong to no method in particular."""
    right, wrong = trace.arms
    right = replace(right, label="correct copy", hue="blue", dash="solid", symbol="circle")
    stopped = [replace(stop, message=f"The {_role(trace, stop.arm)} stopped.") for stop in trace.stopped]
    return replace(trace, arms=(right, replace(wrong, label="faulty copy")), stopped=stopped)


def _role(trace: Trace, arm: str) -> str:
    return "correct copy" if arm == trace.arms[0].name else "faulty copy"


def evidence_table(trace: Trace, mistake: Mistake) -> str:
    """All evidence as HTML: a row for each measurement, marked where the copies differ."""
    run = in_run(trace)
    bench = on_bench(mistake, trace.config)
    if not run:
        return ""
    return (
        '<table class="fedrot-evidence"><thead><tr><th scope="col">Measured</th><th scope="col">correct</th>'
        '<th scope="col">faulty</th></tr></thead>'
        f"<tbody>{_group('In this run', run)}{_group('On a test bench, without training', bench)}</tbody></table>"
    )


def _group(title: str, rows: Iterable[Evidence]) -> str:
    body = "".join(_row(e) for e in rows)
    return f'<tr><th colspan="3" scope="rowgroup">{html.escape(title)}</th></tr>{body}'


def _row(e: Evidence) -> str:
    right, wrong = e.texts
    mark = "≠ " if e.differs else ""
    return (
        f'<tr class="{"differs" if e.differs else "same"}"><td>{html.escape(e.asked[0].upper() + e.asked[1:])}</td>'
        f"<td>{right}</td><td>{mark}{wrong}</td></tr>"
    )

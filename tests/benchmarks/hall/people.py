"""What people in a lecture hall do: which pages they open, which settings they choose, how long they think."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fedrot_core.config import FederationConfig, Leaf, leaves
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.study.seeds import SEEDS

THINK_SECONDS = 2.0, 6.0
"""Between two acts."""

OTHERS_SHARE = 0.2
"""Of people who are not in the lab but on other pages."""

BY_LINK = 0.1
"""Share of changes that are made by a link, not by a slider."""

_LEAVES: dict[str, Leaf] = {leaf.option.key: leaf for leaf in leaves()}
POPULAR: tuple[Setting, ...] = tuple(
    {"alpha": alpha, "rank": rank} for alpha in (0.1, 0.2, 0.3, 0.5) for rank in (4, 16)
)
"""Eight settings that many choose, each one or two sliders from every other; two of them are presets of the lab."""

RANKS = range(2, 33)
"""Of own settings; rank 1 is another matter."""

SEEDS_EACH = 9
"""Seeds of one person."""

Setting = dict[str, float]
"""URL key -> value."""

Crowd = Literal["popular", "own", "others"]


@dataclass(frozen=True)
class Act:
    """One act of a person.

    Attributes:
        crowd: of the person.
        page: where it is done; query: of the place that it leads to, where it is a link.
        slider: key of the setting whose slider is moved, and to which value.
        config: what the lab shall show afterwards; None on other pages.
    """

    crowd: Crowd
    page: str
    query: str = ""
    slider: tuple[str, float] | None = None
    config: FederationConfig | None = None

    @property
    def version(self) -> str:
        """What the lab's figures say that they show in the end: config hash, rounds done, round shown."""
        if self.config is None:
            return ""
        rounds = self.config.train.rounds
        return f"{self.config.hash}:{rounds}:{rounds - 1}"


@dataclass
class Person:
    """One person: what they do, one act after another, by chance of their own.

    Attributes:
        number: tells people apart; no two choose the same seed.
        crowd: where they are, and whose settings they choose.
        keyboard: moves a slider by one stop at a time, and follows no link after the first.
    """

    number: int
    crowd: Crowd
    keyboard: bool = False

    def __post_init__(self) -> None:
        self._chance = random.Random(self.number)

    def think(self) -> float:
        """Seconds until the next act."""
        return self._chance.uniform(*THINK_SECONDS)

    def acts(self) -> Iterator[Act]:
        """All that they do, without end; the first act opens a page."""
        return self._elsewhere() if self.crowd == "others" else self._in_the_lab()

    def _in_the_lab(self) -> Iterator[Act]:
        now = self._wish()
        been = [now]
        yield self._link(now)
        while True:
            new = [move for move in self._moves(now) if self.crowd == "popular" or move[1] not in been]
            if not self.keyboard and (not new or self._chance.random() < BY_LINK):
                now = self._wish()
                yield self._link(now)
            else:
                key, now = self._chance.choice(new or self._moves(now))
                yield Act(self.crowd, "lab", slider=(key, now[key]), config=_config(now))
            been.append(now)

    def _moves(self, now: Setting) -> list[tuple[str, Setting]]:
        """Where one slider can lead: its key, and the setting. Own moves are as often of one slider as of the other."""
        key = "alpha" if self.keyboard and self.crowd == "popular" else self._chance.choice(("alpha", "rank"))
        stops = self._stops(key)
        at = stops.index(now[key])
        others = [n for n in range(len(stops)) if n != at and (not self.keyboard or abs(n - at) == 1)]
        return [(key, {**now, key: stops[n]}) for n in others]

    def _stops(self, key: str) -> list[float]:
        """What this crowd sets the slider to, in order."""
        if self.crowd == "popular":
            return sorted({setting[key] for setting in POPULAR})
        return list(_LEAVES["alpha"].option.stops if key == "alpha" else RANKS)

    def _wish(self) -> Setting:
        """Any setting."""
        if self.crowd == "popular":
            return dict(self._chance.choice(POPULAR))
        seed = 1 + SEEDS_EACH * (self.number % (SEEDS // SEEDS_EACH)) + self._chance.randrange(SEEDS_EACH)
        return {key: self._chance.choice(self._stops(key)) for key in ("alpha", "rank")} | {"seed": seed}

    def _link(self, values: Setting) -> Act:
        config = _config(values)
        query = "&".join(f"{key}={value:g}" for key, value in values.items() if value != _LEAVES[key].default)
        return Act(self.crowd, "lab", query, config=config)

    def _elsewhere(self) -> Iterator[Act]:
        while True:
            lesson = self._chance.choice(list(LESSONS.values()))
            yield Act("others", lesson.name)
            for step in range(2, len(lesson.steps) + 1):
                yield Act("others", lesson.name, f"step={step}&skip=1")
            yield Act("others", "quiz")
            for n in range(2, 2 + self._chance.randint(1, 4)):
                yield Act("others", "quiz", f"quiz_seed=7&n={n}")
            yield Act("others", "compare")


def crowds(people: int) -> list[Crowd]:
    """Who is where: some elsewhere, and the others half and half on popular settings and their own."""
    elsewhere = round(OTHERS_SHARE * people)
    halves: list[Crowd] = ["popular" if n % 2 == 0 else "own" for n in range(people - elsewhere)]
    return halves + ["others"] * elsewhere


def _config(values: Setting) -> FederationConfig:
    return FederationConfig().with_values(values)

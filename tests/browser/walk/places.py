"""Everything that a person can have on the screen, in groups: where it is, and what is pressed there, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

from app.navigation import sections
from app.session.query import Selection, to_query
from fedrot_core.figures import FIGURES
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate, Lesson, Prediction
from fedrot_core.learn.mistakes.base import MISTAKES
from fedrot_core.study.presets import PRESETS
from tests.browser.lab_driver import settled

Press = Callable[[Page], None]


@dataclass(frozen=True)
class Place:
    """One address, and what is done there; everything is looked at before and after each press.

    Attributes:
        link: below the app's address.
        presses: (what it is called, what a person does).
        slide: it is for a room and must fit the window.
    """

    link: str
    presses: tuple[tuple[str, Press], ...] = ()
    slide: bool = False


def click(name: str, find: Callable[[Page], Locator], then: str | None = None) -> tuple[str, Press]:
    """A click on the first of what ``find`` finds; then wait for ``then`` to be seen or, without it, for rest."""

    def press(page: Page) -> None:
        find(page).first.click()
        if then is None:
            settled(page)
        else:
            expect(page.locator(then).first).to_be_visible()

    return name, press


def button(name: str) -> tuple[str, Press]:
    """A press on the first button of this name."""
    return click(name, lambda page: page.get_by_role("button", name=name, exact=True))


def tool(name: str, selector: str, then: str | None = None) -> tuple[str, Press]:
    """A press on a button of the first figure that has it."""
    return click(name, lambda page: page.locator(f".fedrot-figure .tools {selector}"), then)


def guess(asked: Prediction) -> Press:
    """Answer what a step asks, and lock it in."""

    def answer(page: Page) -> None:
        if isinstance(asked, Choice):
            page.locator('.st-key-lesson_question [data-testid="stRadio"] label:has(input)').first.click()
        elif isinstance(asked, Estimate):
            page.locator('.st-key-lesson_question :is([role="slider"], input[type="range"])').first.press("ArrowRight")
        elif isinstance(asked, Curve):
            for point in page.locator(".fedrot-draw circle").all():
                point.press("ArrowUp")
        settled(page)
        page.get_by_role("button", name="Lock in my prediction").first.click()
        expect(page.locator(".fedrot-feedback")).to_be_visible()
        settled(page)

    return answer


def reveal(page: Page) -> None:
    """What a lecturer presses."""
    page.keyboard.press("r")
    expect(page.locator(".fedrot-answer")).to_be_visible()
    settled(page)


def steps(lesson: Lesson) -> list[Place]:
    """Every step: before its prediction, after it, and after each button that moves the knobs."""
    return [
        Place(
            f"{lesson.name}?step={n}",
            (() if step.predict is None else (("a prediction", guess(step.predict)),))
            + tuple(button(move.label) for move in step.moves),
        )
        for n, step in enumerate(lesson.steps, start=1)
    ]


def slides(lesson: Lesson) -> list[Place]:
    """Every step as a room sees it, before and after the answer."""
    return [
        Place(
            f"{lesson.name}?step={n}&present=1",
            (("R", reveal),) * (step.predict is not None),
            slide=True,
        )
        for n, step in enumerate(lesson.steps, start=1)
    ]


QUESTIONS = range(1, 15)


def answered(page: Page) -> None:
    """Give some answer to a question of the quiz."""
    options = page.locator('.st-key-quiz_card [data-testid="stRadio"] label:has(input)')
    if options.count():
        options.first.click()
    else:
        for number in page.locator(".st-key-quiz_card input").all():
            number.fill("1")
            number.press("Enter")
    settled(page)
    page.get_by_role("button", name="Check").first.click()
    expect(page.get_by_role("button", name="Next question")).to_be_visible()
    settled(page)


def tab(name: str) -> tuple[str, Press]:
    """A press on one of the lab's tabs."""
    return click(name, lambda page: page.get_by_role("radio", name=FIGURES[name].label, exact=True))


TABS = [name for name in FIGURES if name not in ("latent", "learning", "ladder")]
QUICK = "rounds=2&steps=2&clients=3&batch=8"

LAB = [
    Place("lab", tuple(tab(name) for name in TABS)),
    *(Place(f"lab?{urlencode(to_query(preset.config, Selection()))}") for preset in PRESETS),
    Place(f"lab?{QUICK}&rank=1"),
    Place(f"lab?{QUICK}&lr=50", ()),
    Place("lab", (tool("a figure's Save", 'button[aria-label*="choose format"]', ".fedrot-preview .main-svg"),)),
    Place("lab", (tool("a figure's Data", 'button[aria-label*="numbers behind"]'),)),
    Place("lab", (tool("Full screen", 'button[aria-label^="Full screen"]', ".fedrot-full .main-svg"),)),
    Place("lab", (tool("Copy", 'button[aria-label^="Copy"]', ".told:not(:empty)"),)),
    Place("lab", (tool("the gauge badge", "button.gauge", ".fedrot-spin"),)),
]

SMALL_COMPARE = "compare?compare=fedit,fedrot&seeds=1&rounds=2&steps=2&clients=3"

ROOM = [
    *(Place(f"lab?present=1&slide={n}", slide=True) for n in range(1, len(FIGURES) + 1)),
    *(Place(f"compare?present=1&slide={n}", slide=True) for n in range(1, 4)),
    Place(f"{SMALL_COMPARE}&present=1", slide=True),
]

PAGES = [
    Place(""),
    Place("quiz?quiz_seed=7"),
    *(Place(f"quiz?quiz_seed=7&n={n}", (("an answer", answered),)) for n in QUESTIONS),
    Place("compare"),
    Place(SMALL_COMPARE),
    Place("when"),
    Place("when?grid=theta"),
    Place("diagnose", (click("Make the adapter", lambda page: page.get_by_role("button", name="Make the adapter")),)),
    *(Place(f"diagnose?set={name}") for name in ("shared", "svd", "own")),
    Place("diagnose?set=svd&weights=nobody=1&reference=x"),
    Place("paper"),
    Place("paper?frames=svd&rounds=1&steps=1"),
    *(Place(f"spot_the_bug?rounds=2&steps=2&clients=3&bug={name}") for name in MISTAKES),
    Place("spot_the_bug?rounds=2&steps=2&clients=3&case=5"),
    Place("lecture_pack"),
    Place("take_home"),
    Place("no_such_page"),
    Place("lab?alpha=x&colour=red"),
]

GROUPS: dict[str, list[Place]] = {
    "pages": PAGES,
    "lab": LAB,
    "lab and Compare, presented": ROOM,
    **{name: steps(lesson) for name, lesson in LESSONS.items()},
    **{f"{name}, presented": slides(lesson) for name, lesson in LESSONS.items()},
}

UNSEEN = {entry.url for entries in sections().values() for entry in entries} - {
    place.link.split("?")[0] or "home" for places in GROUPS.values() for place in places
}
"""Pages that no place is on; there are none."""

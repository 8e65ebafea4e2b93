"""What the take-home page says, step by step. ``{name}`` is filled on the page from the run that is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Answer = Literal["kept", "naive", "gain"]
"""What a guess is about: the arrow's share that the naive mean keeps, the naive arm's score, or alignment's gain."""


@dataclass(frozen=True)
class Guess:
    """A number to predict; until then everything that shows it is covered.

    Attributes:
        question: ends with a question mark; answer: which number of the shown run it is about.
        low, high: in per cent, or in points for ``"gain"``.
        after: what the number means; shown with it.
    """

    question: str
    answer: Answer
    low: int
    high: int
    after: str


@dataclass(frozen=True)
class Step:
    """One idea.

    Attributes:
        title, text: what it is about; do: the one thing to do.
        go: slider -> where it moves when the step opens: a value, to the nearest one of the grid, or "last".
        guess: asked first, where there is one; then ``do`` is empty.
    """

    title: str
    text: str
    do: str = ""
    go: dict[str, float | str] = field(default_factory=dict)
    guess: Guess | None = None

    @property
    def words(self) -> int:
        """How many words the step asks a person to read."""
        parts = [self.text, self.do]
        if self.guess:
            parts += [self.guess.question, self.guess.after]
        return len(" ".join(parts).split())


BASE: dict[str, float | str] = {"lam": 0.8, "alpha": 0.5, "rank": 4, "round": "last"}

STEPS = (
    Step(
        "What the server averages",
        "Each client fine-tunes the same frozen network by LoRA: it trains two small matrices, B and A, and what it "
        "learned is their product B A. The server averages all B and all A separately. A grey arrow is one column of "
        "one client's A.",
        "Move the round and see what the average keeps.",
        {**BASE, "theta": 0},
    ),
    Step(
        "One update, many frames",
        "Turn B by a rotation R, and A back by Rᵀ: the product (B R)(Rᵀ A) = B A stays, so the update is the same, "
        "written in another frame. Here two halves of the clients send their matrices in frames an angle θ apart.",
        "Move θ and watch the two halves.",
        {**BASE, "theta": 60},
    ),
    Step(
        "What does the average keep?",
        "The frames of the two halves are {theta} apart, and the server averages the arrows as they come.",
        go={**BASE, "theta": 120},
        guess=Guess(
            "What share of the clients' arrow length does the naive mean keep?",
            "kept",
            0,
            100,
            "For two equal halves that share one arrow, theory says cos(θ/2) = {cos}, and for the product B A "
            "cos²(θ/2) = {cos2}.",
        ),
    ),
    Step(
        "What does the model learn?",
        "Before training, the model gets {start} of the test images right; trained centrally on all data, "
        "{centralised}. Here θ = {theta}, and clients start each round from the server's average.",
        go={**BASE, "theta": 90},
        guess=Guess(
            "Which accuracy does naive averaging reach in round {round}?",
            "naive",
            0,
            100,
            "Look at the error below: it is how far the naive average is from what the clients learned together.",
        ),
    ),
    Step(
        "Turn first, then average",
        "In FedRot-LoRA each client first turns B and A onto the frame it received (orthogonal Procrustes); then the "
        "server averages. λ says how far: 0 leaves the frame as it is, 1 turns it fully. Nothing extra is sent.",
        "Move λ from 0 to 1 and compare both curves.",
        {**BASE, "theta": 90},
    ),
    Step(
        "When nothing is turned",
        "Now θ = {theta}: clients start together and send their matrices as trained.",
        go={**BASE, "theta": 0},
        guess=Guess(
            "By how many points does turning first change the accuracy in round {round}? (A loss is below zero.)",
            "gain",
            -100,
            100,
            "Turning repairs turned frames and nothing else. A point or two may change sign with another seed.",
        ),
    ),
    Step(
        "Skew and rank",
        "With a small α each client sees few digit classes, with a large α all see the same mix. Rank r is how many "
        "directions an update can use. Turning repairs frames, not disagreement about what to learn.",
        "Move α and r, and see which error remains after turning.",
        {**BASE, "theta": 90, "alpha": 0.1, "rank": 2},
    ),
    Step(
        "Where does it not help?",
        "This file holds {runs} runs with λ above 0. After the last round, turning first is ahead in {ahead} of them, "
        "level within {tie} points in {level}, and behind in {behind}.",
        "Find a run where turning does not help, and say why.",
        {**BASE, "theta": 30},
    ),
)
"""At most eight, of at most sixty words each."""

"""Who holds what: Dirichlet skew, weights by samples, and who takes part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fedrot_core.config import DataConfig, FederationConfig, ServerConfig
from fedrot_core.learn.quiz.base import Drawn, Number, register
from fedrot_core.learn.quiz.draws import one_of, pick, pick_number, some_of
from fedrot_core.partition import class_counts, dirichlet
from fedrot_core.wording import percent

Counts = NDArray[np.int64]

CLASSES = 3
ALPHAS = (0.1, 1.0, 100.0)
CLEARLY = 0.15
"""Tables are told apart by their top share; it must differ by this much."""

LETTERS = ("P", "Q", "R")


def dealt(rng: np.random.Generator, clients: int, per_class: int, alpha: float) -> Counts:
    """(clients, classes) samples, dealt by the lab's own rule."""
    labels = np.repeat(np.arange(CLASSES), per_class)
    return class_counts(labels, dirichlet(labels, clients, alpha, 4, rng), CLASSES)


def top_share(counts: Counts) -> float:
    """How much of its client's data the commonest class makes up, clients weighted by what they hold."""
    return float(counts.max(1).sum() / counts.sum())


def table(name: str, counts: Counts) -> str:
    """A table as LaTeX: a row for each client, a column for each class."""
    rows = r" \\ ".join(" & ".join(str(n) for n in row) for row in counts.tolist())
    return rf"{name} = \begin{{pmatrix}} {rows} \end{{pmatrix}}"


@register(
    "skew",
    lesson="heterogeneity",
    text="Three tables count samples: a row for each of {K} [[client|clients]], a column for each of {classes} "
    "classes. They were dealt with Dirichlet [[alpha]] = 0.1, 1 and 100. Which one was dealt with α = {alpha}?",
    explain="All clients' most common classes together make up {P} of the samples in P, {Q} in Q and {R} in R. "
    "A small α concentrates, a large α gives all the same mix: 0.1, 1, 100 are {order}.",
)
def skew(rng: np.random.Generator) -> Drawn:
    K, per_class = int(rng.integers(3, 6)), 10 * int(rng.integers(3, 8))
    while True:
        by_alpha = [dealt(rng, K, per_class, alpha) for alpha in ALPHAS]
        shares = [top_share(counts) for counts in by_alpha]
        if shares[0] - shares[1] >= CLEARLY and shares[1] - shares[2] >= CLEARLY:
            break
    letters = some_of(rng, LETTERS, len(LETTERS))
    of_letter = dict(zip(letters, by_alpha, strict=True))
    asked = int(rng.integers(len(ALPHAS)))
    facts = {
        "K": str(K), "classes": str(CLASSES), "alpha": f"{ALPHAS[asked]:g}", "order": ", ".join(letters),
        **{letter: percent(top_share(of_letter[letter])) for letter in LETTERS},
    }  # fmt: skip
    given = tuple(table(letter, of_letter[letter]) for letter in LETTERS)
    return Drawn(pick(rng, letters[asked], LETTERS), facts, given)


@register(
    "table_weight",
    lesson="heterogeneity",
    text="The table N counts samples: a row for each of {K} [[client|clients]], a column for each class. Weights count "
    "samples. What is the [[w|weight]] of client {k}?",
    explain="Client {k} holds {own} of {all} samples, whatever their classes: weight {right}. With uniform weights it "
    "would be {equal}.",
)
def table_weight(rng: np.random.Generator) -> Drawn:
    K, per_class = int(rng.integers(3, 6)), 10 * int(rng.integers(2, 7))
    counts = dealt(rng, K, per_class, one_of(rng, (0.3, 0.5, 1.0)))
    k = int(rng.integers(K))
    weights, row = counts.sum(1) / counts.sum(), counts[k]
    right = float(weights[k])
    wrong = [1 / K, float(row.max() / row.sum()), float(row.max() / counts.sum()), float(row[0] / counts[:, 0].sum()),
             float(weights.max()), float((row > 0).mean() / K), right / 2, min(1.0, 2 * right)]  # fmt: skip
    facts = {"K": str(K), "k": str(k + 1), "own": str(row.sum()), "all": str(counts.sum()), "right": percent(right),
             "equal": percent(1 / K)}  # fmt: skip
    return Drawn(pick_number(rng, right, wrong, percent, 0.025, high=1.0), facts, (table("N", counts),))


@register(
    "participation",
    lesson="heterogeneity",
    text="A federation has {K} [[client|clients]] and a participation of {part}; no client drops out in mid-round. "
    "How many uploads reach the [[server]] in {T} [[round|rounds]]?",
    explain="Each round samples {part} · {K} = {each} clients anew, and {T} rounds bring {all} uploads. Chance decides "
    "who: a client may come twice in a row, or be absent for long.",
)
def participation(rng: np.random.Generator) -> Drawn:
    while True:
        K, part = 5 * int(rng.integers(2, 41)), int(rng.integers(1, 20)) / 20
        if abs(K * part % 1 - 0.5) > 0.3:  # what half a client rounds to is no question of understanding
            break
    T = int(rng.integers(2, 13))
    config = FederationConfig(data=DataConfig(clients=K), server=ServerConfig(participation=part))
    every = config.participants * T
    facts = {"K": str(K), "part": f"{part:g}", "T": str(T), "each": str(config.participants), "all": str(every)}
    return Drawn(Number(every, "uploads", tolerance=0, low=0, high=5000), facts)

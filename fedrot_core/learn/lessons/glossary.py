"""Every symbol and term that lessons use: what it looks like, its colour, and what it means.

Hues are names of :data:`fedrot_core.figures.kit.theme.HUES`; a symbol has the same one in equation, prose and figure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = re.compile(r"\[\[([^\]|]+)(?:\|([^\]]+))?\]\]")
"""``[[key]]`` or ``[[key|shown]]``."""


@dataclass(frozen=True)
class Term:
    """One symbol or word.

    Attributes:
        shown: as it stands in prose.
        meaning: one sentence.
        hue: colour of a symbol, or None for a word.
    """

    shown: str
    meaning: str
    hue: str | None = None


GLOSSARY: dict[str, Term] = {
    "lora": Term("LoRA", "Low-rank adaptation: a large weight matrix stays frozen, and only a thin update B A "
                 "beside it is trained."),
    "A": Term("A", "Down-projection factor of a LoRA adapter, r × d_in: which input directions a client "
              "reads.", "blue"),
    "B": Term("B", "Up-projection factor, d_out × r: which output directions a client writes.", "purple"),
    "BA": Term("B A", "A client's update: the product of its two factors. Only this product acts on the model."),
    "R": Term("R", "An orthogonal r × r matrix, R Rᵀ = I. Turning by R gives (B R, Rᵀ A): the same update.", "green"),
    "M": Term("M", "The weighted mean of the clients' rotations, Σ w R. Its singular values say what averaging keeps.",
              "vermillion"),
    "theta": Term("θ", "The angle by which one client's frame is turned against another's.", "orange"),
    "lambda": Term("λ", "Strength of the turn, from 0 (leave factors as sent) to 1 (full Procrustes rotation).", "sky"),
    "r": Term("r", "Rank: the inner dimension of the two factors."),
    "w": Term("w", "A client's weight in the average; all weights sum to one."),
    "S": Term("S", "Cross matrix of a client and the reference, A A_refᵀ, r × r: how much their rows overlap.", "ink"),
    "UV": Term("U Vᵀ", "The product of the singular vectors of S: the orthogonal matrix closest to it.", "green"),
    "det": Term("det", "Determinant of an orthogonal matrix: +1 for a rotation, −1 if it also mirrors."),
    "alpha": Term("α", "Dirichlet parameter of the label split. A small α gives each client few classes, a large "
                  "one the same mix to all."),
    "frame": Term("frame", "The choice of latent axes in which a client writes its factors. Any choice gives the "
                  "same update."),
    "latent": Term("latent axes", "The r inner axes that both factors share: rows of A, columns of B."),
    "factors": Term("factors", "The two thin matrices B and A that LoRA trains, together called an adapter."),
    "update": Term("update", "What a client learned: the product B A, times a fixed scale."),
    "ideal": Term("ideal", "The weighted average of the clients' products, Σ w B A: what the server would like to "
                  "have."),
    "error": Term("aggregation error", "Distance between the server's update and the ideal, relative to the ideal's "
                  "norm. It can exceed 100\u00a0%."),
    "naive": Term("naive average", "Averaging all B and all A separately, then multiplying."),
    "aligned": Term("aligned average", "The same average, taken after each client has been turned onto a common "
                    "frame."),
    "reference": Term("reference", "The global factors that the server broadcast; clients are turned onto them."),
    "procrustes": Term("Procrustes", "The problem of finding the rotation that brings one set of vectors closest to "
                       "another; its solution is an SVD."),
    "rotation": Term("rotation", "Orthogonal with determinant +1: it turns and does not mirror."),
    "reflection": Term("reflection", "Orthogonal with determinant −1: it mirrors one direction."),
    "gauge": Term("gauge", "Any change of frame that leaves the update as it is: (B G, G⁻¹ A)."),
    "invariant": Term("gauge-invariant", "A number that no turn of a client's frame can change."),
    "dependent": Term("gauge-dependent", "A number that can change when a client's frame is turned."),
    "principal": Term("principal angle", "Angle between two subspaces. It compares spans, so no turn changes it."),
    "floor": Term("rank-r floor", "The smallest error that any single adapter of rank r can have (Eckart–Young)."),
    "client": Term("client", "One participant, with data of its own that it does not share."),
    "round": Term("round", "One cycle of a federation: broadcast, train, upload, aggregate."),
    "server": Term("server", "Collects the clients' factors and broadcasts what it makes of them."),
    "broadcast": Term("broadcast", "The global factors that the server sends to all clients at the start of a round."),
    "heterogeneity": Term("heterogeneity", "How differently classes are spread over clients."),
    "gpa": Term("generalised Procrustes", "Turning all clients onto their common mean, again and again, without a "
                "reference."),
    "adam": Term("Adam", "Optimiser that rescales each coordinate of the gradient, which breaks the symmetry between "
                 "frames."),
    "sgd": Term("SGD", "Stochastic gradient descent: plain steps down the gradient of a mini-batch."),
    "svd": Term("SVD", "Singular value decomposition: turn, stretch, turn. Factors made from it have arbitrary signs."),
    "seed": Term("seed", "The number from which all randomness of a run comes."),
    "span": Term("span", "All directions that combinations of a client's rows of A reach: a subspace. No turn "
                 "changes it."),
    "tilt": Term("tilt", "How far one client's span leans out of another's: the principal angle between them.", "ink"),
    "angle": Term("rotation angle", "How far a frame must be turned, inside its span, to meet another.", "orange"),
    "gain": Term("gain", "Score of the aligned average minus that of the naive average, in percentage points."),
    "trained": Term("as trained", "Clients begin at one shared start and upload their factors as training left them."),
    "misfit": Term("misfit", "Distance of a client's A, turned or not, from the reference's, relative to that one's "
                   "norm."),
    "singular": Term("singular values", "The stretches in an SVD: never negative, sorted from the largest."),
    "O": Term("O(r)", "All orthogonal r × r matrices: rotations, and those that mirror."),
    "SO": Term("SO(r)", "Rotations only: orthogonal r × r matrices with determinant +1."),
}  # fmt: skip


def unmarked(text: str) -> str:
    """A filled template as plain text, marks replaced by what they show."""
    return MARK.sub(lambda m: m[2] or GLOSSARY[m[1]].shown, text)

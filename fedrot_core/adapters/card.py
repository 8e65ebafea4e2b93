"""The model card of a merged adapter: what was done, what it misses, what was left out, and what nobody knows.

Names of clients, modules and tensors come from folders and files. They are escaped, and of a client's folder only what
tells it from the others is written, so that no path of a machine is.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fedrot_core.adapters.trees import Refused, clean
from fedrot_core.wording import counted, percent

if TYPE_CHECKING:
    from fedrot_core.adapters.merge import Merged

HEADER = """---
library_name: peft
tags:
- lora
- peft
- model-merging
- federated-learning
- fedrot-lora
---
"""

LISTED = 200
"""Most rows of a table or list. More are only counted."""

METHODS = {
    "naive": "A and B were averaged apart (plain averaging).",
    "fedrot": "Each client was turned onto a reference client by orthogonal Procrustes, then A and B were averaged "
    "(FedRot-LoRA, arXiv:2602.23638).",
    "gpa": "All clients were turned onto one another by generalised Procrustes, then A and B were averaged.",
    "svd": "The exact weighted mean of the clients' updates was approximated as well as this rank allows (SVD).",
    "stack": "The clients' factors stand side by side, so the update is the exact weighted mean, and ranks add up.",
}
"""What each method did, in a sentence."""


def escaped(text: str) -> str:
    """A name as text of a model card: no character of it means anything to Markdown or HTML."""
    return "".join(f"\\{c}" if c in string.punctuation else c for c in clean(text))


def told_apart(names: Sequence[str]) -> list[str]:
    """The parts of the names that differ; the last part of a single one.

    Names hold the folders between what was given and the adapter, and these may tell of a machine and its users.
    """
    parts = [PurePosixPath(name).parts or (name,) for name in names]
    if len(parts) == 1:
        return [parts[0][-1]]
    shortest = min(map(len, parts))
    first = next((n for n in range(shortest) if len({p[n] for p in parts}) > 1), shortest - 1)
    last = next((n for n in range(shortest - first) if len({p[-1 - n] for p in parts}) > 1), 0)
    return ["/".join(p[first : len(p) - last]) for p in parts]


def card(merged: Merged) -> str:
    """The text of the model card, in Markdown."""
    names = dict(zip(merged.names, told_apart(merged.names), strict=True))
    weighted = zip(merged.names, merged.weights, strict=True)
    parts = [
        f"{HEADER}\n# Adapter merged from {counted(len(merged.names), 'client')}",
        _done(merged, names),
        _table(("client", "weight"), [(escaped(names[n]), percent(w, 1)) for n, w in weighted]),
        "## What it misses",
        f"Over all layers together the merged update misses **{percent(merged.total)}** of the exact weighted mean of "
        "the clients' updates (Frobenius norm, relative). By layer:",
        _table(("layer", "missed"), [(escaped(n), percent(e)) for n, e in merged.errors.items()]),
        "## Averaged plainly",
        "Trained whole, so they have no frames: the weighted mean of each tensor."
        if merged.averaged
        else "Nothing: the adapters hold nothing besides LoRA, or what they hold was left out.",
        _list([escaped(name) for name in merged.averaged]),
        "## Left out",
        "" if merged.left_out or merged.refused else "Nothing.",
        _list([f"{escaped(r.name)}: {_reason(r)}" for r in merged.left_out]),
        f"{counted(len(merged.refused), 'client or file')} could not be used." if merged.refused else "",
        "## What cannot be known from the files",
        "How accurate a model with this adapter is. Errors above are distances from the exact average of what the "
        "clients learned, and that average need not be a good model either. Evaluate it on your own data. The base "
        "model is not named here: use the one on which the clients were trained.",
    ]
    return "\n\n".join(part for part in parts if part).replace("\u00a0", " ") + "\n"


def _done(merged: Merged, names: dict[str, str]) -> str:
    told = METHODS[merged.method]
    if merged.reference is not None:
        way = merged.way
        told += f" The reference was {escaped(names[merged.reference])}, of which {way.side} was matched by "
        told += f"{'rotations' if way.group == 'SO' else 'rotations and reflections'}, λ = {way.strength:g}."
    return f"{told} Each client's scale is folded in."


def _reason(refused: Refused) -> str:
    """The reason; where it would name clients by their folders, it only says that there are some."""
    return "Not in all clients." if refused.reason.startswith("Not in ") else escaped(refused.reason)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    shown = [head, ["---"] * len(head), *rows[:LISTED]]
    if len(rows) > LISTED:
        shown.append([f"and {len(rows) - LISTED} more", *[""] * (len(head) - 1)])
    return "\n".join(f"| {' | '.join(row)} |" for row in shown)


def _list(rows: Sequence[str]) -> str:
    more = [f"and {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return "\n".join(f"- {row}" for row in [*rows[:LISTED], *more])

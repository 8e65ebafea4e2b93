"""What the page shows: which adapters, with which weights and reference, and what of them is selected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from app.session import link
from app.session.link import Link

OWN = "own"

SETS = {
    "independent": "Independent starts",
    "shared": "Shared start",
    "svd": "Re-factorised by SVD",
    OWN: "My own files",
}
"""Where adapters come from -> its name for people."""

MOST_WEIGHTS = 100


@dataclass(frozen=True)
class Place:
    """Of the page.

    Attributes:
        set: a key of :data:`SETS`.
        reference: name of the client to which FedRot-LoRA aligns the others; empty for the usual one.
        weights: ``name=number``, separated by commas; clients that are not named count once.
        layer, client: names of what is selected; empty for the first one.
        method: how the aggregate is made; empty for the one that the verdict names.
    """

    set: str = "independent"
    reference: str = ""
    weights: str = ""
    layer: str = ""
    client: str = ""
    method: str = ""


def read_link(query: Mapping[str, str]) -> tuple[Place, list[str]]:
    """The place of a link, and a sentence for each value that could not be used."""
    place, problems = Place(), []
    names = {field.name for field in fields(Place)}
    for key, text in query.items():
        if key not in names:
            problems.append(link.unknown(key, text))
        elif key == "set" and text not in SETS:
            problems.append(f"set must be one of {', '.join(SETS)}; the link's {text!r} was replaced by {place.set}.")
        else:
            place = replace(place, **{key: text})
    return place, problems


def _write(place: Place) -> dict[str, str]:
    usual = Place()
    return {f.name: getattr(place, f.name) for f in fields(place) if getattr(place, f.name) != getattr(usual, f.name)}


LINK: Link[Place] = Link("diagnose", read_link, _write)


def parsed(text: str) -> tuple[dict[str, float], str]:
    """Weights by client, and what is wrong with the text; empty if nothing is."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if name.strip() in found:
            return {}, f"Weights must name each client once; got {name.strip()!r} twice. All count the same for now."
        if not name or not (math.isfinite(value) and value >= 0) or len(found) >= MOST_WEIGHTS:
            return {}, (
                f"Weights must read name=number, separated by commas, at most {MOST_WEIGHTS} clients, no number "
                f"negative; got {part!r}. All clients count the same for now."
            )
        found[name.strip()] = value
    return found, ""


def go(**changes: str) -> None:
    """Change parts of the place."""
    LINK.go(replace(LINK.place, **changes))


def switch(chosen: str) -> None:
    """Show other adapters, whose clients and layers have other names."""
    LINK.go(Place(set=chosen))
    LINK.tell([])

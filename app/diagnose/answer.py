"""The verdict first; then what was refused, what is to be known, and what is selected."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from app.diagnose.merging import METHODS
from app.diagnose.place import LINK, go
from app.session import link
from app.widgets.text import plain
from fedrot_core.adapters.diagnosis import Diagnosis
from fedrot_core.adapters.trees import Refused
from fedrot_core.wording import counted

FEW = 3
"""So many refusals stand on the page itself; more are folded away, and counted."""


def answer(found: Diagnosis) -> None:
    """The answer in one sentence, and its conditions."""
    st.html(f'<p class="fedrot-look" role="status"><b>{html.escape(found.verdict.sentence)}</b></p>')
    ranks = sorted({layer.module.rank for layer in found.layers})
    told = " to ".join(dict.fromkeys((str(ranks[0]), str(ranks[-1]))))
    st.caption(
        plain(
            f"{counted(len(found.clients), 'client')}, {counted(len(found.layers), 'layer')}, rank {told}. "
            + " ".join(found.verdict.notes)
        )
    )
    _listed("files or clients were refused", found.refused)
    _listed("layers or other tensors were left out", found.left_out)
    for note in found.notes:
        st.info(plain(note))


def _listed(what: str, refused: Sequence[Refused]) -> None:
    """What was refused, by name and reason; the others are kept. ``what`` says it of many."""
    sentences = [plain(f"{gone.name}: {gone.reason}") for gone in refused]
    if len(sentences) <= FEW:
        for sentence in sentences:
            st.warning(sentence)
        return
    with st.expander(f"{len(sentences)} {what}"):
        st.markdown("\n".join(f"- {sentence}" for sentence in sentences))


def unknown(found: Diagnosis) -> list[str]:
    """What the link selects and these adapters do not have, a sentence each."""
    place = LINK.place
    there = {"layer": [layer.name for layer in found.layers], "client": found.clients, "method": tuple(METHODS)}
    asked = {key: getattr(place, key) for key in there}
    return [
        f"There is no {key} {text!r} here; the usual one is shown."
        for key, text in asked.items()
        if text and text not in there[key]
    ]


def selection(found: Diagnosis) -> tuple[int, int]:
    """Reference, weights, layer and client; indices of the last two."""
    place, clients = LINK.place, list(found.clients)
    layers = [layer.name for layer in found.layers]
    layer = place.layer if place.layer in layers else _first(found)
    client = place.client if place.client in clients else clients[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="diagnose_choices"):
        _menu("Layer", "layer", layers, layer, 330)
        _menu("Client", "client", clients, client, 190)
        _menu(
            "FedRot-LoRA aligns to", "reference", clients, found.reference, 210,
            "The client whose frame the others are turned into. Generalised Procrustes needs none.",
        )  # fmt: skip
        link.give("diagnose_weights", place.weights)
        st.text_input(
            "Weights", key="diagnose_weights", placeholder="all count the same", width=260, max_chars=800,
            on_change=link.wish("diagnose_weights", lambda text: go(weights=text.strip())),
            help=plain(f"name=number, separated by commas, for example {clients[0]}=2. Clients not named count once."),
        )  # fmt: skip
    return layers.index(layer), clients.index(client)


def _first(found: Diagnosis) -> str:
    """The layer that is selected first: the one that matters most, if any does."""
    return found.verdict.matter[0] if found.verdict.matter else found.layers[0].name


def _menu(label: str, name: str, options: list[str], value: str, width: int, hint: str | None = None) -> None:
    key = f"diagnose_{name}"
    link.give(key, value)
    st.selectbox(
        label, options, key=key, width=width, help=hint, on_change=link.wish(key, lambda chosen: go(**{name: chosen}))
    )

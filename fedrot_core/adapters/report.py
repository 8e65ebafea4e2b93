"""A diagnosis as figures, tables and programs read it: plain numbers and arrays."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fedrot_core.adapters.layer_report import LADDER, LayerReport
from fedrot_core.adapters.outliers import Standing
from fedrot_core.adapters.trees import Refused
from fedrot_core.adapters.verdict import Verdict

MATRICES = (
    "angles", "reflected", "principal_A", "principal_B", "factors_before", "factors_after", "products",
)  # fmt: skip
"""Arrays of a layer that go with its row where there is room for them."""


@dataclass(frozen=True)
class Report:
    """What was found out about the adapters of several clients, in plain numbers and arrays.

    Attributes:
        clients: the clients' names; weights: how much each counts; they sum to 1.
        reference: name of the client to which FedRot-LoRA aligned the others.
        layers: one report a module, in the order of the files.
        totals: relative error of each rung of :data:`fedrot_core.adapters.layer_report.LADDER` over all layers
            together; modules in which no rotation exists count with naive averaging's error where others were turned.
        standings: every client among the others, by size and direction of its update.
        verdict: the answer in a few sentences, with its numbers.
        refused: clients and files that were refused; left_out: modules that are not compared; each with the reason.
        notes: sentences about what is unusual.
    """

    clients: tuple[str, ...]
    weights: tuple[float, ...]
    reference: str
    layers: tuple[LayerReport, ...]
    totals: dict[str, float]
    standings: tuple[Standing, ...]
    verdict: Verdict
    refused: tuple[Refused, ...]
    left_out: tuple[Refused, ...]
    notes: tuple[str, ...]

    @property
    def outliers(self) -> tuple[Standing, ...]:
        """The clients that are unlike the others; between two, nobody can tell which one is odd."""
        return tuple(standing for standing in self.standings if standing.reason)

    @property
    def content(self) -> dict[str, Any]:
        """All of it as plain data, as for JSON."""
        return {
            "verdict": dataclasses.asdict(self.verdict),
            "clients": [
                {**dataclasses.asdict(standing), "weight": weight}
                for standing, weight in zip(self.standings, self.weights, strict=True)
            ],
            "reference": self.reference,
            "totals": self.totals,
            "layers": [
                {
                    **row,
                    "settled": layer.settled,
                    "ranks": layer.module.ranks,
                    "scales": layer.module.scales,
                    **{name: getattr(layer, name).tolist() for name in MATRICES},
                }
                for row, layer in zip(self.rows, self.layers, strict=True)
            ],
            "refused": [dataclasses.asdict(gone) for gone in self.refused],
            "left_out": [dataclasses.asdict(gone) for gone in self.left_out],
            "notes": list(self.notes),
        }

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row of plain numbers for each layer: relative errors, shares of the naive error, angles in degrees."""
        return [
            {
                "layer": layer.name,
                "kind": layer.module.kind,
                "experts": layer.module.experts,
                "d_out": layer.module.d_out,
                "d_in": layer.module.d_in,
                "rank": layer.module.rank,
                "size": layer.size,
                **{f"{rung}_error": layer.errors.get(rung) for rung in LADDER},
                "removed": layer.removed if layer.module.turns else None,
                "stays": layer.stays,
                "turn": layer.turn if layer.module.turns else None,
                "apart_A": layer.apart_A,
                "apart_B": layer.apart_B,
            }
            for layer in self.layers
        ]

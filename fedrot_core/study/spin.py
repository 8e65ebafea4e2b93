"""What turning one client changed, in words and in rows, for the lab's dialog and the command line."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import rule
from fedrot_core.gauge import MetricChange, Spin, replay, spin
from fedrot_core.methods import METHODS
from fedrot_core.wording import percent

CONTRAST = ("principal_angles", "error")
"""One metric that no turn can move and one that a turn can move. If a figure shows metrics of one kind only, the
conclusion adds the other kind from here."""

IN_CONCLUSION = 2
"""How many of a figure's metrics the conclusion names."""


@dataclass(frozen=True)
class Said:
    """A sentence in two parts: the finding, which may be set in bold, and the rest."""

    finding: str
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.finding}{self.rest}"


def number(value: float, unit: str, digits: int = 0) -> str:
    """A metric's value as text, with ``digits`` more digits than usual."""
    if unit == "degrees":
        return f"{value:.{1 + digits}f}°"
    if unit in ("relative", "share"):
        return percent(value, digits) if digits else percent(value)
    return f"{value:.{3 + digits}g}"


def pair(row: MetricChange) -> tuple[str, str]:
    """The values before and after as texts, with as many digits as it takes to show a movement."""
    for digits in range(8):
        before, after = (number(value, row.unit, digits) for value in (row.before, row.after))
        if before != after or not row.moved:
            break
    return before, after


def rounding(value: float, unit: str = "") -> str:
    """A change at rounding level as text: ``2e-15``, ``1e-13°``, or plain ``0``."""
    return f"{f'{value:.0e}' if value else '0'}{'°' if unit == 'degrees' else ''}"


def what_is_done(turn: Spin, layers: int) -> str:
    """An introduction to the numbers: which client is turned, and how."""
    everywhere = "" if layers == 1 else f" in all {layers} layers"
    text = (
        f"Client {turn.client} sends B R and Rᵀ A in place of B and A, with one random rotation R{everywhere}. What it "
        f"learned, B A, stays the same. {turn.label} combines all clients once more."
    )
    if turn.frozen:
        text += (
            f" With {turn.label}, all clients share {turn.frozen} in this round, so no frame turns by itself: in this "
            "test the server reads the turned factor in the wrong frame."
        )
    return text


def conclusion(turn: Spin, first: Sequence[str]) -> list[Said]:
    """Sentences that say what moved and what did not, with the numbers.

    Args:
        turn: the turn and every metric before and after it.
        first: keys of the metrics that the figure in question shows.
    """
    if not turn.degrees:
        who = f"client {turn.client} has rank 1"
        return [Said("Nothing can move:", f" {who}, where the only rotation is the identity.")]
    named = [turn[key] for key in first[:IN_CONCLUSION]]
    claims = {row.claim for row in named}
    others = (turn[key] for key in CONTRAST if turn[key].claim not in claims and turn[key] not in named)
    named += [row for row in others if len(claims) < 2][:1]
    done = (
        f"Client {turn.client} was turned by {turn.degrees:.0f}° (largest eigen-angle); its B A changed by "
        f"{rounding(turn.product_change)} (relative), which is rounding."
    )
    return [Said("", done), *(_said(row) for row in named)]


def _said(row: MetricChange) -> Said:
    before, after = pair(row)
    if row.moved:
        return Said(f"{row.label} moved from {before} to {after}", f"{f' ({row.where})' if row.where else ''}.")
    why = f"; {row.note}" if row.note else ""
    return Said(f"{row.label} did not move", f" (largest change {rounding(row.change, row.unit)}{why}).")


@dataclass(frozen=True)
class GaugeTest:
    """Which metrics moved when one client was turned, in one round of one method.

    Attributes:
        config: config of the run.
        layers: number of adapted layers.
        turn: the turn and every metric before and after it.
    """

    config: FederationConfig
    layers: int
    turn: Spin

    @property
    def text(self) -> str:
        """What was done, and what moved."""
        said = [str(sentence) for sentence in conclusion(self.turn, CONTRAST)]
        return " ".join([what_is_done(self.turn, self.layers), *said]) if self.turn.degrees else " ".join(said)

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row per metric: its badge, both values, the largest change, and whether that counts as a movement."""
        return [
            {
                "metric": row.key, "label": row.label, "gauge": row.claim, "unit": row.unit, "as_sent": row.before,
                "turned": row.after, "where": row.where, "change": row.change, "moved": row.moved, "holds": row.holds,
                "note": row.note,
            }
            for row in self.turn.rows
        ]  # fmt: skip

    @property
    def content(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        turn = self.turn
        return {
            "engine": ENGINE_VERSION, "config": self.config.to_dict(), "method": turn.arm, "round": turn.round_index,
            "client": turn.client, "turn": turn.seed, "degrees": turn.degrees, "product_change": turn.product_change,
            "conclusion": self.text, "metrics": self.rows,
        }  # fmt: skip


def gauge_test(
    config: FederationConfig, method: str, round_index: int = 0, client: int = 0, turn: int = 0
) -> GaugeTest:
    """Train a method up to a round, turn one client's frame at random, and measure every metric before and after.

    Turning the frame replaces the client's ``B``, ``A`` by ``B R``, ``Rᵀ A`` with a rotation R, so that what the client
    learned stays the same.

    Args:
        config: the settings of the run.
        method: a key of :data:`fedrot_core.methods.METHODS`.
        round_index: the round in which the client is turned, from 0.
        client: index of the client.
        turn: number of the random rotation; each number gives another one.

    Returns:
        Every metric before and after the turn, as rows and in words.

    Raises:
        ConfigError: if the client's factors did not reach the server in that round.

    Examples:
        >>> import fedrot_core as fr
        >>> config = fr.FederationConfig().with_values({"task": "teacher", "clients": 3, "rounds": 1, "steps": 2})
        >>> test = fr.gauge_test(config, "fedit", client=1)
        >>> {row["metric"]: row["moved"] for row in test.rows if row["metric"] in ("principal_angles", "error")}
        {'error': True, 'principal_angles': False}
    """
    if not isinstance(config, FederationConfig):
        raise rule("gauge_test", "be given a FederationConfig", config, "Write fr.FederationConfig(), for example.")
    if isinstance(turn, bool) or not isinstance(turn, int) or turn < 0:
        raise rule("The random rotation", "have a number from 0 up", turn, "Use 0, for example.")
    METHODS[method]  # an unknown name is refused, with all that are known
    if method not in config.methods:
        config = config.with_values({"arms": (*config.methods, method)})
    played = replay(config, method, round_index)
    return GaugeTest(config, len(played.task.layers), spin(played, client, turn))

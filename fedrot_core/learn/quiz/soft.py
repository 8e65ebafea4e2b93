"""Turning a part of the way: the soft strength λ, and where it breaks."""

from __future__ import annotations

import numpy as np

from fedrot_core.alignment import SINGULAR_TOLERANCE, rotation_angles, soft_rotation
from fedrot_core.learn.quiz.algebra import turns
from fedrot_core.learn.quiz.base import Drawn, Number, register
from fedrot_core.learn.quiz.draws import one_of, pick

TOLERANCE = 2
"""Degrees."""

SINGULAR = "by no definite angle: (1 − λ) I + λ R is singular"


def softened(theta: float, strength: float) -> tuple[float, float]:
    """The soft turn's angle in degrees, and the smallest singular value of ``(1-λ) I + λ R``."""
    R, margin = soft_rotation(turns([theta])[0], strength)
    return float(rotation_angles(R).abs().max()), float(margin)


@register(
    "soft_angle",
    lesson="procrustes",
    text="In a plane, the full [[procrustes|Procrustes]] turn of a client is {theta}°. With strength [[lambda]] = "
    "{strength}, by how many degrees is the client turned?",
    explain="The soft turn is the rotation closest to (1 − λ) I + λ R: its angle is atan2(λ sin θ, 1 − λ + λ cos θ) = "
    "{angle}°. λ θ = {linear}° would be nearly right for small θ, and right at λ = ½.",
)
def soft_angle(rng: np.random.Generator) -> Drawn:
    while True:
        theta, strength = int(rng.integers(4, 33)) * 5, int(rng.integers(2, 19)) / 20
        angle, _ = softened(theta, strength)
        if abs(angle - strength * theta) > 2 * TOLERANCE:  # otherwise the simple guess λ θ would pass
            break
    facts = {
        "theta": str(theta), "strength": f"{strength:.2f}", "angle": f"{angle:.0f}", "linear": f"{strength * theta:.0f}"
    }  # fmt: skip
    return Drawn(Number(angle, "°", tolerance=TOLERANCE, low=0, high=180), facts)


@register(
    "soft_opposite",
    lesson="procrustes",
    text="In a plane, a client's [[frame]] is {theta}° away from the [[reference]]'s. It is turned with strength "
    "[[lambda]] = {strength}. By how much does it turn?",
    explain="The smallest singular value of (1 − λ) I + λ R is {margin}. {because}",
)
def soft_opposite(rng: np.random.Generator) -> Drawn:
    theta = one_of(rng, (180, 180, 170, 160))
    strength = one_of(rng, (0.5, int(rng.integers(2, 19)) / 20))
    angle, margin = softened(theta, strength)
    if margin <= SINGULAR_TOLERANCE:
        right, because = SINGULAR, "At 180° and λ = ½ the two matrices cancel, and every angle is as good as any other."
    else:
        right = f"by {angle:.0f}°"
        because = (
            f"The closest [[rotation]] to it turns by {angle:.0f}°: behind λ θ for λ below ½, ahead of it above ½."
        )
    wrong = [f"by {d:.0f}°" for d in (strength * theta, theta, 0, 90) if abs(d - angle) > 2 or right == SINGULAR]
    facts = {"theta": str(theta), "strength": f"{strength:.2f}", "margin": f"{margin:.2f}", "because": because}
    return Drawn(pick(rng, right, [SINGULAR, *wrong]), facts)

"""The moving picture's numbers are those of real averages."""

from __future__ import annotations

import numpy as np
import pytest

from app.home.moving import END, STEP, positions
from fedrot_core.learn.examples.one_update import letter


@pytest.mark.parametrize("position", positions()[::10], ids=lambda p: str(p["degrees"]))
def test_two_frames_apart_keep_cosine_squared_of_half_the_angle_and_turning_keeps_all(
    position: dict[str, object],
) -> None:
    half = np.radians(float(str(position["degrees"]))) / 2
    np.testing.assert_allclose(np.asarray(position["kept"]), [np.cos(half) ** 2, 1], atol=1e-12)
    whole = (letter().B @ letter().A).numpy()
    np.testing.assert_allclose(np.asarray(position["pictures"]), [np.cos(half) ** 2 * whole, whole], atol=1e-12)
    clients, means = np.asarray(position["clients"]), np.asarray(position["means"])
    np.testing.assert_allclose(means[0], clients.mean(0), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(means[1]), np.linalg.norm(clients[0]))


def test_positions_are_even_and_end_at_opposite_frames() -> None:
    assert [p["degrees"] for p in positions()] == list(range(0, END + 1, STEP))

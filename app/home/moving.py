"""The moving picture: two clients with one update in frames turned apart, averaged as sent and after turning.

Every position is averaged here, for real; the browser only picks one, so that nothing waits for the server.
"""

from __future__ import annotations

import functools
from typing import Any

from app.widgets.page import component
from fedrot_core.figures.kit.theme import HUES
from fedrot_core.learn.examples.one_update import pair

STEP, END = 3, 180
"""Degrees between two positions, and the last one."""

AT_REST = 90
"""Where the picture stands when nothing moves."""


@functools.cache
def positions() -> list[dict[str, Any]]:
    """What is drawn at each angle: arrows of one column, (x, y); pictures, row by row; kept shares of the update."""
    found = []
    for degrees in range(0, END + 1, STEP):
        p = pair(degrees)
        found.append(
            {
                "degrees": degrees,
                "clients": p.clients[:, 0].tolist(),
                "means": [p.naive[0].tolist(), p.aligned[0].tolist()],
                "pictures": [p.naive_picture.tolist(), p.aligned_picture.tolist()],
                "kept": [p.kept, p.kept_aligned],
            }
        )
    return found


def moving_picture() -> None:
    """The element, with its slider and Play."""
    first = pair(0)
    hues = {
        name: f"light-dark({HUES['light'][hue]}, {HUES['dark'][hue]})"
        for name, hue in (("naive", "vermillion"), ("aligned", "blue"))
    }
    component("moving_picture")(
        key="moving_picture",
        data={"positions": positions(), "picture": first.pictures[0].tolist(), "rest": AT_REST, "hues": hues},
    )

"""Scenes of lessons, made once for everyone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from fedrot_core.learn.lessons.base import Runs, Scene, Values

KEPT = 400

_scenes: OrderedDict[Hashable, Scene] = OrderedDict()
_lock = threading.Lock()


def scene_of(make: Callable[[Values, Runs], Scene], values: Values, runs: Runs) -> Scene:
    """What ``make`` makes of the knobs' values and the runs that belong to them; the last ones asked for are kept."""
    key = make, tuple(sorted(values.items()))
    with _lock:
        if key in _scenes:
            _scenes.move_to_end(key)
            return _scenes[key]
    scene = make(values, runs)
    with _lock:
        scene = _scenes.setdefault(key, scene)  # whoever was first: figures are told apart by their scene
        while len(_scenes) > KEPT:
            _scenes.popitem(last=False)
    return scene

"""Seconds that a lecture pack of ten figures takes, from a closed browser and from an open one.

python -m tests.benchmarks.pack
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import torch

from fedrot_core.config import FederationConfig
from fedrot_core.export.lecture.outlines import run_outline
from fedrot_core.export.lecture.pack import build
from fedrot_core.export.picture.browser import chrome_path
from fedrot_core.federation import Federation

FIGURES = 10
REPEATS = 3


def main() -> None:
    torch.set_num_threads(1)
    outline = run_outline(Federation(FederationConfig()).run())
    drawn = [slide for slide in outline.slides if slide.picture is not None]
    more = [
        replace(slide, picture=replace(slide.picture, name=f"{slide.picture.name}_{n}"))
        for n in range(2)
        for slide in drawn
        if slide.picture is not None
    ]
    ten = replace(outline, slides=(outline.slides[0], *more[:FIGURES], outline.slides[-1]))
    for static in (True, False) if chrome_path() else (False,):
        times = []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            content = build(ten, static=static)
            times.append(time.perf_counter() - begin)
        kinds = "all formats" if static else "HTML, CSV and JSON only"
        print(
            f"{FIGURES} figures, {kinds}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: first "
            f"{times[0]:.1f} s, then {min(times[1:]):.1f} s; {len(content) / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()

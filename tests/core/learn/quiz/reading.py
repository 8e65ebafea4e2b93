"""Reads a question as a person does: numbers in its prose, matrices below it, values of its options."""

from __future__ import annotations

import re
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from fedrot_core.learn.lessons.glossary import unmarked
from fedrot_core.learn.quiz import Question

Array = NDArray[np.float64]

NUMBER = re.compile(r"−?\d+(?:\.\d+)?")
MATRIX = re.compile(r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}")
SHOWN = re.compile(r"(−?\d+(?:\.(\d+))?)\s*(%|B|kB|MB|GB)?")
UNITS = {None: 1.0, "%": 0.01, "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def numbers(q: Question) -> list[float]:
    """Every number of the question's prose, in order."""
    return [float(n.replace("−", "-")) for n in NUMBER.findall(unmarked(q.text))]


def matrices(q: Question) -> list[Array]:
    """Every matrix below the question, in order."""
    return [
        np.array([[float(x) for x in row.split("&")] for row in body.split(r"\\")])
        for line in q.given
        for body in MATRIX.findall(line)
    ]


def shows(option: str, value: float) -> bool:
    """Whether ``option`` is ``value``, rounded as the option is."""
    found = SHOWN.fullmatch(option)
    assert found, option
    text, decimals, unit = found.groups()
    size = abs(value) / UNITS[unit]
    third = 10.0 ** (floor(log10(size)) - 2) if size else 0.0  # the third digit that counts
    fixed = unit or len(decimals or "") == 2  # otherwise trailing zeros were dropped
    last = 10.0 ** -len(decimals or "") if fixed else 0.0
    return abs(float(text.replace("−", "-")) - value / UNITS[unit]) <= 0.5 * max(third, last) * (1 + 1e-6)

"""Oracles iterate generalised Procrustes to its end, so the code under test does too."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from fedrot_core.alignment import generalised_procrustes
from fedrot_core.methods import gpa
from fedrot_core.metrics import measured


@pytest.fixture(scope="package", autouse=True)
def settled_procrustes() -> Iterator[None]:
    """Replace the default tolerance, which stops as soon as nothing visible changes; here only, never in pages."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (measured, gpa):
            settled = functools.partial(generalised_procrustes, max_passes=100, tolerance=0.0)
            patch.setattr(module, "generalised_procrustes", settled)
        yield

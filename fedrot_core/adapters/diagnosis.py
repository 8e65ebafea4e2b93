"""Diagnose the adapters of several clients: what averaging them loses, layer by layer, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from fedrot_core.adapters.cohort import Cohort, cohort_of
from fedrot_core.adapters.layer_report import LADDER, SMALLEST, TURNED, LayerReport, Shared
from fedrot_core.adapters.layers import groups, measured
from fedrot_core.adapters.outliers import standings
from fedrot_core.adapters.read import Progress, Source, read_adapters
from fedrot_core.adapters.report import Report
from fedrot_core.adapters.verdict import verdict
from fedrot_core.compute import torch_threads
from fedrot_core.errors import Cancelled, adapter_rule

MOST_THREADS = 8


@dataclass(frozen=True)
class Diagnosis(Report):
    """What was found out about the adapters of several clients, and these.

    Attributes:
        cohort: the clients, their weights, the modules they share, and what was refused or left out.
    """

    cohort: Cohort


def diagnose(
    sources: Sequence[Source] | Source | Cohort,
    weights: Mapping[str, float] | None = None,
    reference: str | None = None,
    group: str = "SO",
    strength: float = 1.0,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    threads: int | None = None,
) -> Diagnosis:
    """Say layer by layer what averaging the adapters of several clients loses, and how much of it rotation removes.

    One group of modules a thread is in memory at a time, and no ``d_out x d_in`` product is formed.

    Args:
        sources: folders, zips or files with the clients' adapters, or what :func:`cohort` returned.
        weights: how much each client counts, by name; equal by default. A client of weight 0, for example the last
            global adapter, can still be the reference.
        reference: name of the client to which FedRot-LoRA aligns the others; the one that counts most by default.
        group: "SO" allows rotations only, "O" reflections too, when clients are aligned to the reference.
        strength: λ in [0, 1], how far clients are turned onto the reference.
        on_progress: called with how many modules are done, and of how many.
        should_stop: asked before each group of modules and before each file.
        threads: how many groups are measured at a time; as many as there are cores, and at most 8, by default. The
            numbers do not depend on it.

    Returns:
        The diagnosis. It knows the files only: how accurate any model is, no file says.

    Raises:
        AdapterError: if no client can be read, if there is no module that all adapt, or if an argument breaks a rule.
        Cancelled: if ``should_stop`` says so.

    Source: FedRot-LoRA (arXiv:2602.23638); Gower (1975); Eckart and Young (1936).

    Examples:
        Two clients that learned the same, each in a frame of its own:

        >>> import tempfile
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> rng = np.random.default_rng(0)
        >>> B, A = rng.normal(size=(32, 4)), rng.normal(size=(4, 24))
        >>> R = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, factors in {"hospital": (B, A), "clinic": (B @ R, R.T @ A)}.items():
        ...         fr.write_adapter(f"{folder}/{name}", {"layer": factors})
        ...     found = fr.diagnose(folder)
        >>> found.clients, round(found.totals["naive"], 2), found.totals["gpa"] < 1e-3, found.verdict.method
        (('clinic', 'hospital'), 0.76, True, 'gpa')
    """
    checked_turn(group, strength)
    found = sources if isinstance(sources, Cohort) else cohort(sources, weights, None, should_stop)
    client = found.index(reference) if reference is not None else int(found.weights.argmax())
    reports: dict[str, LayerReport] = {}

    def report(modules: Sequence[Shared]) -> list[LayerReport]:
        if should_stop is not None and should_stop():
            raise Cancelled("The diagnosis was stopped.")
        with torch_threads(1):
            return measured(found, modules, client, group, strength)

    with ThreadPoolExecutor(threads or min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for some in pool.map(report, groups(found)):
                reports.update({r.name: r for r in some})
                if on_progress is not None:
                    on_progress(len(reports), len(found.modules))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    layers = tuple(reports[module.name] for module in found.modules)
    totals = _pooled(layers)
    stand = standings(found.names, np.sum([layer.products for layer in layers], axis=0))
    return Diagnosis(
        found.names, tuple(found.weights.tolist()), found.names[client], layers, totals, stand,
        verdict(layers, totals, len(found.names), found.unmergeable), found.refused, found.left_out, found.notes, found,
    )  # fmt: skip


def cohort(
    sources: Sequence[Source] | Source,
    weights: Mapping[str, float] | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Cohort:
    """Read and check the adapters of several clients once, to diagnose, align and merge them.

    Args:
        sources: folders, zips or files with the clients' adapters.
        weights: how much each client counts, by name; equal by default.
        on_progress: called after each file.
        should_stop: asked before each file.

    Raises:
        AdapterError: if no client can be read, or if there is no module that all adapt.
        Cancelled: if ``should_stop`` says so.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("hospital", "clinic"):
        ...         fr.write_adapter(f"{folder}/{name}", {"layer": (np.ones((5, 2)), np.ones((2, 3)))})
        ...     found = fr.cohort(folder)
        >>> found.names, [module.name for module in found.modules], found.refused
        (('clinic', 'hospital'), ['layer'], ())
    """
    with torch_threads(1):  # small tensors: more threads would only wait for one another
        adapters, refused = read_adapters(sources, on_progress, should_stop)
    return cohort_of(adapters, refused, weights)


def checked_turn(group: str, strength: float) -> None:
    """Check how clients are turned onto a reference.

    Raises:
        AdapterError: if an argument breaks a rule.
    """
    if group not in ("SO", "O"):
        raise adapter_rule("group", "be SO or O", group, "Use SO.")
    if not isinstance(strength, (int, float)) or not 0 <= strength <= 1:
        raise adapter_rule("strength", "be in 0..1", strength, "Use 1 for a full turn.")


def _pooled(layers: Sequence[LayerReport]) -> dict[str, float]:
    """Each rung over all layers together: root of the summed squares, over that of the ideal updates."""
    whole = float(np.sqrt(sum(layer.size**2 for layer in layers)))
    rungs = [r for r in LADDER if r not in TURNED or any(r in layer.errors for layer in layers)]

    def pooled(rung: str) -> float:
        parts = (layer.size * layer.errors.get(rung, layer.errors["naive"]) for layer in layers)
        return float(np.sqrt(sum(part**2 for part in parts))) / whole if whole > 0 else 0.0

    return {rung: found if (found := pooled(rung)) > SMALLEST else 0.0 for rung in rungs}

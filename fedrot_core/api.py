"""The functions that a notebook needs: align clients, measure what averaging misses, run a federation, draw figures.

They take and return NumPy arrays where they can, and are thin wrappers around the rest of the package. The tests run
every example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from fedrot_core.alignment import align_to_reference, generalised_procrustes, rotation_angles
from fedrot_core.config import AlignmentConfig, FederationConfig
from fedrot_core.errors import rule
from fedrot_core.factors import Factors
from fedrot_core.federation import Federation
from fedrot_core.figures import FIGURES, View
from fedrot_core.metrics import measure
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.wording import counted

if TYPE_CHECKING:
    import plotly.graph_objects as go

Array = NDArray[np.float64]


def clients_of(pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> Factors:
    """Stack the clients' factors of one layer into the form that the other functions take.

    Args:
        pairs: one pair ``(B, A)`` for each client, of shapes (o, r) and (r, i). The client's update is ``B @ A``.

    Returns:
        Factors in float64 with A of shape (1, K, r, i) and B of shape (1, K, o, r), for one layer and K clients.

    Raises:
        ConfigError: if there is no client, if shapes do not match, or if a number is not finite.

    Examples:
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> clients = fr.clients_of([(np.ones((5, 2)), np.ones((2, 3)))] * 4)
        >>> tuple(clients.A.shape), tuple(clients.B.shape)
        ((1, 4, 2, 3), (1, 4, 5, 2))
    """
    what = "be at least one pair (B, A) of finite arrays with shapes (o, r) and (r, i), the same for all"
    try:
        found = [(np.asarray(B, dtype=np.float64), np.asarray(A, dtype=np.float64)) for B, A in pairs]
    except (TypeError, ValueError):
        raise rule("Clients", what, type(pairs).__name__, "Pass [(B, A), ...].") from None
    shapes = {(B.shape, A.shape) for B, A in found}
    fits = len(shapes) == 1 and all(B.ndim == A.ndim == 2 and B.shape[1] == A.shape[0] for B, A in found)
    if not fits or not all(np.isfinite(x).all() for pair in found for x in pair):
        raise rule("Clients", what, sorted(shapes), "Pass [(B, A), ...].")
    A, B = (torch.from_numpy(np.stack([pair[side] for pair in found])[None]) for side in (1, 0))
    return Factors(A, B)


@dataclass(frozen=True)
class Aligned:
    """Clients turned onto a common frame. No client's product ``B @ A`` has changed.

    Attributes:
        clients: the turned factors.
        rotations: (L, K, r, r), the matrix R that turned each client's ``(B, A)`` into ``(B R, Rᵀ A)``.
        degrees: (L, K), the largest eigen-angle of each R, in degrees.
    """

    clients: Factors
    rotations: Array
    degrees: Array


def align(
    clients: Factors, reference: Factors | None = None, weights: ArrayLike | None = None, side: str = "A",
    group: str = "SO", strength: float = 1.0,
) -> Aligned:  # fmt: skip
    """Turn every client onto a common frame by orthogonal Procrustes.

    Args:
        clients: the clients' factors, as returned by :func:`clients_of`.
        reference: the factors to align to, for example the last broadcast, made by :func:`clients_of` from one pair.
            None aligns the clients to one another (generalised Procrustes); ``side``, ``group`` and ``strength`` then
            have no effect.
        weights: (K,), how much each client counts where clients are aligned to one another; equal by default.
        side: the factor that is matched to the reference, "A" or "B".
        group: "SO" allows rotations only, "O" reflections too.
        strength: 0 leaves the clients as they are, 1 turns them fully.

    Returns:
        The turned clients, with the rotation and the angle of each.

    Raises:
        ConfigError: if an argument breaks a rule.

    Source: FedRot-LoRA (arXiv:2602.23638); Gower (1975).

    Examples:
        Two clients learned the same update, each in its own frame:

        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> rng = np.random.default_rng(0)
        >>> B, A = rng.normal(size=(32, 4)), rng.normal(size=(4, 24))
        >>> R = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        >>> clients = fr.clients_of([(B, A), (B @ R, R.T @ A)])
        >>> aligned = fr.align(clients)
        >>> before, after = (fr.error_ladder(c)["naive"] for c in (clients, aligned.clients))
        >>> round(before, 2), after < 1e-9
        (0.76, True)
    """
    w = _weights(clients, weights)
    if side not in ("A", "B"):
        raise rule("side", "be A or B", side, "Use A.")
    if group not in ("SO", "O"):
        raise rule("group", "be SO or O", group, "Use SO.")
    if not isinstance(strength, (int, float)) or not 0 <= strength <= 1:
        raise rule("strength", "be in 0..1", strength, "Use 1 for a full turn.")
    if reference is None:
        found = generalised_procrustes(clients, w)
    else:
        found = align_to_reference(clients, _one(reference, clients), side, group, strength)
    degrees = rotation_angles(found.R).abs().amax(-1)
    return Aligned(clients.turned(found.R), found.R.numpy(), degrees.numpy())


def error_ladder(
    clients: Factors, reference: Factors | None = None, weights: ArrayLike | None = None
) -> dict[str, float]:
    """Measure how far each way of averaging the clients' factors misses the ideal update ``Σ w_k B_k A_k``.

    Args:
        clients: the clients' factors, as returned by :func:`clients_of`.
        reference: factors to align to, as for :func:`align`; None leaves out the rungs that need them.
        weights: (K,), how much each client counts; equal by default.

    Returns:
        The error of each rung as a share of the ideal's norm, pooled over all layers. "naive" averages the factors as
        they are, "gpa" averages them after generalised Procrustes, which no other choice of turns beats by much, and
        "floor" is the smallest error that any factors of this rank can have (Eckart–Young). With a ``reference``,
        "align_A" and "align_B" average the factors after turning them onto it by A or by B, with the default settings
        of :class:`fedrot_core.config.AlignmentConfig`.

    Raises:
        ConfigError: if an argument breaks a rule.

    Examples:
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> B, A = np.ones((3, 1)), np.ones((1, 3))
        >>> {rung: round(share, 3) for rung, share in fr.error_ladder(fr.clients_of([(B, A), (-B, -A)])).items()}
        {'naive': 1.0, 'gpa': 0.0, 'floor': 0.0}
    """
    w = _weights(clients, weights)
    origin = Factors(torch.zeros_like(clients.A[:, 0]), torch.zeros_like(clients.B[:, 0]))
    found = measure(
        clients,
        origin if reference is None else _one(reference, clients),
        clients.mean(w),
        None,
        w,
        AlignmentConfig(),
        1,
        1.0,
    )
    shares = dict(zip(RUNGS, found.errors.ladder[:, -1].tolist(), strict=True))
    with_reference = ("align_A", "align_B") if reference is not None else ()
    return {rung: shares[rung] for rung in ("naive", *with_reference, "gpa", "floor")}


def run(config: FederationConfig | None = None, **values: Any) -> Trace:
    """Train one run. All its methods share the same seed, split and mini-batches.

    Args:
        config: the settings of the run; the defaults if left out.
        values: changes to ``config``, by the short names that links and flags use, for example ``rank=8``.

    Returns:
        The trace of the run: the records of every method and round.

    Raises:
        ConfigError: if a value breaks a rule.

    Examples:
        >>> import fedrot_core as fr
        >>> trace = fr.run(task="teacher", clients=4, rounds=2, steps=5, arms=("fedit", "fedrot"))
        >>> [card.label for card in trace.arms], trace.rounds_done
        (['FedIT (naive)', 'FedRot-LoRA'], 2)
    """
    if config is not None and not isinstance(config, FederationConfig):
        raise rule("run", "be given a FederationConfig or named values", config, "Write fr.run(rank=8, alpha=0.1).")
    return Federation((config or FederationConfig()).with_values(values)).run()


def figure(name: str, trace: Trace, mode: str = "light", **view: Any) -> go.Figure:
    """Draw one of the lab's figures of a run.

    Args:
        name: a key of :data:`fedrot_core.figures.FIGURES`.
        trace: the run to draw, as returned by :func:`run`.
        mode: "light" or "dark".
        view: what to select, as fields of :class:`fedrot_core.figures.View`. By default the figure shows the last
            round, and FedRot-LoRA if the run has it, otherwise the run's first method.

    Raises:
        ConfigError: if the name is unknown, or if the run does not hold what is selected.

    Examples:
        >>> import fedrot_core as fr
        >>> trace = fr.run(task="teacher", clients=4, rounds=2, steps=5)
        >>> fr.figure("learning", trace).layout.title.text.startswith("Round 1")
        True
    """
    if not isinstance(trace, Trace):
        raise rule("figure", "be given a name and a trace", type(trace).__name__, "Call fr.figure(name, fr.run()).")
    if mode not in ("light", "dark"):
        raise rule("mode", "be light or dark", mode, "Use light.")
    names = [card.name for card in trace.arms]
    known = {f.name for f in fields(View)} - {"mode"}
    for key, value in view.items():
        if key not in known:
            raise rule("A view's field", f"be one of {', '.join(sorted(known))}", key, "Use round_index, for example.")
        if key == "arm" and value not in names:
            raise rule("arm", f"be one of {', '.join(names)}", value, "Name a method of the run.")
        ends = {
            "round_index": trace.rounds_done,
            "client": len(trace.task.sample_counts),
            "layer": len(trace.task.layers),
            "feature": 6,
        }
        if key in ends and value not in range(ends[key]):
            raise rule(key, f"be in 0..{ends[key] - 1}", value, "Use 0, for example.")
    usual = View("fedrot" if "fedrot" in names else names[0], trace.rounds_done - 1, mode=mode)
    return FIGURES[name].draw(trace, replace(usual, **view))


def _one(reference: Factors, clients: Factors) -> Factors:
    """The reference as one pair of factors per layer, (L, r, i), (L, o, r), if its shape fits the clients'."""
    if isinstance(reference, Factors) and reference.A.ndim == 4 and reference.A.shape[1] == 1:
        reference = Factors(reference.A[:, 0], reference.B[:, 0])
    wanted = clients.A[:, 0].shape, clients.B[:, 0].shape
    if not isinstance(reference, Factors) or (reference.A.shape, reference.B.shape) != wanted:
        got = (tuple(reference.A.shape), tuple(reference.B.shape)) if isinstance(reference, Factors) else reference
        what = f"hold A and B of shapes {tuple(wanted[0])} and {tuple(wanted[1])}"
        raise rule("The reference", what, got, "Pass fr.clients_of([(B, A)]).")
    return reference


def _weights(clients: Factors, weights: ArrayLike | None) -> torch.Tensor:
    if not isinstance(clients, Factors) or clients.A.ndim != 4:
        raise rule(
            "Clients", "be factors, one pair per client", type(clients).__name__, "Pass fr.clients_of([(B, A), ...])."
        )
    K = clients.A.shape[1]
    try:
        w = np.full(K, 1.0) if weights is None else np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise rule("Weights", f"be {counted(K, 'number')}", weights, "Pass one for each client.") from None
    if w.shape != (K,) or not (w >= 0).all() or not 0 < w.sum() < np.inf:
        raise rule(
            "Weights",
            f"be {counted(K, 'number')}, none negative and not all zero",
            w.tolist(),
            "Pass one for each client.",
        )
    return torch.from_numpy(w / w.sum())

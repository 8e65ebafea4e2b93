"""What a notebook needs, in NumPy terms: turn clients onto one frame, measure what averaging misses, run, draw.

Each function is a thin door to the package behind it; its example runs in the tests.
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

if TYPE_CHECKING:
    import plotly.graph_objects as go

Array = NDArray[np.float64]


def clients_of(pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> Factors:
    """Clients' factors of one layer as the package takes them: A (1, K, r, i), B (1, K, o, r), float64.

    Args:
        pairs: ``(B, A)`` of each client, (o, r) and (r, i): its update is ``B @ A``.

    Raises:
        ConfigError: when there is no client, or shapes do not fit one another.

    Examples:
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> clients = fr.clients_of([(np.ones((5, 2)), np.ones((2, 3)))] * 4)
        >>> tuple(clients.A.shape), tuple(clients.B.shape)
        ((1, 4, 2, 3), (1, 4, 5, 2))
    """
    what = "be at least one pair (B, A) of finite numbers of shapes (o, r) and (r, i), the same for all"
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
    """Clients in one frame; none of their products has changed.

    Attributes:
        clients: their factors, turned.
        rotations: (L, K, r, r); a client's ``(B, A)`` became ``(B R, Rᵀ A)``.
        degrees: (L, K) each client's largest eigen-angle.
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
        clients: (L, K, r, i), (L, K, o, r), as of :func:`clients_of`.
        reference: such as the last broadcast, as of :func:`clients_of` with one pair; None aligns clients to one
            another (generalised Procrustes), for which ``side``, ``group`` and ``strength`` do not matter.
        weights: (K,), how much each counts; by default all the same.
        side: the factor that is matched to the reference, "A" or "B".
        group: "SO" for rotations, "O" for reflections too. strength: 0 leaves the clients as they are, 1 turns fully.

    Source: FedRot-LoRA (arXiv:2602.23638); Gower 1975.

    Examples:
        Two clients learned one and the same update, in frames of their own:

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
    if not 0 <= strength <= 1:
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
    """What of the ideal ``Σ w_k B_k A_k`` each way to average misses, as a share of its norm, all layers pooled.

    "naive": factors as they are; "gpa": after generalised Procrustes, which no turn beats by much; "floor": the best at
    this rank (Eckart–Young). With a ``reference`` also "align_A" and "align_B": turned onto it on either side.

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
    """Train one run, all its methods on the same seed, split and mini-batches.

    Args:
        config: the default one if left out; values: changes of it, by the names that links and flags use.

    Raises:
        ConfigError: when a value breaks a rule.

    Examples:
        >>> import fedrot_core as fr
        >>> trace = fr.run(task="teacher", clients=4, rounds=2, steps=5, arms=("fedit", "fedrot"))
        >>> [card.label for card in trace.arms], trace.rounds_done
        (['FedIT (naive)', 'FedRot-LoRA'], 2)
    """
    if config is not None and not isinstance(config, FederationConfig):
        raise rule("run", "get a FederationConfig or names with values", config, "Write fr.run(rank=8, alpha=0.1).")
    return Federation((config or FederationConfig()).with_values(values)).run()


def figure(name: str, trace: Trace, mode: str = "light", **view: Any) -> go.Figure:
    """Draw one of the lab's figures of a run.

    Args:
        name: of :data:`fedrot_core.figures.FIGURES`; mode: "light" or "dark".
        view: what is selected, fields of :class:`fedrot_core.figures.View`; by default the aligned arm's last round.

    Examples:
        >>> import fedrot_core as fr
        >>> trace = fr.run(task="teacher", clients=4, rounds=2, steps=5)
        >>> fr.figure("learning", trace).layout.title.text.startswith("Round 1")
        True
    """
    if not isinstance(trace, Trace):
        raise rule("figure", "get a name and a trace", type(trace).__name__, "Call fr.figure(name, fr.run()).")
    names = [card.name for card in trace.arms]
    known = {f.name for f in fields(View)} - {"mode"}
    for key, value in view.items():
        if key not in known:
            raise rule("A view", f"say one of {', '.join(sorted(known))}", key, "Use round_index, for example.")
        if key == "arm" and value not in names:
            raise rule("arm", f"be one of {', '.join(names)}", value, "Name a method of the run.")
        ends = {"client": len(trace.task.sample_counts), "layer": len(trace.task.layers), "feature": 6}
        if key in ends and value not in range(ends[key]):
            raise rule(key, f"be in 0..{ends[key] - 1}", value, "Use 0, for example.")
    usual = View("fedrot" if "fedrot" in names else names[0], trace.rounds_done - 1, mode=mode)
    return FIGURES[name].draw(trace, replace(usual, **view))


def _one(reference: Factors, clients: Factors) -> Factors:
    """A reference as one pair of factors a layer, (L, r, i), (L, o, r), that fits the clients."""
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
        raise rule("Clients", "be factors of clients", type(clients).__name__, "Pass fr.clients_of([(B, A), ...]).")
    K = clients.A.shape[1]
    try:
        w = np.full(K, 1.0) if weights is None else np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        w = np.zeros(0)
    if w.shape != (K,) or not (w >= 0).all() or not 0 < w.sum() < np.inf:
        raise rule(
            "Weights", f"be {K} numbers, none negative and not all zero", w.tolist(), "Pass one for each client."
        )
    return torch.from_numpy(w / w.sum())

"""What a notebook needs, in NumPy terms: turn clients onto one frame, measure what averaging misses, run, draw.

Each function is a thin door to the package behind it; its example runs in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    found = [(np.asarray(B, dtype=np.float64), np.asarray(A, dtype=np.float64)) for B, A in pairs]
    shapes = {(B.shape, A.shape) for B, A in found}
    fits = len(shapes) == 1 and all(B.ndim == A.ndim == 2 and B.shape[1] == A.shape[0] for B, A in found)
    if not fits:
        raise rule("Clients", "be at least one pair (B, A) of shapes (o, r) and (r, i), the same for all",
                   sorted(shapes), "Pass [(B, A), ...].")  # fmt: skip
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
        reference: (L, r, i), (L, o, r), such as the last broadcast; None aligns clients to one another (generalised
            Procrustes), for which ``side`` and ``strength`` do not matter.
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
    if reference is None:
        found = generalised_procrustes(clients, w)
    else:
        found = align_to_reference(clients, reference, side, group, strength)
    degrees = rotation_angles(found.R).abs().amax(-1)
    return Aligned(clients.turned(found.R), found.R.numpy(), degrees.numpy())


def error_ladder(
    clients: Factors, reference: Factors | None = None, weights: ArrayLike | None = None
) -> dict[str, float]:
    """What of the ideal ``Σ w_k B_k A_k`` each way to average misses, as a share of its norm, all layers pooled.

    "naive": factors as they are; "gpa": after generalised Procrustes, which no turn beats by much; "floor": the best at
    this rank (Eckart–Young). With a ``reference`` also "ref_A" and "ref_B": turned onto it on either side.

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
        clients, origin if reference is None else reference, clients.mean(w), None, w, AlignmentConfig(), 1, 1.0
    )
    shares = dict(zip(RUNGS, found.errors.ladder[:, -1].tolist(), strict=True))
    with_reference = ("ref_A", "ref_B") if reference is not None else ()
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
    names = [card.name for card in trace.arms]
    usual = View("fedrot" if "fedrot" in names else names[0], trace.rounds_done - 1, mode=mode)
    return FIGURES[name].draw(trace, replace(usual, **view))


def _weights(clients: Factors, weights: ArrayLike | None) -> torch.Tensor:
    K = clients.A.shape[1]
    w = np.full(K, 1.0) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (K,) or not (w >= 0).all() or not 0 < w.sum() < np.inf:
        raise rule(
            "Weights", f"be {K} numbers, none negative and not all zero", w.tolist(), "Pass one for each client."
        )
    return torch.from_numpy(w / w.sum())

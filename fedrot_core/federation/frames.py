"""The frames in which clients' factors reach the server. No choice of frame changes any client's ``B_k A_k``."""

from __future__ import annotations

import torch

from fedrot_core.alignment import planted_rotations
from fedrot_core.config import FederationConfig
from fedrot_core.factors import BROADCAST_STEP, Factors, on_grid, refactorised
from fedrot_core.rng import stream


def as_sent(trained: Factors, config: FederationConfig, round_index: int) -> Factors:
    """Put trained factors into the frames that ``config.frames`` asks for.

    "trained" and "independent" send the factors as they are (independent starts are drawn by :func:`initial_A`).
    "svd" re-factorises each client's product, with a random sign for each direction, since the signs of an SVD are
    arbitrary. "turned" turns two halves of the clients apart, in planes that are drawn anew for each layer and round.

    Args:
        trained: (..., L, K, r, i) and (..., L, K, o, r). Leading axes stand for arms; a client is turned alike in all.
        config: the config of the run.
        round_index: the round, for which random numbers are drawn.
    """
    L, K, r = trained.A.shape[-4:-1]
    rng = stream(config.seed, "frames", round_index)
    if config.frames.kind == "svd":
        sent = refactorised(trained)
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], size=(L, K, r)))
        return Factors(signs.unsqueeze(-1) * sent.A, sent.B * signs.unsqueeze(-2))
    if config.frames.kind == "turned":
        return trained.turned(torch.stack([planted_rotations(rng, K, r, config.frames.angle) for _ in range(L)]))
    return trained


def initial_A(config: FederationConfig, d_ins: tuple[int, ...], clients: int, name: str = "init") -> torch.Tensor:
    """Draw the A from which every client starts, uniform in ``±1/√d_in`` and zero beyond each layer's width.

    All clients share one draw, except under "independent" frames, where each client has its own. B starts at 0, so
    the first update starts at 0 either way. The values are on the grid of broadcasts.

    Args:
        config: the config of the run.
        d_ins: input width of each layer.
        clients: number of clients.
        name: name of the random stream.

    Returns:
        (L, K, r, max d_in).
    """
    r, width = config.lora.rank, max(d_ins)
    own = config.frames.kind == "independent"
    out = torch.zeros(len(d_ins), clients, r, width, dtype=torch.float64)
    for layer, d in enumerate(d_ins):
        for k in range(clients if own else 1):
            draw = stream(config.seed, name, layer, k).uniform(-1.0, 1.0, size=(r, d)) / d**0.5
            out[layer, k if own else slice(None), :, :d] = torch.from_numpy(draw)
    return on_grid(out, BROADCAST_STEP)

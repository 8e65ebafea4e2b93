"""What to know where rank 1 is chosen: its rotations change nothing."""

from __future__ import annotations

from fedrot_core.config import FederationConfig


def at_rank_one(config: FederationConfig) -> str:
    """A sentence for configs in which FedRot-LoRA can turn nothing; empty for all others."""
    if config.lora.rank > 1 or config.align.group != "SO":
        return ""
    return (
        "At rank 1 the only rotation, SO(1), is the identity, so FedRot-LoRA changes nothing. Where mirrors "
        "are allowed too, O(r), it can change a sign."
    )

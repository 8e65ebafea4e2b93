"""Writes the first paint's trace: ``python -m app.precompute``. Run it when engine or default config change."""

import torch

from app.runner import PRECOMPUTED
from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation

if __name__ == "__main__":
    torch.set_num_threads(1)
    trace = Federation(FederationConfig()).run()
    with PRECOMPUTED.open("wb") as file:
        trace.save(file)
    print(f"{PRECOMPUTED.name}: {trace.rounds_done} rounds, checksum {trace.checksum}")

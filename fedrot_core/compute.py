"""Where a run is trained, and in which precision."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from fedrot_core.errors import rule

DTYPES = {"float64": torch.float64, "float32": torch.float32}
WITHOUT_FLOAT64 = ("mps",)
"""Device types whose hardware computes in float32 only."""


@dataclass(frozen=True)
class Compute:
    """Device and number type of a run's training and scoring. Aggregation and metrics are float64 on the host always.

    In float64 two machines agree to about ten digits, since training amplifies rounding that starts at 1e-16; in
    float32 it starts at 1e-7, and after some hundred local steps only the first digits of a run agree.
    """

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The number type by its name in the config."""
        return next(name for name, dtype in DTYPES.items() if dtype == self.dtype)


CPU = Compute(torch.device("cpu"), torch.float64)
"""What every machine has; small worked examples run here."""


def pick_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Resolve "auto", and refuse what this machine lacks.

    Device "auto" takes CUDA, then the CPU, and Apple's MPS, which has no float64, only where float32 is asked for.
    Precision "auto" is float64 wherever the device has it.

    Raises:
        ConfigError: when the device is not available, or lacks the precision.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        able = [d for d, ok in available.items() if ok and (precision == "float32" or d not in WITHOUT_FLOAT64)]
        device = able[0]
    elif not available[device]:
        have = ", ".join(sorted(d for d, ok in available.items() if ok))
        raise rule("Device", f"be one this machine has ({have})", device, "Choose auto.", "device")
    if device in WITHOUT_FLOAT64 and precision == "float64":
        raise rule("Precision", f"be float32 on {device}, which has no float64", precision, "Choose auto.", "precision")
    return Compute(torch.device(device), DTYPES[resolved_precision(device, precision)])


def resolved_precision(device: str, precision: str) -> str:
    """What ``precision`` comes to on a device type."""
    if precision != "auto":
        return precision
    return "float32" if device in WITHOUT_FLOAT64 else "float64"


def made_with(compute: Compute) -> dict[str, str]:
    """What decides the last bits of a run's numbers beside config and engine: versions, processor, torch's threads."""
    device = compute.device
    found = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(torch.get_num_threads()),
    }
    return found | ({"accelerator": torch.cuda.get_device_name(device)} if device.type == "cuda" else {})


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """``count`` torch threads inside: how sums are split among threads decides their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

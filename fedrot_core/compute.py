"""The device on which a run is trained, and its number type."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from fedrot_core.errors import Exhausted, rule

DTYPES = {"float64": torch.float64, "float32": torch.float32}
WITHOUT_FLOAT64 = ("mps",)
"""Types of device that have no float64."""


@dataclass(frozen=True)
class Compute:
    """Device and number type of a run's training and scoring. Aggregation and metrics always use float64 on the host.

    Training amplifies rounding errors. In float64 they start at 1e-16, and two machines agree to about ten digits. In
    float32 they start at 1e-7, and after some hundred local steps only the first digits of a run agree.
    """

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The name of the number type, as in the config."""
        return next(name for name, dtype in DTYPES.items() if dtype == self.dtype)


NO_MEMORY = "can't allocate memory"
"""What torch says where a CPU's memory runs out; it has no class of error for that."""

CPU = Compute(torch.device("cpu"), torch.float64)
"""The device that every machine has. Small worked examples run on it."""


def pick_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Resolve "auto", and refuse what this machine does not have.

    Args:
        device: type of device. "auto" takes CUDA if there is one, otherwise the CPU; Apple's MPS, which has no float64,
            comes before the CPU if float32 is asked for.
        precision: number type. "auto" takes float64 if the device has it.

    Raises:
        ConfigError: if the device is not available, or does not have the precision.
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
    """The number type that ``precision`` stands for on a type of device."""
    if precision != "auto":
        return precision
    return "float32" if device in WITHOUT_FLOAT64 else "float64"


def made_with(compute: Compute) -> dict[str, str]:
    """What else decides the last bits of a run's numbers: versions, processor and number of torch's threads."""
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
    """Context in which torch uses ``count`` threads. How a sum is split among threads decides its last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def memory_told(compute: Compute) -> Iterator[None]:
    """Turn what torch raises where memory runs out into words.

    Raises:
        Exhausted: if it did.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        short = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or NO_MEMORY in str(error)
        if not short:
            raise
        remedy = "fewer clients, methods or a smaller rank"
        instead = "Choose the CPU as the device, or " if compute.device.type != "cpu" else "Choose "
        raise Exhausted(
            f"A run must fit into the memory of its device; on {compute.device.type.upper()} it did not. "
            f"{instead}{remedy}, or try again when fewer runs are under way."
        ) from error

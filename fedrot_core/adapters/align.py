"""Write each client's adapter again in a common frame: the same update, in factors that can be averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from fedrot_core.adapters.adapter import Adapter
from fedrot_core.adapters.cohort import Cohort
from fedrot_core.adapters.combine import Way, turns
from fedrot_core.adapters.gather import can_turn, checked_way, combinable, gathered, only_products
from fedrot_core.adapters.plain import averaged
from fedrot_core.adapters.read import Progress, Source
from fedrot_core.adapters.trees import Refused
from fedrot_core.adapters.unlike import extras_left_out, refusals
from fedrot_core.adapters.write import Written, adapter_files, write_files
from fedrot_core.alignment import rotation_angles
from fedrot_core.errors import Cancelled


@dataclass(frozen=True)
class AlignedAdapter:
    """A client's adapter in the common frame. No product ``B A`` has changed.

    Attributes:
        client: the client's name.
        degrees: the largest angle by which each module was turned; of stacked experts, the one that turns most.
        kept: modules that are as they were, since not all clients have them in the same form.
        left_out: tensors that are not written, and why.
    """

    client: str
    degrees: Mapping[str, float]
    kept: tuple[str, ...]
    left_out: tuple[Refused, ...]
    _adapter: Adapter
    _turns: Mapping[str, Tensor]

    def files(self) -> dict[str, bytes]:
        """The files of the adapter, by name; factors are read again for it, one module at a time."""
        gone = extras_left_out([self._adapter])
        names = [name for name in self._adapter.extras if name not in gone]
        return adapter_files(self._written(), averaged([self._adapter], [1.0], names))

    def save(self, folder: str | Path) -> None:
        """Write the files into a folder, which is made if it is not there.

        Raises:
            AdapterError: if the folder holds an adapter already.
            OSError: if it cannot be written.
        """
        write_files(folder, self.files())

    def _written(self) -> Iterator[Written]:
        for name, module in self._adapter.modules.items():
            factors = module.factors()
            if name in self._turns:
                factors = factors.turned(self._turns[name])
            yield Written(name, module.kind, factors, module.scale, module.window)


def align_adapters(
    sources: Sequence[Source] | Source | Cohort,
    reference: str | None = None,
    side: str = "A",
    group: str = "SO",
    strength: float = 1.0,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[AlignedAdapter]:
    """Turn the adapters of several clients onto a common frame, without changing what any of them does.

    Args:
        sources: folders, zips or files with the clients' adapters, or what :func:`cohort` returned.
        reference: name of the client to which the others are turned; None turns all onto one another (generalised
            Procrustes, by the cohort's weights), and ``side``, ``group`` and ``strength`` then have no effect.
        side: the factor that is matched to the reference, "A" or "B".
        group: "SO" allows rotations only, "O" reflections too.
        strength: λ in [0, 1], how far clients are turned onto the reference.
        on_progress: called with how many modules are done, and of how many.
        should_stop: asked before each module and before each file.

    Yields:
        Each client's adapter, in the order of the clients.

    Raises:
        AdapterError: if an argument breaks a rule, if no client can be read, if ranks differ, or if a client's update
            is more than ``B A``.
        Cancelled: if ``should_stop`` says so.

    Source: FedRot-LoRA (arXiv:2602.23638); Gower (1975).

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> rng = np.random.default_rng(0)
        >>> B, A = rng.normal(size=(32, 4)), rng.normal(size=(4, 24))
        >>> R = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, factors in {"hospital": (B, A), "clinic": (B @ R, R.T @ A)}.items():
        ...         fr.write_adapter(f"{folder}/in/{name}", {"layer": factors})
        ...     for client in fr.align_adapters(f"{folder}/in"):
        ...         client.save(f"{folder}/out/{client.client}")
        ...     before, after = (fr.diagnose(f"{folder}/{where}").totals["naive"] for where in ("in", "out"))
        >>> round(before, 2), after < 1e-3
        (0.76, True)
    """
    checked_way(side, group, strength)
    found = gathered(sources, None, should_stop)
    client = found.index(reference) if reference is not None else 0
    way = Way("gpa" if reference is None else "fedrot", client, side, group, strength)
    only_products(found.adapters)
    modules, _ = combinable(found, found.adapters)
    can_turn(modules)
    turned: dict[str, Tensor] = {}
    for count, module in enumerate(modules):
        if should_stop is not None and should_stop():
            raise Cancelled("Aligning was stopped.")
        turned[module.name] = turns(found.factors(module), found.weights, way).R  # (E, K, r, r)
        if on_progress is not None:
            on_progress(count + 1, len(modules))
    for k, adapter in enumerate(found.adapters):
        own = {name: R[:, k] for name, R in turned.items()}
        degrees = {name: float(rotation_angles(R).abs().amax()) for name, R in own.items()}
        kept = tuple(name for name in adapter.modules if name not in own)
        left_out = (*adapter.refused, *refusals(extras_left_out([adapter])))
        yield AlignedAdapter(adapter.name, degrees, kept, left_out, adapter, own)

"""Real handwritten digits (scikit-learn, 1,797 images of 8 x 8 pixels) and a small pretrained MLP.

The network is pretrained on the first few classes and then frozen. Federated LoRA on all of its linear layers must
learn all ten classes. The split into training and test images and the frozen network do not depend on the run's seed,
so every run adapts the same model.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fedrot_core import partition
from fedrot_core.compute import Compute, torch_threads
from fedrot_core.config import FederationConfig, option
from fedrot_core.errors import rule
from fedrot_core.factors import Factors, LayerSpec
from fedrot_core.rng import stream
from fedrot_core.workloads.base import POOLED, RowGroup, Task, register
from fedrot_core.workloads.mlp import FrozenMlp, MlpBatch, MlpProgram
from fedrot_core.workloads.sampled import SampledConfig

CLASSES = 10
SIDE = 8
"""Width and height of an image in pixels."""

TEST_SHARE = 0.25
PRETRAIN_STEPS = 150


@lru_cache(maxsize=1)
def _data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train images (1347, 64) in [0, 1], float64, and labels, test images (450, 64) and labels."""
    from sklearn.datasets import load_digits  # here, since it takes as long to load as torch: a server whose
    from sklearn.model_selection import train_test_split  # processes train never needs it

    images, labels = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images / 16, labels.astype(np.int64), test_size=TEST_SHARE, random_state=0, stratify=labels
    )
    return torch.from_numpy(x_train), torch.from_numpy(y_train), torch.from_numpy(x_test), torch.from_numpy(y_test)


@lru_cache(maxsize=16)
def pretrained(known_classes: int, hidden: int) -> FrozenMlp:
    """An MLP of widths 64-hidden-hidden-10, trained full-batch on the first ``known_classes`` digits, then frozen."""
    x, y, _, _ = _data()
    mask = y < known_classes
    x, y = x[mask], y[mask]
    rng = stream(0, "pretrain", known_classes, hidden)
    widths = [x.shape[1], hidden, hidden, CLASSES]
    params: list[Tensor] = []
    for i, o in itertools.pairwise(widths):
        params.append(torch.from_numpy(rng.standard_normal((o, i)) * (2 / i) ** 0.5))
        params.append(torch.zeros(o, dtype=torch.float64))
    for p in params:
        p.requires_grad_()
    adam = torch.optim.Adam(params, lr=0.01)
    with torch.enable_grad(), torch_threads(1):  # so that the network does not depend on who asked for it first
        for _ in range(PRETRAIN_STEPS):
            h = F.linear(x, params[0], params[1]).relu()
            h = F.linear(h, params[2], params[3]).relu()
            loss = F.cross_entropy(F.linear(h, params[4], params[5]), y)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    frozen = [p.detach() for p in params]
    return FrozenMlp(tuple(frozen[0::2]), tuple(frozen[1::2]))


@lru_cache(maxsize=4)
def _data_on(compute: Compute) -> tuple[Tensor, ...]:
    """:func:`_data` where and as ``compute`` says, once for all tasks."""
    x_train, y_train, x_test, y_test = _data()
    device, dtype = compute.device, compute.dtype
    return x_train.to(device, dtype), y_train.to(device), x_test.to(device, dtype), y_test.to(device)


@lru_cache(maxsize=16)
def _pretrained_on(known_classes: int, hidden: int, compute: Compute) -> FrozenMlp:
    """:func:`pretrained` as ``compute`` says, the same object for all tasks: rows on one network share its products."""
    return pretrained(known_classes, hidden).to(compute)


@dataclass(frozen=True)
class DigitsConfig(SampledConfig):
    """The digits: how the samples are split, and the frozen network that is adapted."""

    score = "accuracy"

    known_classes: int = option(
        5,
        "known",
        "Classes known before",
        "The frozen network was pretrained on this many digit classes; the federation must learn all ten.",
        unit="classes",
        low=2,
        high=10,
        step=1,
    )
    hidden: int = option(
        64,
        "width",
        "Layer width",
        "Width of the frozen network's hidden layers.",
        unit="units",
        low=16,
        high=128,
        step=16,
    )

    def held(self, config: FederationConfig) -> int:
        inputs, rank = SIDE * SIDE + 2 * self.hidden, config.lora.rank
        outputs = 2 * self.hidden + CLASSES
        return self.batch_size * (inputs + outputs + 4 * rank) + 8 * rank * (inputs + outputs)

    def check(self, config: FederationConfig) -> None:
        if config.lora.rank > self.hidden:
            raise rule(
                "Rank r",
                f"be in 1..{self.hidden} (= layer width)",
                config.lora.rank,
                "Lower the rank or widen the layer.",
                "rank",
            )


@register(
    "digits", "Handwritten digits (real data)", "real images and a small frozen network, scored by accuracy.",
    DigitsConfig,
)  # fmt: skip
class Digits(Task):
    """Classify all ten digits by adapting a network that was pretrained on some of them."""

    class_name = "digit"
    score_name = "test accuracy"
    loss_name = "test loss"

    def __init__(self, config: FederationConfig, compute: Compute) -> None:
        assert isinstance(config.task, DigitsConfig)
        self.config, self.settings = config, config.task
        self.train_x, self.train_y, self.test_x, self.test_y = _data_on(compute)
        self.base = _pretrained_on(self.settings.known_classes, self.settings.hidden, compute)
        labels = _data()[1].numpy()
        self.parts = self.settings.deal(labels, config)
        self.sample_counts = np.array([len(p) for p in self.parts])
        self.class_counts = partition.class_counts(labels, self.parts, CLASSES)
        self.layers = tuple(
            LayerSpec(f"layer {n + 1}", W.shape[1], W.shape[0]) for n, W in enumerate(self.base.weights)
        )
        h = self.settings.hidden
        self.summary = (
            f"MLP 64–{h}–{h}–10 pretrained on digits 0–{self.settings.known_classes - 1}, {len(labels)} training and "
            f"{len(self.test_y)} test images. A small model, not an LLM."
        )
        self.inputs = tuple(f"pixel row {n // SIDE}, col {n % SIDE}" for n in range(SIDE * SIDE))

    def program(self, rows: int) -> MlpProgram:
        lora, b = self.config.lora, self.settings.batch_size
        return MlpProgram(self.base, self.train_x, self.train_y, rows, b, lora.rank, lora.scaling)

    def batch(self, round_index: int, groups: Sequence[RowGroup]) -> MlpBatch:
        steps, b = self.config.train.local_steps, self.settings.batch_size
        pools = dict(enumerate(self.parts)) | {POOLED: np.arange(len(self.train_y))}
        rows = [k for group in groups for k in group.clients]
        drawn = {
            k: pools[k][stream(self.config.seed, "batches", round_index, k).integers(len(pools[k]), size=(steps, b))]
            for k in set(rows)
        }
        index = torch.from_numpy(np.stack([drawn[k] for k in rows], axis=1))
        return MlpBatch(index, tuple((len(group.clients), self._adapted(group.base)) for group in groups))

    def evaluate(self, adapters: Factors, base: Tensor | None = None) -> tuple[Tensor, Tensor]:
        like = self.test_x
        per_layer = [
            Factors(adapters.A[n, :, :, : s.d_in].to(like), adapters.B[n, :, : s.d_out, :].to(like))
            for n, s in enumerate(self.layers)
        ]
        logits = self._adapted(base).logits(self.test_x, per_layer, self.config.lora.scaling)
        target = self.test_y.expand(logits.shape[0], -1)
        loss = F.cross_entropy(logits.movedim(-1, 1), target, reduction="none").mean(-1)
        accuracy = (logits.argmax(-1) == target).double().mean(-1)
        return loss.double().cpu(), accuracy.cpu()

    def _adapted(self, base: Tensor | None) -> FrozenMlp:
        """The frozen network with ``base`` merged into its weights."""
        if base is None:
            return self.base
        shifts = [self.config.lora.scaling * base[n, : s.d_out, : s.d_in] for n, s in enumerate(self.layers)]
        weights = [W + shift.to(W) for W, shift in zip(self.base.weights, shifts, strict=True)]
        return FrozenMlp(tuple(weights), self.base.biases)

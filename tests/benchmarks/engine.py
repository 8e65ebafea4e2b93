"""Our batched engine against a per-client Python loop (modules, autograd, torch's Adam) and the bare matrix products.

All three run the same shapes in one process on one thread, in float64 and in float32, interleaved, and the medians'
ratios are printed:

    python -m tests.benchmarks.engine
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedrot_core.compute import DTYPES, pick_compute
from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine
from fedrot_core.workloads import RowGroup, build_task
from fedrot_core.workloads.digits import Digits

STEPS = 20


class LoraLinear(nn.Module):
    """A frozen linear layer with a trainable adapter, as anyone would write it."""

    def __init__(self, weight: Tensor, bias: Tensor, rank: int, scaling: float) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.A = nn.Parameter(torch.rand(rank, weight.shape[1], dtype=weight.dtype) / weight.shape[1] ** 0.5)
        self.B = nn.Parameter(torch.zeros(weight.shape[0], rank, dtype=weight.dtype))
        self.scaling = scaling

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias) + self.scaling * (x @ self.A.mT) @ self.B.mT


def contenders(clients: int, precision: str) -> dict[str, Callable[[], None]]:
    """The three ways to run one round of ``STEPS`` local steps."""
    config = FederationConfig().with_values({"clients": clients, "min": 1})
    compute = pick_compute("cpu", precision)
    task = build_task(config, compute)
    assert isinstance(task, Digits)
    program = task.program(clients)
    engine = Engine(task.layers, clients, config.lora.rank, "adam", 0.01, compute)
    for p in engine.params.layers:
        p.A.uniform_(-0.1, 0.1)
    program.start_round([task.batch(0, [RowGroup(tuple(range(clients)))])])
    batches = program.batches.view(STEPS, clients, -1)

    models, optimizers = [], []
    for _ in range(clients):
        layers: list[nn.Module] = []
        for n, (W, b) in enumerate(zip(task.base.weights, task.base.biases, strict=True)):
            layers += [LoraLinear(W, b, config.lora.rank, config.lora.scaling)]
            layers += [nn.ReLU()] if n < len(task.base.weights) - 1 else []
        model = nn.Sequential(*layers)
        models.append(model)
        optimizers.append(torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01))

    def loop() -> None:
        for k in range(clients):
            for step in range(STEPS):
                index = batches[step, k]
                optimizers[k].zero_grad()
                F.cross_entropy(models[k](task.train_x[index]), task.train_y[index]).backward()  # type: ignore[no-untyped-call]
                optimizers[k].step()

    def ours() -> None:
        engine.train(program, STEPS)

    acts = [torch.rand_like(a) for a in program.acts]
    backs = [torch.rand_like(a) for a in program.back]
    params = engine.params.layers
    act_rows = [a.view(clients, -1, a.shape[-1]) for a in acts]
    back_rows = [b.view(clients, -1, b.shape[-1]) for b in backs]
    spare = engine.grads.layers
    rest = range(1, len(params))

    def products() -> None:
        """Every product of a plain forward and backward pass, into ready buffers, and nothing else."""
        for _ in range(STEPS):
            for n, p in enumerate(params):
                torch.mm(acts[n], task.base.weights[n].mT, out=acts[n + 1])
                torch.bmm(act_rows[n], p.A.mT, out=program.down[n])
                torch.bmm(program.down[n], p.B.mT, out=act_rows[n + 1])
            for n, p in enumerate(params):
                torch.bmm(back_rows[n].mT, program.down[n], out=spare[n].B)
                torch.bmm(back_rows[n], p.B, out=program.low)
                torch.bmm(program.low.mT, act_rows[n], out=spare[n].A)
            for n in rest:
                torch.mm(backs[n], task.base.weights[n], out=backs[n - 1])
                torch.bmm(program.low, params[n].A, out=back_rows[n - 1])

    return {"loop": loop, "ours": ours, "products": products}


def main() -> None:
    torch.set_num_threads(1)
    for clients in (10, 100):
        ways = {(precision, name): run for precision in DTYPES for name, run in contenders(clients, precision).items()}
        times: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
        for repeat in range(8 if clients == 10 else 5):
            for way, run in ways.items():
                begin = time.perf_counter()
                run()
                if repeat:
                    times[way].append(time.perf_counter() - begin)
        mid = {way: 1000 * statistics.median(t) for way, t in times.items()}
        for precision in DTYPES:
            loop, ours, products = (mid[precision, name] for name in ("loop", "ours", "products"))
            print(
                f"{clients:4d} clients, {precision}, {STEPS} steps, 1 thread: loop {loop:.1f} ms, ours {ours:.1f} ms, "
                f"bare products {products:.1f} ms | loop / ours = {loop / ours:.1f}, "
                f"ours / products = {ours / products:.2f}"
            )
        print(f"{clients:4d} clients: ours, float64 / float32 = {mid['float64', 'ours'] / mid['float32', 'ours']:.2f}")


if __name__ == "__main__":
    main()

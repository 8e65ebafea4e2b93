"""A diagnosis at the size of a real model, beside the plain way that forms what it needs.

    python -m tests.benchmarks.adapters
    python -m tests.benchmarks.adapters --layers 32 --modules all
    python -m tests.benchmarks.adapters --growth growth.html

Ten clients' adapters of Llama-3-8B's shapes are written to disk, trained-like: all saw the same update with noise of
their own, each through a random A of its own. Ours reads the files and measures the full ladder, rotations and angles
of all layers. The plain way does the same of one layer of each shape, without reading, by dense products and a dense
SVD, and is counted for all layers. Each runs in a process of its own, so that peak memory is its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fedrot_core as fr
from fedrot_core.adapters.write import Extra, Written, adapter_files, write_files
from fedrot_core.factors import Factors
from fedrot_core.figures.kit.theme import HUES, base_figure
from tests import ROOT

SHAPES = {
    "q_proj": (4096, 4096), "k_proj": (1024, 4096), "v_proj": (1024, 4096), "o_proj": (4096, 4096),
    "gate_proj": (14336, 4096), "up_proj": (14336, 4096), "down_proj": (4096, 14336),
}  # fmt: skip
"""Module -> d_out and d_in of Llama-3-8B."""

FEW = ("q_proj", "v_proj")


def write(folder: Path, clients: int, layers: int, modules: tuple[str, ...], rank: int) -> None:
    """The clients' adapters."""
    import torch

    rng = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float32)

    for k in range(clients):
        written = []
        for n in range(layers):
            for name in modules:
                d_out, d_in = SHAPES[name]
                own = torch.Generator().manual_seed(hash((n, name)) % 2**31)
                U = torch.randn(d_out, rank, generator=own)
                V = torch.randn(rank, d_in, generator=own) / d_in**0.5
                A = normal(rank, d_in) / d_in**0.5
                B = U @ (V @ A.T) @ torch.linalg.inv(A @ A.T) + 0.3 * normal(d_out, rank)
                written.append(Written(f"model.layers.{n}.{name}", "linear", Factors(A[None], B[None]), 2.0))
        write_files(folder / f"client {k}", adapter_files(written, Extra()))


def ours(folder: Path) -> None:
    """Everything, from the files."""
    import torch

    torch.set_num_threads(2)
    begin = time.perf_counter()
    found = fr.diagnose(folder)
    report(time.perf_counter() - begin)
    print(found.verdict.sentence, file=sys.stderr)


def plain(folder: Path, modules: tuple[str, ...]) -> None:
    """One layer of each shape by dense products, with the same rungs; GPA by as many plain passes as it takes."""
    import torch

    torch.set_num_threads(2)
    seconds = 0.0
    clients = fr.cohort(folder)
    K = len(clients.names)
    for module in clients.modules[: len(modules)]:  # one of each shape; reading is not counted
        factors = clients.factors(module)
        A, B = factors.A[0], factors.B[0]
        begin = time.perf_counter()
        ideal = sum((B[k] @ A[k] for k in range(1, K)), B[0] @ A[0]) / K

        def error(B: torch.Tensor, A: torch.Tensor, ideal: torch.Tensor = ideal) -> float:
            return float(torch.linalg.norm(ideal - B.mean(0) @ A.mean(0)) / torch.linalg.norm(ideal))

        error(B, A)
        for M in (A @ A[0].T, B.mT @ B[0]):
            U, _, Vh = torch.linalg.svd(M)
            error(B @ (U @ Vh), (U @ Vh).mT @ A)
        X, R = torch.cat([A, B.mT], -1), torch.eye(A.shape[1], dtype=torch.float64).expand(K, -1, -1)
        power = 0.0
        for _ in range(1000):
            mean = (R.mT @ X).mean(0)
            U, _, Vh = torch.linalg.svd(X @ mean.mT)
            R = U @ Vh
            before, power = power, float(mean.square().sum())
            if power - before <= 1e-8 * power:
                break
        error(B @ R, R.mT @ A)
        torch.linalg.svdvals(ideal)
        for left in range(K):
            for right in range(left):
                for rows in (A, B.mT):
                    Q1, Q2 = (torch.linalg.qr(rows[k].mT).Q for k in (left, right))
                    torch.linalg.svdvals(Q1.mT @ Q2)
        seconds += time.perf_counter() - begin
    report(seconds)


def report(seconds: float) -> None:
    """Seconds and peak memory in MB, for the process that began this one."""
    print(f"{seconds:.3f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


def measured(way: str, folder: Path, modules: tuple[str, ...]) -> tuple[float, float]:
    """Seconds and peak memory in MB of one way, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.adapters", "--way", way, "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--modules", ",".join(modules)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


def growth(out: Path) -> None:
    """Seconds of one layer of query by clients and by rank, as a plot."""
    fig = base_figure("light", "Seconds for one 4096 x 4096 layer, from files", "Growth with clients and with rank.")
    fig.update_layout(
        xaxis={"type": "log", "title": {"text": "clients (at rank 16), or rank (of 10 clients)"}},
        yaxis={"type": "log", "title": {"text": "seconds"}}, showlegend=True,
    )  # fmt: skip
    for name, cases, hue in (
        ("clients", [(k, 16) for k in (2, 5, 10, 20, 50, 100, 200)], "blue"),
        ("rank", [(10, r) for r in (2, 4, 8, 16, 32, 64, 128, 256)], "vermillion"),
    ):
        x, y = [], []
        for clients, rank in cases:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), clients, 1, ("q_proj",), rank)
                seconds, memory = measured("ours", Path(folder), ("q_proj",))
            print(f"{clients:4} clients, rank {rank:3}: {seconds:7.2f} s, {memory:5.0f} MB", flush=True)
            x.append(clients if name == "clients" else rank)
            y.append(seconds)
        fig.add_scatter(x=x, y=y, name=name, line={"color": HUES["light"][hue]})
    fig.write_html(out, include_plotlyjs="cdn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--modules", default=",".join(FEW), help="names, separated by commas, or all")
    parser.add_argument("--growth", type=Path, help="measure growth instead, and write the plot to this .html file")
    parser.add_argument("--way", choices=("ours", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    modules = tuple(SHAPES) if asked.modules == "all" else tuple(asked.modules.split(","))
    if asked.way == "ours":
        return ours(asked.folder)
    if asked.way == "plain":
        return plain(asked.folder, modules)
    if asked.growth:
        return growth(asked.growth)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), asked.clients, asked.layers, modules, asked.rank)
        mine, memory = measured("ours", Path(folder), modules)
        theirs, most = measured("plain", Path(folder), modules)
    print(f"{asked.clients} clients, {asked.layers} layers of {', '.join(modules)}, rank {asked.rank}")
    print(f"ours, from files:  {mine:8.2f} s, peak {memory:5.0f} MB")
    print(f"plain, one layer:  {theirs:8.2f} s, peak {most:5.0f} MB; for all layers {theirs * asked.layers:.0f} s")
    print(f"ratio: {theirs * asked.layers / mine:.0f} times")
    return None


if __name__ == "__main__":
    main()

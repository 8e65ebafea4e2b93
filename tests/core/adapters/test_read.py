"""Reading adapters: what is taken as it is, what is refused by name, and that the others are kept."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fedrot_core.adapters.adapter import Adapter
from fedrot_core.adapters.read import read_adapters
from fedrot_core.adapters.trees import Refused, Upload
from fedrot_core.errors import Cancelled
from tests.core.adapters.made import file_of, pair, save, tensors_of

RNG = np.random.default_rng(0)
PAIR = pair(RNG)


def only(path: Path | Upload) -> Adapter:
    adapters, refused = read_adapters(path)
    assert refused == []
    assert len(adapters) == 1
    return adapters[0]


def update(adapter: Adapter, module: str) -> np.ndarray:
    found = adapter.modules[module]
    f = found.factors()
    return found.scale * (f.B @ f.A).numpy()


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.float16, 1e-2), (torch.bfloat16, 1e-1)])
def test_each_type_of_number_is_read(tmp_path: Path, dtype: torch.dtype, close: float) -> None:
    save(tmp_path / "a", tensors_of({"q": PAIR}, dtype))
    np.testing.assert_allclose(update(only(tmp_path / "a"), "q")[0], PAIR[0] @ PAIR[1], atol=close)


def test_scales_are_folded_as_peft_folds_them(tmp_path: Path) -> None:
    tensors = tensors_of({"x.q": PAIR, "x.v": pair(RNG), "x.k": pair(RNG, r=2)})
    save(tmp_path / "a", tensors, lora_alpha=16, rank_pattern={"k": 2}, alpha_pattern={"x.v": 6}, use_rslora=True)
    found = only(tmp_path / "a").modules
    assert [found[f"x.{m}"].scale for m in "qvk"] == pytest.approx([16 / 2, 6 / 2, 16 / 2**0.5])


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a", tensors_of({"x.q": PAIR}), alpha_pattern={"dead": 6})
    assert any("dead" in note for note in only(tmp_path / "a").notes)


@pytest.mark.parametrize(
    ("down", "up", "module"),
    [
        ("base_model.model.q.lora_A.default.weight", "base_model.model.q.lora_B.default.weight", "q"),
        ("model.base_model.model.q.lora_A.weight", "model.base_model.model.q.lora_B.weight", "q"),
        ("q.lora_a.weight", "q.lora_b.weight", "q"),
        ("lora_unet_q_proj.lora_down.weight", "lora_unet_q_proj.lora_up.weight", "lora_unet_q_proj"),
        ("unet.to_q.lora.down.weight", "unet.to_q.lora.up.weight", "unet.to_q"),
        ("base_model.model.e.lora_embedding_A", "base_model.model.e.lora_embedding_B", "e"),
    ],
)
def test_namings_met_in_the_wild(tmp_path: Path, down: str, up: str, module: str) -> None:
    B, A = map(torch.from_numpy, PAIR)
    save(tmp_path / "a", {down: A.float(), up: B.float()})
    np.testing.assert_allclose(update(only(tmp_path / "a"), module)[0], PAIR[0] @ PAIR[1], atol=1e-5)


def test_an_alpha_beside_the_factors_gives_the_scale(tmp_path: Path) -> None:
    B, A = map(torch.from_numpy, PAIR)
    tensors = {"m.lora_down.weight": A.float(), "m.lora_up.weight": B.float(), "m.alpha": torch.tensor(2.0)}
    (tmp_path / "k.safetensors").write_bytes(file_of(tensors))
    assert only(tmp_path / "k.safetensors").modules["m"].scale == 0.5


def test_a_convolution_is_flattened(tmp_path: Path) -> None:
    A, B = torch.randn(4, 3, 2, 2), torch.randn(5, 4, 1, 1)
    save(tmp_path / "a", {"c.lora_A.weight": A, "c.lora_B.weight": B})
    found = only(tmp_path / "a")
    assert found.modules["c"].form == ("conv", 1, 5, 12)
    expected = torch.einsum("or,rihw->oihw", B[..., 0, 0], A).flatten(1)
    np.testing.assert_allclose(update(found, "c")[0], expected, atol=1e-5)


def test_experts_have_one_pair_each(tmp_path: Path) -> None:
    E, r, i, o = 3, 2, 5, 7
    A, B = torch.randn(E * r, i), torch.randn(o, r * E)
    tensors = {"base_model.model.experts.lora_A.weight": A, "base_model.model.experts.lora_B.weight": B}
    save(tmp_path / "a", tensors, r=r, lora_alpha=r, target_parameters=["experts.up"])
    expected = torch.einsum("ore,eri->eoi", B.reshape(o, r, E), A.reshape(E, r, i))
    np.testing.assert_allclose(update(only(tmp_path / "a"), "experts"), expected, atol=1e-5)


def test_heads_are_kept_and_base_layers_left_out(tmp_path: Path) -> None:
    head, base = torch.randn(2, 3), torch.randn(2, 2)
    extra = {"base_model.model.classifier.weight": head, "base_model.model.q.base_layer.weight": base}
    found = only(save(tmp_path / "a", {**tensors_of({"q": PAIR}), **extra}))
    assert [*found.extras] == ["classifier.weight"]
    assert any("base model's layers" in note for note in found.notes)


def refusal(folder: Path) -> Refused:
    """The one refusal beside a client that is fine, which is kept."""
    save(folder / "fine", tensors_of({"q": PAIR}))
    adapters, refused = read_adapters(folder)
    assert [a.name for a in adapters] == ["fine"]
    assert len(refused) == 1
    return refused[0]


def header(text: str, numbers: bytes = b"") -> bytes:
    return len(text.encode()).to_bytes(8, "little") + text.encode() + numbers


ONE = '"a.lora_A.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
TWO = '"b": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "at least 8 bytes"),
        (b"\xff" * 16, "end within its file"),
        (header("{ "), "be JSON"),
        (header("[]"), "JSON object"),
        (header("{" + ONE + "," + ONE + "}", b"\0" * 4), "JSON without repeated names"),
        (header("{" + ONE + "," + TWO + "}", b"\0" * 6), "gap or overlap"),
        (header("{" + ONE + "}", b"\0" * 5), "end where the file ends"),
        (header("{" + ONE.replace("[1]", "[2]") + "}", b"\0" * 4), "bytes of its shape"),
        (header("{" + ONE.replace("[1]", "[-1]") + "}", b"\0" * 4), "a shape of"),
        (header("{" + ONE.replace("[1]", "[9223372036854775807,9223372036854775807]") + "}"), "bytes of its shape"),
        (header("{" + ONE.replace("F32", "F33") + "}", b"\0" * 4), "of type"),
        (header("{" + ONE.replace("1]", "NaN]") + "}", b"\0" * 4), "be JSON"),
        (header("[" * 100_000), "be JSON"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "adapter_model.safetensors").write_bytes(content)
    found = refusal(tmp_path)
    assert found.name == "bad"
    assert why in found.reason


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    B, A = PAIR[0].copy(), PAIR[1]
    B[3, 1] = bad
    save(tmp_path / "sick", tensors_of({"q": (B, A)}))
    assert "NaN or Inf" in refusal(tmp_path).reason


def test_a_missing_factor_is_refused_by_module(tmp_path: Path) -> None:
    tensors = tensors_of({"q": PAIR, "v": PAIR})
    del tensors["base_model.model.v.lora_B.weight"]
    (lacking,) = only(save(tmp_path / "a", tensors)).refused
    assert (lacking.name, "no 'B'" in lacking.reason or "no B" in lacking.reason) == ("v", True)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"peft_type": "IA3"}, "be LORA"),
        ({"r": 0}, "whole number"),
        ({"lora_alpha": "x"}, "be a number"),
        ({"use_rslora": "yes"}, "true or false"),
        ({"rank_pattern": {"(a+)+b": 2}}, "simple expressions"),
    ],
)
def test_a_config_that_is_wrong_is_refused(tmp_path: Path, config: dict[str, Any], why: str) -> None:
    save(tmp_path / "bad", tensors_of({"q": PAIR}), **config)
    assert why in refusal(tmp_path).reason


def test_two_adapters_in_one_file_are_refused(tmp_path: Path) -> None:
    tensors = tensors_of({"q": PAIR}, prefix="")
    tensors = {k.replace(".weight", f".{n}.weight"): t for n in ("one", "two") for k, t in tensors.items()}
    save(tmp_path / "both", tensors)
    reason = refusal(tmp_path).reason
    assert "“one” and “two”" in reason
    assert "selected_adapters" in reason


def test_reading_can_be_stopped_and_tells_how_far_it_is(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / name, tensors_of({"q": PAIR}))
    seen: list[tuple[int, int]] = []
    read_adapters(tmp_path, lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(Cancelled):
        read_adapters(tmp_path, should_stop=lambda: True)


def test_zips_uploads_and_shards_are_read(tmp_path: Path) -> None:
    save(tmp_path / "a", tensors_of({"q": PAIR}))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for client in ("one", "two"):
            for file in (tmp_path / "a").iterdir():
                archive.write(file, f"{client}/{file.name}")
    adapters, refused = read_adapters(Upload("both.zip", packed.getvalue()))
    assert ([a.name for a in adapters], refused) == (["one", "two"], [])
    files = [Upload(f"three/{f.name}", f.read_bytes()) for f in (tmp_path / "a").iterdir()]
    assert [a.name for a in read_adapters(files)[0]] == ["three"]

    tensors = tensors_of({"q": PAIR})
    shards = tmp_path / "sharded"
    shards.mkdir()
    for n, (name, tensor) in enumerate(tensors.items()):
        (shards / f"adapter_model-{n}.safetensors").write_bytes(file_of({name: tensor}))
    index = {"weight_map": {name: f"adapter_model-{n}.safetensors" for n, name in enumerate(tensors)}}
    (shards / "adapter_model.safetensors.index.json").write_text(json.dumps(index))
    assert [*only(shards).modules] == ["q"]
    (shards / "adapter_model-1.safetensors").unlink()
    (gone,) = read_adapters(shards)[1]
    assert "adapter_model-1.safetensors" in gone.reason

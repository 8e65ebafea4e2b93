"""Nothing of a config but numbers and names of fields is shown or written, and nothing of a file's own remarks."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedrot_core.adapters.cohort import Cohort
from fedrot_core.adapters.diagnosis import cohort, diagnose
from fedrot_core.adapters.read import read_adapters
from fedrot_core.errors import AdapterError
from tests.core.adapters.made import file_of, pair, save, tensors_of

Q = tensors_of({"layers.0.q_proj": pair(np.random.default_rng(0))})
TOKEN, PATH = "hf_SECRETtoken", "/home/alice/llama"
SECRETS = ("SECRET", "alice", "llama")

FIELDS = (
    "peft_type", "peft_version", "task_type", "auto_mapping", "base_model_name_or_path", "revision", "r", "lora_alpha",
    "lora_dropout", "use_rslora", "fan_in_fan_out", "bias", "target_modules", "exclude_modules", "target_parameters",
    "modules_to_save", "init_lora_weights", "layers_pattern", "rank_pattern", "alpha_pattern", "megatron_core",
    "trainable_token_indices", "loftq_config", "kasa_config", "use_dora", "ensure_weight_tying", "surprise",
)  # fmt: skip


def forms(secret: str) -> list[Any]:
    """A secret as a text, in a list, as a value and as a key."""
    return [secret, [secret], {"x": secret}, {secret: 4}, {secret: [1]}, {"layers": {secret: [secret]}}]


def everything(folder: Path) -> str:
    """All that is told of what lies in a folder."""
    adapters, refused = read_adapters(folder)
    said = [repr(adapters), repr(refused)]
    try:
        found = diagnose(folder)
        said += [repr(found), *found.cohort.notes, written(found.cohort)]
    except AdapterError as error:
        said.append(str(error))
    return "\n".join(said)


def written(found: Cohort) -> str:
    """What of the configs goes into another one."""
    settings = found.adapters[0].settings
    return json.dumps([settings.saved, settings.parameters, dict(settings.fields)])


@pytest.mark.parametrize("secret", [TOKEN, PATH, "alice", "alice.SECRET"])
@pytest.mark.parametrize("name", FIELDS)
def test_no_text_of_a_config_is_shown(name: str, secret: str, tmp_path: Path) -> None:
    for n, value in enumerate(forms(secret)):
        save(tmp_path / str(n) / "a", Q, **{name: value})
        save(tmp_path / str(n) / "b", Q, **{name: value})
        said = everything(tmp_path / str(n))
        assert not [text for text in SECRETS if text in said], said
        assert str(tmp_path) not in said


def test_names_of_fields_are_shown_if_they_look_like_names(tmp_path: Path) -> None:
    save(tmp_path / "a", Q, surprise=TOKEN, **{PATH: 1, f"{TOKEN} ": 1})
    said = everything(tmp_path)
    assert "sets “surprise”" in said
    assert "sets other fields that are not understood here: 2" in said
    assert not [text for text in SECRETS if text in said]


def test_no_remark_of_a_file_is_shown(tmp_path: Path) -> None:
    content = file_of(Q)
    (length,) = struct.unpack("<Q", content[:8])
    head = json.loads(content[8 : 8 + length])
    good = {"__metadata__": {"path": PATH, "token": TOKEN}, **head}
    first = next(iter(head))
    bad = [
        {**head, first: value} for value in ({**head[first], key: TOKEN} for key in ("dtype", "shape", "data_offsets"))
    ]
    bad += [{**head, first: TOKEN}, {**head, first: {TOKEN: PATH}}, {**head, first: {**head[first], "x": PATH}}]
    for n, header in enumerate([good, *bad]):
        text = json.dumps(header).encode()
        (tmp_path / f"{n}").mkdir()
        (tmp_path / f"{n}" / "adapter_model.safetensors").write_bytes(
            struct.pack("<Q", len(text)) + text + content[8 + length :]
        )
    said = everything(tmp_path)
    assert len(read_adapters(tmp_path)[1]) == len(bad)
    assert not [text for text in SECRETS if text in said]


def test_names_of_tensors_are_shown_cleaned(tmp_path: Path) -> None:
    save(tmp_path / "a", {**Q, "x.lora_A.weight\u202e": next(iter(Q.values()))})
    save(tmp_path / "b\u202e", Q)
    said = everything(tmp_path)
    assert "\\u202e" in said
    assert "\u202e" not in said


def test_modules_that_tensors_have_too_are_written(tmp_path: Path) -> None:
    head = {"base_model.model.head.weight": next(iter(Q.values()))}
    save(tmp_path / "a", {**Q, **head}, modules_to_save=["head", "alice"], bias="all", task_type="CAUSAL_LM")
    assert (written(cohort(tmp_path)).count("head"), cohort(tmp_path).adapters[0].settings.saved) == (1, ("head",))

"""Folders and uploads: which adapters they hold, what these are called, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fedrot_core.adapters.diagnosis import cohort
from fedrot_core.adapters.read import read_adapters
from fedrot_core.adapters.trees import Upload
from fedrot_core.errors import AdapterError
from tests.core.adapters.made import file_of, pair, save, tensors_of

Q = tensors_of({"q": pair(np.random.default_rng(0))})
FILE = file_of(Q)
OTHER = file_of(tensors_of({"q": pair(np.random.default_rng(1))}))
CONFIG = b'{"peft_type": "LORA", "r": 4, "lora_alpha": 8}'
PICKLE = b"\x80\x04."


def put(folder: Path, **files: bytes) -> Path:
    """Files, with ``__`` for a slash and ``_dot_`` for a dot in their names."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def found(source: Path | str | list[Upload]) -> tuple[list[str], dict[str, str]]:
    """Names of the clients, and of what was refused with the reason."""
    adapters, refused = read_adapters(source)
    assert len({r.name for r in refused}) == len(refused)
    return [a.name for a in adapters], {r.name: r.reason for r in refused}


def test_a_folder_that_is_all_there_is_gives_its_own_name(tmp_path: Path) -> None:
    save(tmp_path / "hospital" / "out" / "last", Q)
    assert found(tmp_path / "hospital") == (["hospital"], {})
    assert found(tmp_path / "hospital" / "out" / "last" / "adapter_model.safetensors") == (["last"], {})
    put(tmp_path / "hospital", old__adapter_model_dot_bin=PICKLE)
    assert found(tmp_path / "hospital")[0] == ["out/last"]


def test_every_pickle_that_stands_for_a_client_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "fine", Q)
    put(tmp_path / "fine", optimizer_dot_pt=PICKLE, training_args_dot_bin=PICKLE, adapter_model_dot_bin=PICKLE)
    put(tmp_path, **{f"10__3__local_output_{n}__pytorch_model_dot_bin": PICKLE for n in range(3)})
    put(tmp_path, odd__optimizer_dot_pt=PICKLE)
    names, refused = found(tmp_path)
    assert names == ["fine"]
    assert [*refused] == [f"10/3/local_output_{n}" for n in range(3)]
    assert all("torch.load('pytorch_model.bin', weights_only=True)" in why for why in refused.values())


def test_the_line_that_converts_a_pickle_holds_no_name_that_could_run(tmp_path: Path) -> None:
    put(tmp_path, **{"a'); import os#_dot_bin": PICKLE})
    ((name, why),) = found(tmp_path)[1].items()
    assert ("import os" in name, "import os" in why) == (True, False)


@pytest.mark.parametrize(
    ("outer", "passing"),
    [
        ("", "checkpoint-10"),
        ("c", "c/runs/checkpoint-10"),
        ("c", "c/checkpoint-10/default"),
        ("c/default", "c/checkpoint-10/default"),
        ("c", "c/global_step10"),
    ],
)
def test_checkpoints_are_no_clients(tmp_path: Path, outer: str, passing: str) -> None:
    save(tmp_path / "x" / outer, Q)
    save(tmp_path / "x" / passing, Q)
    put(tmp_path / "x" / passing, optimizer_dot_pt=PICKLE)
    names, refused = found(tmp_path / "x")
    assert (len(names), [*refused]) == (1, [passing])
    assert "checkpoint" in refused[passing]


def test_checkpoints_that_are_all_there_is_are_clients(tmp_path: Path) -> None:
    for n in (1, 2):
        save(tmp_path / f"checkpoint-{n}", Q)
    assert found(tmp_path) == (["checkpoint-1", "checkpoint-2"], {})


def test_shards_need_their_index_and_one_another(tmp_path: Path) -> None:
    names = [f"adapter_model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    save(tmp_path / "fine", Q)
    put(tmp_path / "lone", **{names[0]: FILE})
    index = {"weight_map": {f"t{n}": name for n, name in enumerate(names)}}
    put(tmp_path / "gap", **{names[0]: FILE, "adapter_model.safetensors.index.json": json.dumps(index).encode()})
    read, refused = found(tmp_path)
    assert read == ["fine"]
    assert "have its index" in refused["lone"]
    assert f"{names[1]}, {names[2]}" in refused["gap"]


def test_a_config_alone_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "fine", Q)
    put(tmp_path, lone__adapter_config_dot_json=CONFIG)
    assert found(tmp_path)[0] == ["fine"]
    assert "factors beside it" in found(tmp_path)[1]["lone"]
    assert "factors beside it" in found([Upload("adapter_config.json", CONFIG)])[1]["adapter_config.json"]


def test_one_config_serves_the_adapters_below_it(tmp_path: Path) -> None:
    put(tmp_path, run__adapter_config_dot_json=CONFIG, run__a__x_dot_safetensors=FILE, run__b__x_dot_safetensors=FILE)
    adapters, refused = read_adapters(tmp_path)
    assert ([a.modules["q"].scale for a in adapters], refused) == ([2.0, 2.0], [])


def test_more_clients_than_are_read_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.adapters.read.MAX_CLIENTS", 2)
    for name in "abcde":
        save(tmp_path / name, Q)
    names, refused = found(tmp_path)
    assert (names, [*refused]) == (["a", "b"], ["c and 2 more"])
    assert "at most 2; got 5. Left out: 3." in refused["c and 2 more"]


def test_more_refusals_than_are_named_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.adapters.read.MAX_REFUSED", 2)
    put(tmp_path, **{f"{n}_dot_bin": PICKLE for n in range(5)})
    assert [*found(tmp_path)[1]] == ["0.bin", "1.bin", "3 more"]


def test_links_are_not_followed_out_of_a_folder(tmp_path: Path) -> None:
    save(tmp_path / "outside", Q)
    save(tmp_path / "in" / "fine", Q)
    (tmp_path / "in" / "a").mkdir()
    (tmp_path / "in" / "a" / "adapter_model.safetensors").symlink_to(tmp_path / "outside" / "adapter_model.safetensors")
    (tmp_path / "in" / "b").symlink_to(tmp_path / "outside")
    (tmp_path / "in" / "c.safetensors").symlink_to("c.safetensors")
    names, refused = found(tmp_path / "in")
    assert names == ["fine"]
    assert {*refused} == {"b", "a/adapter_model.safetensors", "c.safetensors"}
    assert str(tmp_path) not in repr(refused)


def test_thousands_of_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.adapters.sources.MAX_FILES", 5)
    for n in range(9):
        (tmp_path / f"{n}.json").write_text("{}")
    assert any("at most 5 files" in why for why in found(tmp_path)[1].values())


def uploads(*files: tuple[str, bytes]) -> list[Upload]:
    return [Upload(name, content) for name, content in files]


def test_uploads_are_called_by_their_folder_or_by_themselves() -> None:
    pairs = [
        (f"{c}/adapter_{f}", b) for c in ("a", "b") for f, b in (("model.safetensors", FILE), ("config.json", CONFIG))
    ]
    assert found(uploads(*pairs[:2])) == (["a"], {})
    assert found(uploads(*pairs)) == (["a", "b"], {})
    assert found(uploads(("bare.safetensors", FILE))) == (["bare"], {})
    assert found(uploads(("adapter_model.safetensors", FILE))) == (["uploaded"], {})


def test_a_bare_file_says_that_its_scale_is_taken_to_be_1() -> None:
    (adapter,), _ = read_adapters(uploads(("bare.safetensors", FILE)))
    assert adapter.modules["q"].scale == 1
    assert any("taken to be 1" in note for note in adapter.notes)


def test_uploads_share_one_config_and_browsers_number_them() -> None:
    many = uploads(("one.safetensors", FILE), ("two.safetensors", FILE), ("adapter_config.json", CONFIG))
    assert [a.modules["q"].scale for a in read_adapters(many)[0]] == [2, 2]
    own = CONFIG.replace(b"8", b"4")
    files = [("adapter_model.safetensors", FILE), ("adapter_config.json", CONFIG)]
    files += [("adapter_model (1).safetensors", FILE), ("adapter_config (1).json", own)]
    assert {a.name: a.modules["q"].scale for a in read_adapters(uploads(*files))[0]} == {
        "adapter_model": 2,
        "adapter_model (1)": 1,
    }


def test_uploads_of_one_name_are_refused_and_not_mixed() -> None:
    mine, yours = ("adapter_model.safetensors", FILE), ("adapter_model.safetensors", OTHER)
    config, another = ("adapter_config.json", CONFIG), ("adapter_config.json", CONFIG.replace(b"8", b"4"))
    names, refused = found(uploads(mine, config, yours, config))
    assert (names, [*refused]) == ([], ["adapter_model.safetensors"])
    assert "Zip each client's folder" in refused["adapter_model.safetensors"]
    names, refused = found(uploads(("one.safetensors", FILE), ("two.safetensors", FILE), config, another))
    assert (names, [*refused]) == ([], ["adapter_config.json", "one.safetensors", "two.safetensors"])
    assert all("Zip each client's folder" in why for why in refused.values())


@pytest.mark.parametrize("name", ["a.exe", "../a.safetensors", ".hidden.safetensors", "C:/a.safetensors", "", "\0"])
def test_no_upload_is_dropped_in_silence(name: str) -> None:
    names, refused = found([*uploads(("fine.safetensors", FILE)), Upload(name, FILE)])
    assert (names, len(refused)) == (["fine"], 1)


def test_uploads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.adapters.sources.MAX_UPLOADED", len(FILE) + 1)
    names, refused = found(uploads(("one.safetensors", FILE), ("two.safetensors", OTHER)))
    assert (names, [*refused]) == (["one"], ["two.safetensors"])


def test_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AdapterError):
        read_adapters([])
    assert "hold an adapter" in found(tmp_path)[1][tmp_path.name]
    assert "folder or a file" in found(tmp_path / "missing")[1]["missing"]


def test_where_all_is_refused_the_error_says_why_in_full(tmp_path: Path) -> None:
    put(tmp_path, old__adapter_model_dot_bin=PICKLE)
    with pytest.raises(AdapterError, match=r"weights_only=True\), 'adapter_model.safetensors'\)\"`$"):
        cohort(tmp_path)

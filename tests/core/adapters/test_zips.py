"""Zips that somebody made to do harm, or that were damaged: refused by name, and the clients beside are kept."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fedrot_core.adapters.read import read_adapters
from fedrot_core.adapters.trees import Upload
from tests.core.adapters.made import file_of, pair, tensors_of

FILE = file_of(tensors_of({"q": pair(np.random.default_rng(0))}))
MEMBER = "adapter_model.safetensors"


def packed(fill: Callable[[zipfile.ZipFile], object], fine: bool = True) -> bytes:
    """A zip that is filled, with a client beside that is fine."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of names that occur twice
        if fine:
            archive.writestr(f"fine/{MEMBER}", FILE)
        fill(archive)
    return out.getvalue()


def refusals(content: bytes, kept: tuple[str, ...] = ("fine",)) -> dict[str, str]:
    adapters, refused = read_adapters(Upload("z.zip", content))
    assert tuple(a.name for a in adapters) == kept
    assert len({r.name for r in refused}) == len(refused)
    return {r.name: r.reason for r in refused}


def link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo(f"a/{MEMBER}")
    member.external_attr = 0o120777 << 16
    archive.writestr(member, "/etc/passwd")


def twice(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"a/{MEMBER}", FILE)
    archive.writestr(f"a/{MEMBER}", FILE)


def of_files(count: int) -> Callable[[zipfile.ZipFile], None]:
    def fill(archive: zipfile.ZipFile) -> None:
        for n in range(count):
            archive.writestr(f"{n}.txt", "")

    return fill


@pytest.mark.parametrize(
    ("fill", "name", "why"),
    [
        (lambda z: z.writestr("../out.safetensors", FILE), "../out.safetensors", "leaves the folder"),
        (lambda z: z.writestr("/abs.safetensors", FILE), "/abs.safetensors", "leaves the folder"),
        (lambda z: z.writestr("a/../../b.safetensors", FILE), "a/../../b.safetensors", "leaves the folder"),
        (lambda z: z.writestr("C:/x.safetensors", FILE), "C:/x.safetensors", "leaves the folder"),
        (lambda z: z.writestr("d/" * 20 + MEMBER, FILE), "d/" * 20 + MEMBER, "too deep"),
        (lambda z: z.writestr("a/b.zip", packed(twice)), "a/b.zip", "a zip inside"),
        (lambda z: z.writestr(f"a/{MEMBER}", b"\0" * (17 * 2**20)), f"a/{MEMBER}", "as trained numbers never do"),
        (lambda z: z.writestr(f"a/{MEMBER}", FILE, zipfile.ZIP_BZIP2), f"a/{MEMBER}", "with deflate"),
        (lambda z: z.writestr("a/pytorch_model.bin", b"\x80"), "a", "weights_only=True"),
        (link, f"a/{MEMBER}", "link"),
        (twice, f"a/{MEMBER}", "more than once"),
    ],
)
def test_members_that_are_refused(fill: Callable[[zipfile.ZipFile], object], name: str, why: str) -> None:
    found = refusals(packed(fill))
    assert [*found] == [name]
    assert why in found[name]


def test_a_macs_notes_are_no_clients() -> None:
    assert refusals(packed(lambda z: z.writestr(f"__MACOSX/fine/._{MEMBER}", b"x")), ("z",)) == {}


def at(content: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """The same with other bytes at a place after the last ``mark``."""
    place = content.rindex(mark) + offset
    return content[:place] + value + content[place + len(value) :]


@pytest.mark.parametrize("size", [1, len(FILE) - 1, len(FILE) + 1, 2**31])
def test_members_that_lie_about_their_size_are_refused(size: int) -> None:
    content = packed(lambda z: z.writestr(f"a/{MEMBER}", FILE))
    found = refusals(at(content, b"PK\1\2", 24, struct.pack("<I", size)))
    assert len(found) == 1
    assert "unpack to what it says" in found[f"a/{MEMBER}"] or "trained numbers" in found[f"a/{MEMBER}"]


def test_encrypted_members_are_refused() -> None:
    content = packed(lambda z: z.writestr(f"a/{MEMBER}", FILE))
    assert "encrypted" in refusals(at(content, b"PK\1\2", 8, b"\1\0"))[f"a/{MEMBER}"]


def test_damaged_members_are_refused() -> None:
    content = packed(lambda z: z.writestr(f"a/{MEMBER}", FILE))
    assert "unpack to" in refusals(at(content, b"PK\3\4", 90, b"\xff" * 20))[f"a/{MEMBER}"]
    assert "one that opens" in refusals(at(content, b"PK\3\4", 0, b"no"))[f"a/{MEMBER}"]


def test_zips_of_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.adapters.archives.MAX_UNPACKED", len(FILE) + 1)
    one = packed(lambda z: None)
    adapters, refused = read_adapters([Upload("one.zip", one), Upload("two.zip", one)])
    assert ([a.name for a in adapters], [r.name for r in refused]) == (["one"], ["two.zip"])
    assert "at most" in refused[0].reason


def test_zips_of_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.adapters.archives.MAX_FILES", 5)
    content = packed(of_files(9))
    assert "at most 5 files" in refusals(content, ())["z.zip"]


def test_a_table_of_members_that_asks_for_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrot_core.adapters.archives.MAX_DIRECTORY", 66_000)
    content = packed(of_files(1500))
    assert "a zip that can be opened" in refusals(content, ())["z.zip"]


@pytest.mark.parametrize("content", [b"", b"PK\5\6", b"x" * 100, b"PK\5\6" + b"\xff" * 18])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    assert "be a zip that can be opened" in refusals(content, ())["z.zip"]


def test_an_empty_zip_is_refused() -> None:
    assert "hold an adapter" in refusals(packed(lambda z: None, fine=False), ())["z"]


def test_threads_read_members_at_the_same_time(tmp_path: Path) -> None:
    made = [file_of(tensors_of({"q": pair(np.random.default_rng(n))})) for n in range(8)]
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n, content in enumerate(made):
            archive.writestr(f"{n}/{MEMBER}", content)
    modules = [adapter.modules["q"] for adapter in read_adapters(path)[0]]
    alone = [module.factors() for module in modules]
    wrong: list[int] = []

    def read(n: int) -> None:
        wrong.extend(n for _ in range(40) if not bool((modules[n].factors().A == alone[n].A).all()))

    threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []

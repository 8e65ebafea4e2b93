"""Zips of folders. What a zip says of itself is checked before it is unpacked, and again meanwhile."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from typing import IO

from fedrot_core.adapters.blobs import Spool, Unpacked
from fedrot_core.adapters.trees import MAX_FILES, OF_INTEREST, READ, Tree, inside, take
from fedrot_core.errors import AdapterError, adapter_rule
from fedrot_core.wording import counted

MAX_UNPACKED = 8 * 2**30
"""Most bytes that all zips together may unpack to."""

MAX_RATIO = 100
FREE_RATIO = 16 * 2**20
"""Trained numbers hardly pack at all: a member above this size that packs to less than a hundredth holds none."""

MAX_DIRECTORY = 16 * 2**20
"""Most bytes of a zip's own table of members."""

REMEDY = "Pack the folder again."


class _Careful:
    """A zip of which little is read at once: its table alone could ask for gigabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        """The next ``count`` bytes, or the rest."""
        found = self._file.read(min(count, MAX_DIRECTORY + 1) if count >= 0 else MAX_DIRECTORY + 1)
        if len(found) > MAX_DIRECTORY:
            raise zipfile.BadZipFile
        return found


def unzipped(name: str, file: IO[bytes], spool: Spool) -> Tree:
    """The files of a zip. Those of interest are unpacked into ``spool``.

    Raises:
        AdapterError: if it cannot be opened, or holds too many files or bytes.
    """
    tree = Tree(name)
    try:
        archive = zipfile.ZipFile(_Careful(file))
        members = [member for member in archive.infolist() if not member.is_dir()]
    except Exception as error:  # a damaged archive can make zipfile raise almost anything
        raise adapter_rule(f"“{name}”", "be a zip that can be opened", type(error).__name__, REMEDY) from None
    with archive:
        unpacked = sum(member.file_size for member in members if member.filename.lower().endswith(READ))
        if len(members) > MAX_FILES or spool.size + unpacked > MAX_UNPACKED:
            what = f"hold at most {MAX_FILES:,} files and {MAX_UNPACKED:,} bytes"
            got = f"{counted(len(members), 'file')}, {unpacked:,} bytes".replace("\u00a0", " ")
            raise adapter_rule(f"The zip “{name}”", what, got, "Pack the adapters only.")
        times = Counter(inside(member.filename) for member in members)
        for member in members:
            where = inside(member.filename)
            why = _odd(member, where, times[where])
            if why and times[where] > 1 and where:
                if where not in tree.unclear and where.lower().endswith(OF_INTEREST):
                    tree.refuse(where, why)
                tree.unclear.add(where)
            elif why:
                tree.refuse(member.filename, why)
            elif where.lower().endswith(READ):
                try:
                    take(tree, where, _unpacked(archive, member, spool))
                except AdapterError as error:
                    tree.refuse(where, str(error))
            else:
                take(tree, where, None)
    return tree


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, spool: Spool) -> Unpacked:
    try:
        packed = archive.open(member)
    except Exception as error:  # the member's own header can be damaged too
        raise adapter_rule("A member of a zip", "be one that opens", type(error).__name__, REMEDY) from None
    with packed:
        return spool.add(packed, member.file_size)


def _odd(member: zipfile.ZipInfo, where: str, times: int) -> str:
    """Why a member of a zip is left out; empty if it is not."""
    if not where:
        return "Its path leaves the folder, or is too deep."
    if times > 1:
        return "The zip holds this path more than once, so which file is meant cannot be told."
    if not where.lower().endswith(OF_INTEREST):
        return ""
    if stat.S_ISLNK(member.external_attr >> 16):
        return "It is a link. Pack the file itself."
    if member.flag_bits & 1:
        return "It is encrypted. Pack it without a password."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "It is packed in a way that is not read. Pack it with deflate."
    if member.file_size > FREE_RATIO and member.file_size > MAX_RATIO * member.compress_size:
        return f"It packs to less than one part in {MAX_RATIO}, as trained numbers never do."
    return ""

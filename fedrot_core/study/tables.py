"""The results of a study as strict JSON or CSV, the same from the app, the command line and lecture packs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def as_json(content: Any) -> str:
    """Strict JSON, in which numbers that are not finite become null."""
    return json.dumps(_finite(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def as_csv(rows: Sequence[Mapping[str, Any]], decimal_comma: bool = False) -> str:
    """CSV with the columns of all rows. A cell is empty if its row lacks the value or the number is not finite.

    Args:
        rows: the rows.
        decimal_comma: whether to write what spreadsheets expect where numbers have a decimal comma: the comma, a
            semicolon between cells, and a byte-order mark, without which they would not read UTF-8.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, names, restval="", delimiter=";" if decimal_comma else ",", lineterminator="\n")
    writer.writeheader()
    cell = _with_comma if decimal_comma else _plain
    writer.writerows({k: cell(v) for k, v in _finite(dict(row)).items()} for row in rows)
    return ("\ufeff" if decimal_comma else "") + file.getvalue()


def _plain(value: Any) -> Any:
    return "" if value is None else value


def _with_comma(value: Any) -> Any:
    return str(value).replace(".", ",") if isinstance(value, float) else _plain(value)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

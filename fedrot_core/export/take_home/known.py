"""Settings of the take-home page that come with the project, so that the page is written at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from fedrot_core.errors import ConfigError, StoreError
from fedrot_core.export.take_home.runs import Grid, Row, Rows, row_key
from fedrot_core.shipped import Shipped

SHIPPED = Path(__file__).with_name("shipped")
"""Made by ``python -m app.ship``."""

log = logging.getLogger(__name__)


class KnownRows:
    """What is shipped in ``folder``, then what ``rows`` knows, which also keeps what is new."""

    def __init__(self, rows: Rows | None = None, folder: Path = SHIPPED) -> None:
        self._rows, self._shipped = rows, Shipped(folder)

    def row(self, key: str) -> Row | None:
        """See :class:`fedrot_core.export.take_home.runs.Rows`."""
        try:
            found: Row | None = self._shipped.row(key)
        except StoreError as error:
            log.warning("%s", error)
            found = None
        return self._rows.row(key) if found is None and self._rows is not None else found

    def keep_row(self, key: str, row: Row) -> None:
        """See :class:`fedrot_core.export.take_home.runs.Rows`."""
        if self._rows is not None:
            self._rows.keep_row(key, row)

    def ships(self, grid: Grid) -> bool:
        """Whether every setting of ``grid`` comes with the project."""
        try:
            return all(self._shipped.has_row(key) for key in keys_of(grid))
        except ConfigError:  # no such device here
            return False


@cache
def keys_of(grid: Grid) -> Sequence[str]:
    """The key of every setting, in the grid's order.

    Raises:
        ConfigError: if the device is not available.
    """
    return [row_key(grid, setting) for setting in grid.settings]

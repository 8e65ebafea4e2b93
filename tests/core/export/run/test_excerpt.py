"""An excerpt holds what it was asked for, bit for bit, nothing else, and the run file of the whole run."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.errors import StoreError
from fedrot_core.export.run import run_file
from fedrot_core.export.run.excerpt import Excerpt, excerpt_key, excerpt_of, excerpt_row, file_of
from fedrot_core.federation import Federation
from fedrot_core.finished import pack_row, unpack_row
from fedrot_core.trace import Trace

CONFIG = FederationConfig().with_values({"rounds": 2, "steps": 2, "clients": 3, "frames": "svd"})
READS = ("turns.angles", "turns.reflected", "errors.own", "weights")


@pytest.fixture(scope="module")
def trace() -> Trace:
    return Federation(CONFIG).run()


@pytest.fixture
def row(trace: Trace) -> Any:
    """As it comes back from a file."""
    return unpack_row(pack_row(excerpt_row(trace, READS)))


def test_what_it_reads_comes_back_bit_for_bit_and_nothing_else(trace: Trace, row: Any) -> None:
    found = excerpt_of(row, CONFIG)
    for ours, theirs in zip(found.records, trace.records, strict=True):
        for a, b in (
            (ours.turns.angles, theirs.turns.angles), (ours.turns.reflected, theirs.turns.reflected),
            (ours.errors.own, theirs.errors.own), (ours.weights, theirs.weights),
        ):  # fmt: skip
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        assert (ours.score, ours.loss, ours.checks) == (theirs.score, theirs.loss, theirs.checks)
        assert ours.turns.rotation is None
        assert ours.arrows.path is None
        assert ours.clients is None
    assert (found.task, found.arms, found.rounds_done) == (trace.task, trace.arms, trace.rounds_done)


def test_nothing_need_be_read(trace: Trace) -> None:
    found = excerpt_of(excerpt_row(trace, ()), CONFIG)
    assert found.task.class_counts == trace.task.class_counts
    assert all(record.weights is None for record in found.records)


def test_it_knows_checksum_and_run_file_of_the_whole(trace: Trace, row: Any) -> None:
    found = excerpt_of(row, CONFIG)
    assert isinstance(found, Excerpt)
    assert found.checksum == trace.checksum
    assert file_of(found) == file_of(trace) == run_file.write(trace)


def test_one_of_another_config_or_engine_is_refused(row: Any) -> None:
    with pytest.raises(StoreError, match="of the config and engine"):
        excerpt_of(row, CONFIG.with_values({"seed": 9}))
    row["header"]["engine"] = "0"
    with pytest.raises(StoreError, match="of the config and engine"):
        excerpt_of(row, CONFIG)


@pytest.mark.parametrize("content", [None, [], {}, {"header": {}, "arrays": {}}])
def test_foreign_data_are_refused(content: Any) -> None:
    with pytest.raises(StoreError, match="this app wrote"):
        excerpt_of(json.loads(json.dumps(content)), CONFIG)


def test_other_arrays_have_another_key() -> None:
    assert excerpt_key(CONFIG, ("weights",)) != excerpt_key(CONFIG, ())

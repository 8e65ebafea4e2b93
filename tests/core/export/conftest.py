"""One small real run, trained once: run files, traces and code are tested on what the engine gives."""

from __future__ import annotations

import pytest

from fedrot_core.federation import Federation
from fedrot_core.trace import Trace
from tests.core.export.small import config


@pytest.fixture(scope="package")
def trace() -> Trace:
    """Tests must not change it."""
    return Federation(config()).run()

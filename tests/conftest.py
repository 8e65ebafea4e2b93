"""Settings for all tests: one torch thread, so that numbers do not depend on cores; an own store; no guesses."""

import os
from collections.abc import Iterator

import pytest
import torch

from app.jobs.ahead import SWITCH
from fedrot_core.store import FOLDER

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Finished runs go to a folder of this test process, never to the user's; apps that tests start inherit it."""
    os.environ[FOLDER] = str(tmp_path_factory.mktemp("store"))
    os.environ[SWITCH] = "0"  # nor does an app compute on the chance that somebody asks for it
    yield
    del os.environ[FOLDER], os.environ[SWITCH]

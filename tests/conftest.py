"""Settings for all tests: one torch thread, so that numbers do not depend on cores, and a store of their own."""

import os
from collections.abc import Iterator

import pytest
import torch

from fedrot_core.store import FOLDER

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Finished runs go to a folder of this test process, never to the user's; apps that tests start inherit it."""
    os.environ[FOLDER] = str(tmp_path_factory.mktemp("store"))
    yield
    del os.environ[FOLDER]

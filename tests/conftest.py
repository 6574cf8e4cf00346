"""What every test starts from."""

import os

import pytest
import torch

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several, of which each has a core
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def subnormals() -> None:
    """Undo what a training sets for its process, which here has other tests to run."""
    torch.set_flush_denormal(False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker waits for another at the end."""
    slow = ("slurm", "pipeline")
    items.sort(key=lambda i: next((n for n, m in enumerate(slow) if i.get_closest_marker(m)), 2))

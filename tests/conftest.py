"""What every test starts from."""

import pytest
import torch


@pytest.fixture(autouse=True)
def subnormals() -> None:
    """Undo what a training sets for its process, which here has other tests to run."""
    torch.set_flush_denormal(False)

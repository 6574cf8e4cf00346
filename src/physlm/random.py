"""The one door to randomness: independent generators, named by purpose and item.

Example *i* depends on the seed, its purpose and *i* alone, never on batch, worker or order. Nothing
in the package seeds or draws from a global generator.
"""

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def _entropy(seed: int, name: tuple[str | int, ...]) -> int:
    text = json.dumps([int(seed), *name])  # unambiguous: 1 and "1" differ, so do "a/b" and "a", "b"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def generator(seed: int, *name: str | int) -> np.random.Generator:
    """An independent NumPy generator for this seed and name, e.g. generator(0, "pass", 17)."""
    return np.random.Generator(np.random.PCG64(_entropy(seed, name)))


def torch_generator(seed: int, *name: str | int) -> "torch.Generator":
    """The same for torch (CPU), e.g. to initialise weights."""
    import torch

    return torch.Generator().manual_seed(_entropy(seed, name) % 2**63)

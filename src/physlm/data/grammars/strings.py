"""Strings of terminals (or of observable tokens, Part 1's implicit grammars) laid end to end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Strings:
    """n strings laid end to end.

    tokens [N] int32, each from 1; offsets [n + 1] int64, from 0 to N: string i is
    tokens[offsets[i] : offsets[i + 1]]. ValueError if the offsets do not say so.
    """

    tokens: np.ndarray
    offsets: np.ndarray

    def __post_init__(self) -> None:
        offsets = self.offsets
        if (
            self.tokens.ndim != 1
            or offsets.ndim != 1
            or len(offsets) == 0
            or offsets[0] != 0
            or offsets[-1] != len(self.tokens)
            or (np.diff(offsets) < 0).any()
        ):
            raise ValueError(
                f"offsets must rise from 0 to the {self.tokens.size} tokens, and both be rows"
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        """String i, int32 (a view); negative i counts from the end, IndexError beyond it."""
        n = len(self)
        if not -n <= i < n:
            raise IndexError(f"string {i} of {n}")
        i %= n
        return self.tokens[self.offsets[i] : self.offsets[i + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each string, [n] int64."""
        return np.diff(self.offsets)

    @classmethod
    def of(cls, strings: Sequence[np.ndarray | Sequence[int]]) -> "Strings":
        """These strings, copied; there may be none, and each may be empty."""
        lengths = [len(string) for string in strings]
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
        tokens = np.zeros(offsets[-1], np.int32)
        for string, start in zip(strings, offsets, strict=False):
            tokens[start : start + len(string)] = string
        return cls(tokens, offsets)

"""Drawing without replacement from spaces that are too large to list."""

import numpy as np


def distinct_strings(rng: np.random.Generator, n: int, sizes: tuple[int, ...]) -> np.ndarray:
    """Draw n distinct strings [n, len(sizes)] int64, uniform without replacement.

    Character j is below sizes[j]; n is at most the product of sizes. The strings come in the order
    of the draw, so position carries no information, and the first strings stay the same when more
    are drawn (unless most of a large space is).
    """
    space = 1
    for size in sizes:
        space *= size
    if space <= 1 << 20 or space < 2 * n:
        codes = rng.permutation(space)[:n]
        return np.stack(np.unravel_index(codes, sizes), axis=1)
    # Few of many: dropping repeats of independent draws, in the order drawn, is sampling without
    # replacement, and needs no memory of the size of the space.
    drawn = np.empty((0, len(sizes)), np.int64)
    while True:
        drawn = np.concatenate([drawn, rng.integers(sizes, size=(n + n // 8 + 8, len(sizes)))])
        if space < 2**62:
            keys = np.ravel_multi_index(tuple(drawn.T), sizes)
            first = np.unique(keys, return_index=True)[1]
        else:
            first = np.unique(drawn, axis=0, return_index=True)[1]
        if len(first) >= n:
            return drawn[np.sort(first)[:n]]

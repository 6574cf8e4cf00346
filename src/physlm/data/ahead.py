"""Blocks of problems that other processes draw before they are asked for.

A block depends on the seed and its number alone, so who draws it, and when, changes nothing.
"""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from typing import Any

from physlm.data.problems import Blocks, Texts, drawn, source

# Blocks that are drawn ahead, by process.
N_AHEAD = 2


@contextmanager
def ahead(world: str, settings: dict[str, Any], seed: int, n_workers: int) -> Iterator[Blocks]:
    """block -> its texts, as physlm.data.problems.drawn has them, from n_workers processes.

    Meant for blocks that are asked for in order; others are waited for. The processes end with the
    context.
    """
    # A process that has used an accelerator must not be forked.
    pool = ProcessPoolExecutor(n_workers, get_context("spawn"))
    waiting: dict[int, Future[Texts]] = {}
    told = json.dumps(settings)

    def blocks(block: int) -> Texts:
        for number in range(block, block + 1 + N_AHEAD * n_workers):
            if number not in waiting:
                waiting[number] = pool.submit(_draw, world, told, seed, number)
        for number in [number for number in waiting if number < block]:
            del waiting[number]
        return waiting[block].result()

    try:
        yield blocks
    finally:
        pool.shutdown(cancel_futures=True)


def _draw(world: str, settings: str, seed: int, block: int) -> Texts:
    return drawn(_opened(world, settings), seed, block)


@lru_cache(maxsize=1)
def _opened(world: str, settings: str) -> Any:
    return source(world, json.loads(settings))

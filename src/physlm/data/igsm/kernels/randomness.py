"""Random numbers in compiled code: SplitMix64 (Steele, Lea and Flood, 2014) from a hash of a 64-bit
key.

`state` [1] uint64 is its counter. A choice among k is Lemire's multiply-shift with rejection:
exactly uniform.
"""

import numba
import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)
_11, _27, _30, _31, _32, _63 = (np.uint64(n) for n in (11, 27, 30, 31, 32, 63))
_TWO_32 = np.uint64(1 << 32)
_LOW = np.uint64((1 << 32) - 1)


@numba.njit
def next_word(state):
    """The next 64 random bits."""
    state[0] += _STEP
    word = state[0]
    word = (word ^ (word >> _30)) * _FACTOR_1
    word = (word ^ (word >> _27)) * _FACTOR_2
    return word ^ (word >> _31)


@numba.njit
def real(state):
    """Uniform from 0 to 1, less than 1."""
    return np.int64(next_word(state) >> _11) * 2.0**-53


@numba.njit
def coin(state):
    """True or False, either half of the time."""
    return next_word(state) >> _63 == np.uint64(0)


@numba.njit
def below(state, n):
    """Uniform from 0 to n - 1; n from 1 to 2^32 - 1."""
    size = np.uint64(n)
    product = (next_word(state) >> _32) * size
    if product & _LOW < size:
        # 2^32 is no multiple of n: the first 2^32 mod n low words are one too many for some.
        least = (_TWO_32 - size) % size
        while product & _LOW < least:
            product = (next_word(state) >> _32) * size
    return np.int64(product >> _32)


@numba.njit
def between(state, least, most):
    """Uniform from least to most."""
    return least + below(state, most - least + 1)


@numba.njit
def sample(state, pool, n_pool, n):
    """Bring n of the first n_pool members, in random order, to the front."""
    for i in range(n):
        j = between(state, i, n_pool - 1)
        pool[i], pool[j] = pool[j], pool[i]


@numba.njit
def weighted(state, odds, n):
    """A number below n with these odds."""
    whole = 0.0
    for i in range(n):
        whole += odds[i]
    x = real(state) * whole
    for i in range(n - 1):
        x -= odds[i]
        if x < 0.0:
            return i
    return n - 1

"""Compiled expansion of a grammar: the random numbers of a string, its tokens, its tree.

Randomness: a call has one 64-bit key. String i has the SplitMix64 sequence (Steele, Lea and Flood,
2014) that starts at a hash of key and i, so it depends on those two alone and can be drawn again.
All sequences are pieces of one cycle of 2^64 numbers; 10^7 strings with 200 choices each have a
chance of 1 in 1000 that any two pieces overlap at all, and then two strings share a run of choices.

A choice among k is Lemire's multiply-shift with rejection on 32 bits: exactly uniform, no remainder
is favoured.
"""

import numba
import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_TWO_32 = np.uint64(1 << 32)
_LOW = np.uint64((1 << 32) - 1)


@numba.njit(cache=True)
def _mix(word: np.uint64) -> np.uint64:
    """The output function of SplitMix64, a bijection."""
    word = (word ^ (word >> _30)) * _FACTOR_1
    word = (word ^ (word >> _27)) * _FACTOR_2
    return word ^ (word >> _31)


@numba.njit(cache=True)
def start(key: np.uint64, i: int) -> np.uint64:
    """The state from which string i of a call is drawn."""
    return _mix(key + np.uint64(i) * _STEP)


@numba.njit(cache=True)
def choose(state: np.uint64, n: int) -> tuple[np.uint64, np.int64]:
    """The next state, and a uniform number from 0 to n - 1; n from 1 to 2^32 - 1.

    From Python the state must be passed as uint64: compiled code returns it as a plain int.
    """
    size = np.uint64(n)
    state += _STEP
    product = (_mix(state) >> _32) * size
    if product & _LOW < size:
        # 2^32 is no multiple of n: the first 2^32 mod n low words are one too many for some.
        least = (_TWO_32 - size) % size
        while product & _LOW < least:
            state += _STEP
            product = (_mix(state) >> _32) * size
    return state, np.int64(product >> _32)


@numba.njit(cache=True)
def write_strings(
    rules: np.ndarray,
    children: np.ndarray,
    child: np.ndarray,
    level: np.ndarray,
    symbols: np.ndarray,
    depth: int,
    key: np.uint64,
    first: int,
    tokens: np.ndarray,
    offsets: np.ndarray,
) -> int:
    """Write the symbols of one depth (from 1) of strings first, first + 1, ... into tokens.

    The arrays of a `Flat`, then int32 [capacity] and int64 [n + 1], offsets[: first + 1] filled.
    Returns the number of whole strings, below n if the next did not fit; call again with more room.
    """
    # Depth first: the symbols come out in order, and few are waiting at any time.
    stack = np.empty(child.size + level[0] + 1, np.int32)
    n = offsets.size - 1
    end = offsets[first]
    for i in range(first, n):
        state = start(key, i)
        stack[0] = symbols.size - 1
        top = 1
        while top > 0:
            top -= 1
            node = stack[top]
            state, pick = choose(state, int(rules[node + 1] - rules[node]))
            begin, stop = children[rules[node] + pick], children[rules[node] + pick + 1]
            if level[node] == depth - 1:
                if end + stop - begin > tokens.size:
                    return i
                for c in range(begin, stop):
                    tokens[end] = symbols[child[c]]
                    end += 1
            else:
                for c in range(stop - 1, begin - 1, -1):
                    stack[top] = child[c]
                    top += 1
        offsets[i + 1] = end
    return n


@numba.njit(cache=True)
def write_trees(
    rules: np.ndarray,
    children: np.ndarray,
    child: np.ndarray,
    level: np.ndarray,
    symbols: np.ndarray,
    key: np.uint64,
    offsets: np.ndarray,
    ancestor: np.ndarray,
    symbol: np.ndarray,
) -> None:
    """Draw the strings of `key` once more and write the nodes above each token, both [L, N]."""
    bottom = level[0]
    stack = np.empty(child.size + bottom + 1, np.int32)
    index = np.empty(bottom, np.int32)
    label = np.empty(bottom, np.int32)
    for i in range(offsets.size - 1):
        state = start(key, i)
        index[:] = -1
        end = offsets[i]
        stack[0] = symbols.size - 1
        top = 1
        while top > 0:
            top -= 1
            node = stack[top]
            index[level[node]] += 1
            label[level[node]] = symbols[node]
            state, pick = choose(state, int(rules[node + 1] - rules[node]))
            begin, stop = children[rules[node] + pick], children[rules[node] + pick + 1]
            if level[node] < bottom - 1:
                for c in range(stop - 1, begin - 1, -1):
                    stack[top] = child[c]
                    top += 1
                continue
            size = stop - begin
            for d in range(bottom):
                for at in range(end, end + size):
                    ancestor[d, at] = index[d]
                    symbol[d, at] = label[d]
            for c in range(size):
                ancestor[bottom, end + c] = end + c - offsets[i]
                symbol[bottom, end + c] = symbols[child[begin + c]]
            end += size

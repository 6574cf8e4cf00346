"""Strict building of dataclasses: every mistake is one line that names key, value and remedy."""

from dataclasses import dataclass
from typing import Literal

import pytest

from physlm.config import ConfigError, build, require


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1

    def __post_init__(self) -> None:
        require(self.rate > 0, "rate", self.rate, "above 0")


@dataclass(frozen=True)
class Outer:
    size: int
    kind: Literal["a", "b"] = "a"
    inner: Inner = Inner()
    betas: tuple[float, float] = (0.9, 0.98)
    limit: int | None = None
    flag: bool = False
    mode: Literal["x", "y"] | None = None


def test_builds_nested_values_and_converts_integers_to_floats() -> None:
    built = build(Outer, {"size": 3, "inner": {"rate": 1}, "betas": [0, 1], "limit": 4})
    assert built == Outer(3, "a", Inner(1.0), (0.0, 1.0), 4)
    assert isinstance(built.inner.rate, float)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": 1, "sise": 2}, ["f.sise=2", "unknown key", "did you mean size"]),
        ({}, ["f.size", "missing", "int"]),
        ({"size": "3"}, ["f.size='3'", "must be int", "not str"]),
        ({"size": True}, ["f.size=True", "must be int"]),
        ({"size": 1.5}, ["f.size=1.5", "must be int"]),
        ({"size": 1, "kind": "c"}, ["f.kind='c'", "one of a, b"]),
        ({"size": 1, "inner": {"rate": -1}}, ["f.inner.rate=-1.0", "above 0"]),
        ({"size": 1, "inner": {"rat": 1}}, ["f.inner.rat=1", "unknown key"]),
        ({"size": 1, "inner": 3}, ["f.inner=3", "Inner"]),
        ({"size": 1, "betas": [1, "x"]}, ["f.betas[1]='x'", "float"]),
        ({"size": 1, "limit": "x"}, ["f.limit='x': must be int or null, not str"]),
        ({"size": 1, "mode": "z"}, ["f.mode='z': must be one of x, y or null"]),
        ({"size": 1, "flag": 1}, ["f.flag=1", "bool"]),
    ],
)
def test_every_mistake_is_one_line_naming_key_and_value(values: dict, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, values, "f")
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message

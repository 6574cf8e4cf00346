"""The code digests: what changes them and what a closure holds."""

import ast
from pathlib import Path

import pytest

from physlm.provenance.closure import Closure, digest, parse


def test_blind_to_comments_layout_and_docstrings() -> None:
    one = '"""Doc."""\ndef f(a, b=2):\n    """Doc."""\n    return {a: b}  # note\n'
    two = "def f(a,\n      b = 2):\n\n    return {\n        a: b,\n    }\n"
    assert digest(ast.parse(one)) == digest(ast.parse(two))


@pytest.mark.parametrize(
    "other",
    [
        "def f(a, b=3):\n    return {a: b}",
        "def f(a, b=2):\n    return {b: a}",
        "def g(a, b=2):\n    return {a: b}",
    ],
)
def test_sees_changes(other: str) -> None:
    assert digest(ast.parse("def f(a, b=2):\n    return {a: b}")) != digest(ast.parse(other))


def test_same_on_every_python() -> None:
    # A fixed text has a fixed digest: Python 3.12 and 3.13 changed ast.dump, not this.
    text = (
        "import os\n\nclass A:\n    x: int = 1\n\n"
        "    async def f(self, *, k=None):\n        return f'{k!r:>{self.x}}'\n"
    )
    assert digest(ast.parse(text)) == DIGEST


DIGEST = "645771312d4998acd7bccfc801280eb6"


def test_imports_are_found() -> None:
    text = b"""
import os
from typing import TYPE_CHECKING
from physlm import config
from . import grid
from .locks import read
if TYPE_CHECKING:
    import physlm.heavy
def f():
    import physlm.lazy
"""
    found = parse("physlm.provenance.x", text, Path("x.py"))["imports"]
    assert {"physlm.config", "physlm.provenance.grid", "physlm.lazy"} <= set(found)
    assert "physlm.provenance.locks.read" in found
    assert "physlm.heavy" not in found


def test_closure_of_a_real_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    closure = Closure()
    found = closure.of(["physlm.provenance.runner"])
    assert {"physlm", "physlm.files", "physlm.provenance.cache"} <= set(found)
    assert "physlm.provenance.grid" not in found
    closure.save()
    assert Closure().of(["physlm.provenance.runner"]) == found

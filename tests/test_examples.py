"""The examples in docstrings say what is true."""

import doctest
import importlib
from pathlib import Path

import pytest

import physlm

ROOT = Path(physlm.__file__).parent
SHOWN = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_examples_of_docstrings_hold(path: Path) -> None:
    module = ".".join(("physlm", *path.relative_to(ROOT).with_suffix("").parts))
    failed, attempted = doctest.testmod(importlib.import_module(module))
    assert attempted
    assert not failed

"""Atomic files, digests and named generators."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from physlm import files, random


def test_replacing_leaves_the_old_file_when_the_writer_fails(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), files.replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_json_round_trip_and_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    files.write_json(path, {"ä": [1, 2.5]})
    assert files.read_json(path) == {"ä": [1, 2.5]}
    path.write_text("{")
    with pytest.raises(ValueError, match=r"a\.json: not valid JSON"):
        files.read_json(path)


def test_md5_is_the_digest_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert files.md5(path) == hashlib.md5(b"abc").hexdigest()


def test_generators_depend_on_seed_and_the_whole_name() -> None:
    def draw(seed: int, *name: str | int) -> int:
        return int(random.generator(seed, *name).integers(2**62))

    assert draw(0, "pass", 1) == draw(0, "pass", 1)
    names = [(0, "pass", 1), (0, "pass", "1"), (0, "pass", 2), (1, "pass", 1), (0, "pass/int:1")]
    assert len({draw(*name) for name in names}) == len(names)


def test_generators_do_not_touch_the_global_state() -> None:
    state = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    random.generator(0, "x").integers(10, size=1000)
    assert np.random.get_state(legacy=False)["state"]["pos"] == state  # noqa: NPY002

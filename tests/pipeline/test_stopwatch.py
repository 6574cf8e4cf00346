"""How long a job takes, over sittings that were cut off."""

import time
from pathlib import Path

import pytest

from physlm.provenance.stopwatch import KEPT_EVERY_S, Stopwatch


def test_a_sitting_goes_on_from_what_was_kept_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    first = Stopwatch(tmp_path / "spent.json")
    for _ in range(8):
        clock[0] += KEPT_EVERY_S / 4
        first.tick()
    kept = first.seconds()
    clock[0] += KEPT_EVERY_S / 2  # lost: nothing was written since
    first.tick()
    clock[0] = 1.0  # another machine
    second = Stopwatch(tmp_path / "spent.json")
    assert second.seconds() == kept == 2 * KEPT_EVERY_S
    clock[0] += 3.0
    assert second.seconds() == kept + 3.0


def test_without_ticks_nothing_is_written(tmp_path: Path) -> None:
    Stopwatch(tmp_path / "spent.json").tick()
    assert list(tmp_path.iterdir()) == []

"""How long a job takes, all its sittings together. Imports nothing heavy: every job starts here."""

import time
from pathlib import Path

from physlm import files

KEPT_EVERY_S = 5.0


class Stopwatch:
    """Runs from now on, and on from what `file` says of earlier sittings that were cut off."""

    def __init__(self, file: Path) -> None:
        self.file = file
        before = files.read_json(file)["seconds"] if file.exists() else 0.0
        self._kept = time.monotonic()
        self._start = self._kept - before

    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._start

    def tick(self) -> None:
        """Called often; now and then it writes the file, for a sitting may end with kill -9."""
        if time.monotonic() - self._kept >= KEPT_EVERY_S:
            self._kept = time.monotonic()
            files.write_json(self.file, {"seconds": self.seconds()})

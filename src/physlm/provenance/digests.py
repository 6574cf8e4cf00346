"""MD5 digests of files, remembered by inode, size and both times, so that nothing is read twice.

A file whose digest is known and right is dated 2000-01-01 (`settle`): equal dates keep Snakemake,
which cannot be told to ignore them, from seeing one result as newer than another. The change time
is part of the mark, so a file changed with its date kept is read again.
"""

import contextlib
import json
import os
from pathlib import Path

from physlm.files import md5, read_json, write_text

STORE = Path(".physlm/state.json")
OLD = 946684800  # 2000-01-01 00:00 UTC, in seconds


class Digests:
    """The digests of this working tree."""

    def __init__(self, fresh: bool = False) -> None:
        """`fresh`: believe nothing remembered (for the audit)."""
        self._known: dict[str, list] = {}
        self._changed = False
        self._fresh = fresh
        if not fresh:
            with contextlib.suppress(OSError, ValueError):
                self._known = read_json(STORE)

    def md5(self, path: str) -> str | None:
        """The digest of a file, None if there is none."""
        now = mark(path)
        if now is None:
            return None
        known = self._known.get(path)
        if known is None or known[1] != now:
            known = self._known[path] = [md5(path), now]
            self._changed = True
        return known[0]

    def settle(self, path: str) -> None:
        """Date a file whose digest was just taken; keeps the digest."""
        stat = os.stat(path)
        if stat.st_mtime_ns == OLD * 10**9:
            return
        os.utime(path, (OLD, OLD))
        if path in self._known:
            self._known[path][1] = mark(path)
            self._changed = True

    def save(self) -> None:
        """Remember for the next start."""
        if self._changed and not self._fresh:
            write_text(STORE, json.dumps(self._known))


def mark(path: str) -> list[int] | None:
    """What changes when a file does, as far as one can tell without reading; None if it is gone."""
    try:
        stat = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]

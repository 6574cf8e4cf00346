"""Tie a process to the one that started it: python -m physlm.provenance.tied COMMAND...

`accelerate launch` starts its ranks in sessions of their own, where they outlive a launcher that is
killed. Started through this module they die with it. If PHYSLM_LOG names a file, errors go there
and not among the launcher's own.
"""

import ctypes
import os
import signal
import sys


def die_with_parent() -> None:
    """Let Linux kill this process when its parent is gone; elsewhere it does nothing."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main() -> None:
    """Become the command, tied to the present parent."""
    die_with_parent()
    if os.getppid() == 1:  # gone before it could be tied
        sys.exit(1)
    log = os.environ.get("PHYSLM_LOG")
    if log:
        # Unbuffered, a line and its end are two writes, between which those of other ranks get.
        os.environ.pop("PYTHONUNBUFFERED", None)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), sys.stderr.fileno())
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()

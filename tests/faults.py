"""Run `cache-coverage` with a fault: it is killed, or fails, at its Nth step on files of a folder.

Run as `python -m tests.faults FAULT N FOLDER COMMAND...`. FAULT is `kill` or an `errno` name as
ENOSPC. A step is whatever changes the folder and goes through Python: a file opened to write, a
folder made, anything renamed, linked or removed. Where there is no N-th, the last line on stderr is
the number of steps that there were.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Any

CHANGES = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
WRITES = os.O_WRONLY | os.O_RDWR


def main() -> None:
    """Install the fault and run the command."""
    fault, number, folder, *command = sys.argv[1:]
    step_count = 0
    pid = os.getpid()

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal step_count
        if event == "open":
            is_step = isinstance(arguments[2], int) and bool(arguments[2] & WRITES)
        else:
            # The exchange of two folders is called through ctypes.
            is_step = event in CHANGES or (event == "ctypes.dlsym" and "renameat2" in arguments)
        if not is_step or os.getpid() != pid:
            return
        if event != "ctypes.dlsym" and not any(folder in str(path) for path in arguments[:2]):
            return
        step_count += 1
        if step_count != int(number):
            return
        if fault == "kill":
            os.kill(pid, signal.SIGKILL)
        if event not in {"os.remove", "os.rmdir", "shutil.rmtree"}:  # to remove needs no space
            code = getattr(errno, fault)
            raise OSError(code, os.strerror(code), str(arguments[0]))

    sys.addaudithook(watch)
    from pipeline.cli.main import main as run

    try:
        run(command)
    finally:
        if step_count < int(number):
            sys.stderr.write(f"{step_count}\n")


if __name__ == "__main__":
    main()

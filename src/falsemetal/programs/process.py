"""An outside program, run so that it leaves no process behind."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from falsemetal.interruption import InterruptedRunError, Interruption

POLL_S = 0.5

GRACE_S = 20.0
"""Time for an MPI launcher to end its ranks before it is killed."""


def run_program(
    command: Sequence[str],
    directory: Path,
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    watch: Callable[[], None] = lambda: None,
) -> int:
    """Run a program with its output in a file and return its exit status.

    To be called in the main thread: a SIGTERM to this process ends the program too. So does what
    `watch` raises, which is called about twice a second while it runs; InterruptedRunError if this
    process was told to end. The environment is by default this process' own.
    """
    with Interruption() as interrupted, log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            while _runs(process):
                if interrupted():
                    raise InterruptedRunError
                watch()
        finally:
            _end(process)
    if interrupted():
        raise InterruptedRunError
    return process.returncode


def _runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started, if it still runs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            continue

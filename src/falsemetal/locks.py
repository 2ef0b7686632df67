"""One writer at a time: a process that a killed run left behind may still be at work."""

from pathlib import Path

from filelock import FileLock, Timeout

from falsemetal.progress import logger


def lock(path: Path) -> FileLock:
    """Wait until no other process holds the file, and hold it until `release` is called.

    The system drops the lock of a process that dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(path.with_suffix(".lock"))
    try:
        held.acquire(timeout=0)
    except Timeout:
        logger.info("%s: another process still writes it; waiting for it to end", path)
        held.acquire()
    return held

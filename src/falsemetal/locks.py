"""One writer at a time: a process that a killed run left behind may still be at work."""

import errno
from pathlib import Path

from filelock import FileLock, Timeout

from falsemetal.progress import logger


def lock(path: Path) -> FileLock:
    """Wait until no other process holds the file, and hold it until `release` is called.

    The system drops the lock of a process that dies. A file system without locks is named, and the
    file goes unprotected: a mark of one's own would outlive a process that is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(path.with_suffix(".lock"), fallback_to_soft=False)
    try:
        held.acquire(timeout=0)
    except Timeout:
        logger.info("%s: another process still writes it; waiting for it to end", path)
        held.acquire()
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        logger.warning("%s: this file system has no locks; start nothing twice", path)
    return held

"""What a person sees while something long runs: lines, because jobs run side by side."""

import copy
import logging
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NoReturn

logger = logging.getLogger("falsemetal")

ERROR_SUFFIX = ".error"
FORMAT, TIME = "%(asctime)s %(message)s", "%H:%M:%S"

REMARKS = (
    "The TorchScript type system doesn't support",
    ".*TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",
)
"""Warnings of libraries about themselves, which say nothing to a user."""


def log_to(path: str | Path | None) -> None:
    """Send the package's messages to the terminal and, if given, to a log file.

    An error that ends the process becomes one line on the terminal; its traceback goes to the file,
    and its type and message to `<path>.error`. So does the message of `sys.exit("…")`. What an
    earlier process left there is removed.
    """
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_WithoutTraceback(FORMAT, TIME))
    handlers: list[logging.Handler] = [terminal]
    if path is not None:
        file = logging.FileHandler(path, mode="w")
        file.setFormatter(logging.Formatter(FORMAT, TIME))
        handlers.append(file)
    logger.handlers = handlers
    logger.setLevel(logging.INFO)
    logger.propagate = False
    note = None if path is None else Path(f"{path}{ERROR_SUFFIX}")
    if note is not None:
        note.unlink(missing_ok=True)
    sys.excepthook = partial(_report_error, note)
    # no hook sees a SystemExit
    sys.exit = partial(_exit, note)
    for remark in REMARKS:
        warnings.filterwarnings("ignore", remark)


class _WithoutTraceback(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        brief = copy.copy(record)
        brief.exc_info = brief.exc_text = None
        return super().format(brief)


def _report_error(
    note: Path | None,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
) -> None:
    logger.error("%s: %s", kind.__name__, error, exc_info=(kind, error, traceback))
    if note is not None and isinstance(error, Exception):
        note.write_text(f"{kind.__name__}: {error}\n")


def _exit(note: Path | None, status: str | int | None = None, /) -> NoReturn:
    if note is not None and isinstance(status, str):
        note.write_text(f"{SystemExit.__name__}: {status}\n")
    raise SystemExit(status)


class Progress:
    """Report how far a run is, how fast it goes and how long it will take.

    Parameters
    ----------
    label
        What is running, as a person would call it.
    total
        Number of steps at the end.
    unit
        Name of a step.
    interval_s
        Least time between two lines.
    """

    def __init__(
        self, label: str, total: int, *, unit: str = "steps", interval_s: float = 20.0
    ) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.interval_s = interval_s
        self._start: int | None = None
        self._began = self._reported = time.monotonic()

    def update(self, done: int, detail: str = "") -> None:
        """Tell how many steps of the total are reached; prints when it is time to.

        The first call tells where this process takes over; speed counts from there.
        """
        now = time.monotonic()
        if self._start is None:
            self._start, self._began, self._reported = done, now, now
            came_from = f", resumes at {done}" if done else ""
            logger.info("%s: %d %s%s", self.label, self.total, self.unit, came_from)
            return
        if now - self._reported < self.interval_s and done < self.total:
            return
        self._reported = now
        elapsed = max(now - self._began, 1e-9)
        rate = max(done - self._start, 1e-9) / elapsed
        left = (self.total - done) / rate
        ending = f"{_clock(left)} left" if done < self.total else f"took {_clock(elapsed)}"
        logger.info(
            "%s: %d/%d %s, %s %s/s, %s%s",
            self.label,
            done,
            self.total,
            self.unit,
            f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}",
            self.unit,
            ending,
            f", {detail}" if detail else "",
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:d}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:d}:{rest:02d}"

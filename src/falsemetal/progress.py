"""What a person sees while something long runs: lines, because jobs run side by side."""

import copy
import logging
import sys
import time
from pathlib import Path
from types import TracebackType

logger = logging.getLogger("falsemetal")

FORMAT, TIME = "%(asctime)s %(message)s", "%H:%M:%S"


def log_to(path: str | Path | None) -> None:
    """Send the package's messages to the terminal and, if given, to a log file.

    An error that ends the process becomes one line on the terminal; its traceback goes to the file.
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
    sys.excepthook = _report_error


class _WithoutTraceback(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        brief = copy.copy(record)
        brief.exc_info = brief.exc_text = None
        return super().format(brief)


def _report_error(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logger.error("%s: %s", kind.__name__, error, exc_info=(kind, error, traceback))


class Progress:
    """Report how far a run is, how fast it goes and how long it will take.

    Parameters
    ----------
    label
        What is running, as a person would call it.
    total
        Number of steps at the end.
    start
        Step at which this process takes over, when a run resumes.
    unit
        Name of a step.
    interval_s
        Least time between two lines.
    """

    def __init__(
        self,
        label: str,
        total: int,
        *,
        start: int = 0,
        unit: str = "steps",
        interval_s: float = 20.0,
    ) -> None:
        self.label, self.total, self.start, self.unit = label, total, start, unit
        self.interval_s = interval_s
        self._began = self._reported = time.monotonic()
        self._done = start
        if start:
            logger.info("%s: resumes at %d of %d %s", label, start, total, unit)
        else:
            logger.info("%s: %d %s", label, total, unit)

    @property
    def rate_per_s(self) -> float:
        """Steps per second of this process."""
        return (self._done - self.start) / max(time.monotonic() - self._began, 1e-9)

    def update(self, done: int, detail: str = "") -> None:
        """Tell that `done` steps of the total are reached; prints when it is time to."""
        self._done = done
        now = time.monotonic()
        if done == self.start:
            return
        if now - self._reported < self.interval_s and done < self.total:
            return
        self._reported = now
        left = (self.total - done) / max(self.rate_per_s, 1e-9)
        ending = (
            f"{_clock(left)} left" if done < self.total else f"took {_clock(now - self._began)}"
        )
        logger.info(
            "%s: %d/%d %s, %s %s/s, %s%s",
            self.label,
            done,
            self.total,
            self.unit,
            f"{self.rate_per_s:.0f}" if self.rate_per_s >= 10 else f"{self.rate_per_s:.2g}",
            self.unit,
            ending,
            f", {detail}" if detail else "",
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:d}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:d}:{rest:02d}"

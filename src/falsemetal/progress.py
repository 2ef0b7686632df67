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

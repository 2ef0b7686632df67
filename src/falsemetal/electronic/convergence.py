"""What a person sees while the electrons of a job become self-consistent."""

import re
import time
from pathlib import Path

from falsemetal.progress import logger

CHANGE = {
    "cp2k": re.compile(r"^ +\d+ \S+/Diag\. +\S+ +\S+ +(\S+)\s", re.MULTILINE),
    "fhi-aims": re.compile(r"Change of charge density +: +(\S+)\s"),
}
"""How an engine writes the change of the density that a step of self-consistency ends with."""


class ConvergenceReport:
    """Report now and then how far self-consistency has come; to be called while an engine runs.

    Parameters
    ----------
    output
        What the engine writes.
    engine
        Key of :data:`CHANGE`.
    interval_s
        Least time between two lines.
    """

    def __init__(self, output: Path, engine: str, *, interval_s: float = 60.0) -> None:
        self.output, self.change, self.interval_s = output, CHANGE[engine], interval_s
        self._reported, self._steps = time.monotonic(), 0

    def __call__(self) -> None:
        """Log the last step, where it is time to and there is a new one."""
        now = time.monotonic()
        if now - self._reported < self.interval_s:
            return
        self._reported = now
        try:
            text = self.output.read_text(errors="replace")
        except OSError:  # what is raised here would end the engine
            return
        changes = self.change.findall(text)
        if len(changes) > self._steps:
            self._steps = len(changes)
            logger.info(
                "%s: step %d of self-consistency, change %s",
                self.output.parent,
                self._steps,
                changes[-1],
            )

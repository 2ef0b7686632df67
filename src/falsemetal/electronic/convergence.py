"""What a person sees while the electrons of a job become self-consistent."""

import re
import time
from pathlib import Path

from falsemetal.progress import logger


class ConvergenceReport:
    """Report how far self-consistency has come, `interval_s` apart at least, while an engine runs.

    `output` is what the engine writes, `change` as of
    :class:`falsemetal.electronic.engine.EngineKind`.
    """

    def __init__(self, output: Path, change: re.Pattern[str], *, interval_s: float = 60.0) -> None:
        self.output, self.change, self.interval_s = output, change, interval_s
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

"""A run that is told to end, as by a cluster at the end of its walltime, ends in good order."""

import signal
from types import FrameType, TracebackType
from typing import Self

EXIT_STATUS = 128 + signal.SIGTERM


class Interruption:
    """Remembers a SIGTERM instead of dying of it; use as a context manager in the main thread."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        """Tell whether the run has been told to end."""
        return self.requested

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.requested = True


class InterruptedRunError(SystemExit):
    """The run was told to end, saved its state and ends with the status of a terminated process."""

    def __init__(self) -> None:
        super().__init__(EXIT_STATUS)

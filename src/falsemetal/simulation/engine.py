"""What an engine of molecular dynamics is to the driver."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from falsemetal.arrays import FloatArray
from falsemetal.simulation.checkpoint import Checkpoint


@dataclass(frozen=True)
class Sample:
    """State of a run, `step` steps since its start, as it is judged and recorded.

    Positions, unwrapped, in Å, and forces in eV/Å are valid until the next sample is asked for. The
    checkpoint is to be saved with the frames so far, where one is due.
    """

    step: int
    positions: FloatArray
    forces: FloatArray
    potential_energy_eV: float
    temperature_K: float
    checkpoint: Checkpoint | None = None


class MDEngine(Protocol):
    """A program that integrates the equations of motion of one start; the file tells its name."""

    name: str

    def identity(self) -> dict[str, Any]:
        """Tell what a run depends on beside its specification, as plain builtins.

        Such as checksums of a model's files; a run of another identity is not continued.
        """

    def run(
        self, checkpoint: Checkpoint | None, n_steps: int, *, watch: Callable[[int], None]
    ) -> Generator[Sample, None, None]:
        """Run from a checkpoint, or from the start, and yield samples; closing it ends the run.

        The first sample is the state that is begun from. Every multiple of the frame interval has a
        sample; an engine may give more, which are judged and not recorded. The last step has a
        checkpoint. The checkpoint begun from is of an earlier run of the same identity.

        `n_steps` are to be reached in total, more than the checkpoint has. `watch` is called with
        the step reached every few seconds while samples are long in coming; what it raises ends the
        run.
        """

    def checkpoint(self) -> Checkpoint | None:
        """Return the state after the last sample, or None if no run continues from it exactly."""

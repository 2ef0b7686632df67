"""Molecular dynamics of a committee by CP2K, with the CSVR thermostat as in the paper.

Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101 (2007).
"""

import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from falsemetal.potentials.bpnnp.cp2k import Cp2kCommittee, nnp_input
from falsemetal.potentials.bpnnp.store import kept_committee
from falsemetal.potentials.force_field.topology import UnsupportedStructureError
from falsemetal.potentials.store import describe_model
from falsemetal.programs.cp2k import Cp2kError, require_cp2k
from falsemetal.programs.cp2k_frames import frame_files, read_frames, steps_done
from falsemetal.programs.cp2k_input import random_state
from falsemetal.simulation.ase_engine import ready_to_move
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.engine import Sample
from falsemetal.simulation.settings import Conditions
from falsemetal.systems.system import System

SEGMENT_ATOM_STEPS = 600_000
"""Atoms times steps of a segment: 5 to 10 minutes of one core.

CP2K's start and the forces that it begins with cost as much as one to nine steps.
"""


class Cp2kMD:
    """Dynamics by CP2K with one CSVR thermostat for all atoms; every frame is a sample.

    A run is a chain of segments, each a process of CP2K begun from a checkpoint with a thermostat
    seeded by (seed, step); the thermostat has no memory, so the chain samples as one process would.
    It continues from the ends of segments alone, exactly if with as many ranks. To be run in the
    main thread.

    The start is equilibrated, with velocities, periodic in all directions; the folder is the
    model's. `scratch`, where CP2K runs, is deleted at the end, unless CP2K fails. Segments are
    rounded to whole frame intervals; by default they take some minutes. A start or a committee that
    CP2K cannot run, or no CP2K, raises ValueError, ModelError, UnsupportedStructureError or
    Cp2kError.
    """

    def __init__(
        self,
        start: System,
        folder: Path,
        conditions: Conditions,
        *,
        csvr_time_fs: float,
        scratch: Path,
        n_ranks: int,
        segment_steps: int | None = None,
    ) -> None:
        if not start.atoms.has("momenta"):
            raise ValueError("start: has no velocities; equilibrate it first")
        if start.fixed.any():
            raise UnsupportedStructureError("fixed atoms: CP2K's runs move all; use engine: native")
        self._committee = Cp2kCommittee.read(kept_committee(folder))
        self._committee.check(start.atoms)
        self._weights_sha256 = describe_model(folder)["weights_sha256"]
        self._cp2k = require_cp2k()
        self.name = f"CP2K {self._cp2k.version}"
        self._atoms = ready_to_move(start, conditions.hydrogen_mass_u)
        self._conditions, self._csvr_time_fs = conditions, csvr_time_fs
        self._scratch, self._n_ranks = scratch, n_ranks
        interval, steps = conditions.frame_interval_steps, segment_steps
        steps = steps or SEGMENT_ATOM_STEPS // len(self._atoms)
        self._segment_steps = interval * max(1, round(steps / interval))

    def identity(self) -> dict[str, Any]:
        """Tell the committee, and where thermostats are seeded anew."""
        return {"weights_sha256": self._weights_sha256, "segment_steps": self._segment_steps}

    def run(
        self, checkpoint: Checkpoint | None, n_steps: int, *, watch: Callable[[int], None]
    ) -> Generator[Sample, None, None]:
        """Run; see :class:`falsemetal.simulation.engine.MDEngine`. Raises Cp2kError if it fails."""
        state = checkpoint or Checkpoint(0, self._atoms.positions, self._atoms.get_momenta())
        begin = state.step
        try:
            while state.step < n_steps:
                end = min(state.step + self._segment_steps, n_steps)
                state = yield from self._run_segment(state, end, watch, state.step == begin)
        except GeneratorExit:
            pass  # no more samples are wanted
        shutil.rmtree(self._scratch, ignore_errors=True)

    def checkpoint(self) -> None:
        """Return None: a run continues from the ends of segments."""

    def _run_segment(
        self, state: Checkpoint, end: int, watch: Callable[[int], None], is_first: bool
    ) -> Generator[Sample, None, Checkpoint]:
        """Run CP2K from a state to a step, yield its frames and return the state reached."""
        begin, crash = state.step, None
        atoms = self._atoms.copy()
        atoms.positions = state.positions
        atoms.set_momenta(state.momenta, apply_constraint=False)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        text = nnp_input(atoms, self._committee, self._motion(begin, end), self._scratch)

        def watch_steps() -> None:
            # the last step is reached once its frame is read
            watch(min(begin + steps_done(self._scratch), end - 1))

        watch(begin)
        try:
            self._cp2k.run(text, self._scratch, n_ranks=self._n_ranks, watch=watch_steps)
        except Cp2kError as error:
            crash = error  # perhaps since the atoms are nowhere, which the frames tell better
        offset_eV = self._committee.atomic_energy_eV(atoms)
        for steps, frame in read_frames(self._scratch, atoms, offset_eV):
            state = Checkpoint(begin + steps, frame.positions, frame.get_momenta())
            if steps == 0 and not is_first:
                continue
            yield Sample(
                step=state.step,
                positions=frame.positions,
                forces=frame.get_forces(apply_constraint=False),
                potential_energy_eV=frame.get_potential_energy(),
                temperature_K=frame.get_temperature(),
                checkpoint=state if state.step == end and crash is None else None,
            )
        if crash is not None:
            raise crash
        return state

    def _motion(self, step: int, end: int) -> dict[str, Any]:
        conditions = self._conditions
        interval = conditions.frame_interval_steps
        csvr = {
            "TIMECON": f"[fs] {self._csvr_time_fs!r}",
            "RNG_INIT": {"": random_state(conditions.seed, step)},
        }
        md = {
            "ENSEMBLE": "NVT",
            "STEPS": end - step,
            "TIMESTEP": f"[fs] {conditions.timestep_fs!r}",
            "TEMPERATURE": f"[K] {conditions.temperature_K!r}",
            "THERMOSTAT": {"TYPE": "CSVR", "REGION": "GLOBAL", "CSVR": csvr},
            "PRINT": {"ENERGY": {"EACH": {"MD": interval}}},
        }
        return {"MD": md, "PRINT": frame_files(interval)}

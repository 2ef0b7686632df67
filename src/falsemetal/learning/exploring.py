"""What a dataset holds of a liquid's dipoles, and which frames of a potential's runs lie beyond."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from falsemetal.arrays import FloatArray, IntArray
from falsemetal.datasets.checks import distance_fault
from falsemetal.datasets.config_type import find_config_type
from falsemetal.datasets.errors import DatasetError
from falsemetal.electronic.structure import DECIMALS
from falsemetal.estimators.dipole import lateral_area
from falsemetal.learning.choosing import CHOSEN, HELD, choose
from falsemetal.learning.settings import ExploreSpec
from falsemetal.observables.runs import Block
from falsemetal.progress import logger
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import find_molecules, is_centre

CHUNK = 100
"""Frames held in memory at once."""


@dataclass(frozen=True)
class Explored:
    """A system that runs explored: what makes frames of a dataset comparable with it."""

    elements: frozenset[str]
    is_bulk: bool
    molecules_per_A2: float

    def is_like(self, frame: Atoms) -> bool:
        """Tell whether a frame has the same elements, and vacuum where the system has it.

        A slab of others may be periodic along z, across its vacuum.
        """
        is_bulk = find_config_type(frame) == "bulk"
        return set(frame.symbols) == self.elements and is_bulk == self.is_bulk


def unit_dipoles(block: Block) -> FloatArray:
    """Dipole along z of a liquid for a charge of 1 e on its centres, in e·Å, shape (n_frames,).

    Its sum over molecules, in a periodic cell too.
    """
    return np.asarray(block.dipoles_z(block.liquid.charges(1.0)).sum(axis=1))


def tabulate_held(frames: Iterable[Atoms], like: Explored, liquid: Molecule) -> pd.DataFrame:
    """Tabulate the dataset's frames that are like the explored system.

    `unit_P_per_A` is the dipole per area in 1/Å that one would have in it, for a charge of 1 e on
    the centres, and by molecule: a thinner or wider cell with molecules aligned as much counts as
    the same. `fraction_broken` is the share of molecules that are not whole.
    """
    blocks = [_block(frame, liquid) for frame in frames if like.is_like(frame)]
    by_molecule = [unit_dipoles(block)[0] / block.n_molecules for block in blocks]
    return pd.DataFrame(
        {
            "unit_P_per_A": np.array(by_molecule) * like.molecules_per_A2,
            "fraction_broken": [block.molecules.broken_fraction[0] for block in blocks],
        }
    )


def _block(frame: Atoms, liquid: Molecule) -> Block:
    """Tell a liquid's atoms from a solid's: a centre without satellites, as in rutile, is of that.

    Atoms of molecules without satellites are all the liquid's.
    """
    within = np.isin(frame.symbols, liquid.elements)
    place = (frame.cell.array, frame.pbc)
    if liquid.satellites and not set(frame.symbols) <= set(liquid.elements):
        found = find_molecules(
            frame.positions[None, within], frame.numbers[within], *place, molecule=liquid
        )
        bare = np.sum(list(found.counts.values()), axis=0)[0] == 0
        within[np.flatnonzero(within & is_centre(frame.numbers, liquid))[bare]] = False
    return Block(frame.positions[None, within], frame.numbers[within], *place, liquid, None)


def explore(
    spec: ExploreSpec, known: Sequence[Atoms], trajectories: Sequence[Path]
) -> tuple[list[Atoms], pd.DataFrame]:
    """Choose frames of runs for labels.

    Parameters
    ----------
    spec
        What to choose by.
    known
        Frames of the dataset.
    trajectories
        H5MD files by number of replica; of one that failed the frames up to there.

    Returns
    -------
    list of Atoms
        Those chosen, with `number`, `trajectory` and `time_ps` in `info`.
    DataFrame
        All frames of the runs, as of :func:`falsemetal.learning.choosing.choose`, and those of the
        dataset with which they were compared, whose `verdict` is "held".
    """
    tables = []
    like = None
    for replica, path in enumerate(trajectories):
        with Trajectory(path) as trajectory:
            table, like = _tabulate(trajectory, spec)
            tables.append(table.assign(replica=replica))
            if trajectory.failure:
                logger.info("%s: failed, explored up to there: %s", path, trajectory.failure)
    if like is None:
        raise DatasetError(f"{spec.by}: no run to explore")
    held = tabulate_held(known, like, spec.liquid)
    if not len(held):
        logger.warning(
            "no frame of the dataset is of %s, with vacuum as in the runs: all of these are new",
            ", ".join(sorted(like.elements)),
        )
    explored = choose(pd.concat(tables, ignore_index=True), held, spec.select)
    chosen = explored[explored["verdict"] == CHOSEN].sort_values("replica", kind="stable")
    explored.loc[chosen.index, "number"] = np.arange(len(chosen))
    logger.info(
        "explored %d frames: %s",
        len(explored),
        ", ".join(f"{n} {verdict}" for verdict, n in explored["verdict"].value_counts().items()),
    )
    frames = list(_extract(chosen, trajectories, spec.by))
    table = pd.concat([explored, held.assign(verdict=HELD)], ignore_index=True)
    return frames, table.assign(
        P_z_e_per_A=spec.charge_e * table["unit_P_per_A"],
        electronic_P_z_e_per_A=spec.electronic_charge_e * table["unit_P_per_A"],
    )


def _tabulate(trajectory: Trajectory, spec: ExploreSpec) -> tuple[pd.DataFrame, Explored]:
    of_liquid = trajectory.region == spec.liquid.region
    area_A2 = lateral_area(trajectory.cell)
    atoms = Atoms(numbers=trajectory.numbers, cell=trajectory.cell, pbc=trajectory.pbc)
    parts = []
    first = 0
    n_molecules = 0
    for positions in trajectory.position_chunks(0, CHUNK):
        block = Block(
            positions[:, of_liquid],
            trajectory.numbers[of_liquid],
            trajectory.cell,
            trajectory.pbc,
            spec.liquid,
            None,
        )
        n_molecules = block.n_molecules
        parts.append(
            pd.DataFrame(
                {
                    "frame": np.arange(first, first + len(positions)),
                    "time_ps": trajectory.times_ps[first : first + len(positions)],
                    "unit_P_per_A": unit_dipoles(block) / area_A2,
                    "fraction_broken": block.molecules.broken_fraction,
                    "refused": list(_refusals(positions, block, atoms, spec.minimum_distance_A)),
                }
            )
        )
        first += len(positions)
    like = Explored(frozenset(atoms.symbols), bool(trajectory.pbc[2]), n_molecules / area_A2)
    return pd.concat(parts, ignore_index=True), like


def refusal(atoms: Atoms, bound: IntArray, liquid: Molecule, limits_A: Mapping[str, float]) -> str:
    """Why a frame is unphysical, or nothing; `bound` counts the satellites of each centre."""
    if not np.isfinite(atoms.positions).all():
        return "not finite"
    if liquid.satellites and not np.all(bound):
        return f"{' or '.join(liquid.centres)} without {' or '.join(liquid.satellites)}"
    fault = distance_fault(atoms, limits_A)
    return fault[0] if fault else ""


def _refusals(
    positions: FloatArray, block: Block, atoms: Atoms, limits_A: Mapping[str, float]
) -> Iterator[str]:
    counts = list(block.molecules.counts.values())
    bound = np.sum(counts, axis=0) if counts else np.ones((len(block), 1))
    for places, of_centres in zip(positions, bound, strict=True):
        atoms.positions = places
        yield refusal(atoms, of_centres, block.liquid, limits_A)


def _extract(chosen: pd.DataFrame, trajectories: Sequence[Path], by: str) -> Iterator[Atoms]:
    """Frames in the order of their numbers."""
    for replica, rows in chosen.groupby("replica", sort=True):
        with Trajectory(trajectories[int(str(replica))]) as trajectory:
            for index, row in rows.iterrows():
                [positions] = next(trajectory.position_chunks(int(row["frame"]), 1))
                frame = Atoms(
                    numbers=trajectory.numbers,
                    positions=positions.astype(float).round(DECIMALS),
                    cell=trajectory.cell,
                    pbc=trajectory.pbc,
                )
                frame.info = {
                    "number": chosen.index.get_loc(index),
                    "trajectory": f"{by}-{replica}",
                    "time_ps": float(row["time_ps"]),
                }
                yield frame

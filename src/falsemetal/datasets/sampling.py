"""Molecular dynamics of the force field: labelled frames to learn from."""

import zlib
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
from ase import Atoms

from falsemetal.datasets.labelling import label_frames
from falsemetal.datasets.settings import AnySampling, InterfaceRun, SampleSpec, SamplingRun
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.md import (
    LANGEVIN_TIME_FS,
    TIMESTEP_FS,
    heat,
    lammps_seeds,
    run_in_parts,
)
from falsemetal.systems.interface import water_on
from falsemetal.systems.labels import EXTERNAL_FIELD
from falsemetal.systems.system import System
from falsemetal.systems.water import brine_box, cubic_cell, water_box, water_slab
from falsemetal.units import ATM_PER_BAR, WATER_DENSITY_G_PER_CM3, water_number_density

BRINE_DENSITY_PER_MOLALITY = 0.038
"""Rise of the density of aqueous NaCl in g/cm³ per mol/kg; only the start of an NPT run."""

BAROSTAT_TIME_FS = 1000.0


def sample_labelled_frames(
    spec: SampleSpec,
    *,
    progress: Callable[[int], None] = lambda _: None,
    log: str | Path | None = None,
) -> list[Atoms]:
    """Sample frames of all replicas of a run and label them with energies and forces.

    Bulk water and brine run at constant pressure, slabs and interfaces at constant volume. Half of
    the equilibration is Langevin dynamics at the start density, half the production ensemble.
    Replica 2 of the run `bulk` becomes the trajectory `bulk-2`; seed, name and replica determine
    everything random.

    `progress` is told the number of steps done, of :func:`sampling_steps`; LAMMPS appends its log
    to `log`. Frames have `REF_energy` (eV), `config_type`, `trajectory` and `time_ps` in `info`,
    `REF_forces` (eV/Å) in `arrays`, unwrapped positions; slabs are periodic in x and y only. In
    turn they are labelled in the run's fields, which `external_field` (V/Å) tells.
    """
    frames: list[Atoms] = []
    for replica in range(spec.run.replicas):
        frames += _sample(spec, replica, progress=progress, log=log)
    for frame, field_V_per_A in zip(frames, cycle(spec.run.label_fields_V_per_A), strict=False):
        if field_V_per_A:
            frame.info[EXTERNAL_FIELD] = np.array([0.0, 0.0, field_V_per_A])
    return label_frames(frames, spec.force_field, charges=spec.charges)


def sampling_steps(run: AnySampling) -> int:
    """Count the MD steps of all replicas of a sampling run."""
    equilibration, interval = _step_counts(run)
    return run.replicas * (2 * equilibration + run.n_frames * interval)


def _sample(
    spec: SampleSpec, replica: int, *, progress: Callable[[int], None], log: str | Path | None
) -> list[Atoms]:
    run, trajectory = spec.run, f"{spec.name}-{replica}"
    structure_seed, thermostat_seed = lammps_seeds(_derive_seed(spec.seed, spec.name, replica))
    half, interval = _step_counts(run)
    before = replica * sampling_steps(run) // run.replicas
    frames = []
    start = _start(run, structure_seed)
    with LammpsEngine(start.atoms, spec.force_field, fixed=start.fixed, log=log) as engine:
        heat(engine, run.temperature_K, thermostat_seed)
        if isinstance(run, InterfaceRun) and run.field_V_per_A:
            engine.apply_field(run.field_V_per_A * (-1.0 if replica % 2 else 1.0))
        for done in run_in_parts(engine, half):
            progress(before + done)
        if isinstance(run, SamplingRun) and run.kind != "slab":
            _switch_to_npt(engine, run.temperature_K, run.pressure_bar)
        for done in run_in_parts(engine, half):
            progress(before + half + done)
        for steps in range(interval, (run.n_frames + 1) * interval, interval):
            engine.command(f"run {interval} post no")
            frame = engine.snapshot()
            frame.info["time_ps"] = steps * TIMESTEP_FS / 1000.0
            frame.info |= {"config_type": _config_type(run), "trajectory": trajectory}
            frames.append(frame)
            progress(before + 2 * half + steps)
    return frames


def _config_type(run: AnySampling) -> str:
    """Name what frames are of; faces of several solids are told apart."""
    return "-".join([*run.elements, run.kind]) if isinstance(run, InterfaceRun) else run.kind


def _start(run: AnySampling, seed: int) -> System:
    if isinstance(run, InterfaceRun):
        return water_on(
            run.surface,
            run.n_molecules,
            layer_A=run.layer_A,
            contact_A=run.contact_A,
            vacuum_A=run.vacuum_A,
            seed=seed,
        )
    return System.of(_start_of_water(run, seed), "water")


def _start_of_water(run: SamplingRun, seed: int) -> Atoms:
    match run.kind:
        case "slab":
            area = run.cross_section_A**2
            thickness = run.n_molecules / water_number_density(WATER_DENSITY_G_PER_CM3) / area
            return water_slab(
                run.n_molecules,
                cross_section_A=run.cross_section_A,
                cell_height_A=thickness + run.vacuum_A,
                seed=seed,
            )
        case "brine":
            molality = run.molality_mol_per_kg or 0.0  # brine has one, as its settings see to
            return brine_box(
                run.n_molecules,
                molality_mol_per_kg=molality,
                density_g_per_cm3=WATER_DENSITY_G_PER_CM3 + BRINE_DENSITY_PER_MOLALITY * molality,
                seed=seed,
            )
        case _:
            cell = cubic_cell(run.n_molecules, WATER_DENSITY_G_PER_CM3)
            return water_box(run.n_molecules, cell_lengths_A=cell, seed=seed)


def _switch_to_npt(engine: LammpsEngine, temperature_K: float, pressure_bar: float) -> None:
    pressure_atm = pressure_bar * ATM_PER_BAR
    engine.command("unfix thermostat")
    engine.command("unfix integrate")
    engine.command(
        f"fix integrate all npt temp {temperature_K!r} {temperature_K!r} {LANGEVIN_TIME_FS!r} "
        f"iso {pressure_atm!r} {pressure_atm!r} {BAROSTAT_TIME_FS!r}"
    )


def _step_counts(run: AnySampling) -> tuple[int, int]:
    """Count the steps of half the equilibration, and between frames."""
    half = round(0.5 * run.equilibration_ps * 1000.0 / TIMESTEP_FS)
    return half, max(1, round(run.interval_ps * 1000.0 / TIMESTEP_FS))


def _derive_seed(seed: int, name: str, replica: int) -> int:
    sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode()), replica])
    return int(sequence.generate_state(1)[0])

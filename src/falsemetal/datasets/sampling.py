"""Molecular dynamics of the force field: frames to learn from, slabs to start from."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from ase import Atoms

from falsemetal.config import Campaign, SamplingRun, Slabs, WaterForceField
from falsemetal.datasets.labelling import label_frames
from falsemetal.potentials.force_field.engine import LammpsEngine, lammps_seeds
from falsemetal.systems.water import brine_box, cubic_cell, water_box, water_slab
from falsemetal.units import ATM_PER_BAR, water_number_density

START_DENSITY_G_PER_CM3 = 0.997
BRINE_DENSITY_PER_MOLALITY = 0.038
"""Rise of the density of aqueous NaCl in g/cm³ per mol/kg; only the start of an NPT run."""

LANGEVIN_TIME_FS = 100.0
BAROSTAT_TIME_FS = 1000.0

ProgressCallback = Callable[[int], None]


def sample_labelled_frames(
    run: SamplingRun,
    force_field: WaterForceField,
    *,
    name: str,
    seed: int,
    timestep_fs: float = 1.0,
    log: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> list[Atoms]:
    """Sample frames of all replicas of a run and label them with energies and forces.

    Bulk water and brine run at constant pressure, slabs at constant volume. Half of the
    equilibration is Langevin dynamics at the start density, half the production ensemble.

    Parameters
    ----------
    run
        What is sampled.
    force_field
        Reference that samples and labels.
    name
        Of the run; replica 2 of `bulk` becomes the trajectory `bulk-2`.
    seed
        With name and replica it determines everything random.
    timestep_fs
        Time step; flexible O-H bonds need 1 fs or less.
    log
        File to which LAMMPS appends its log, or None.
    progress
        Called with the number of steps done, of :func:`sampling_steps`.

    Returns
    -------
    list of Atoms
        With `REF_energy` (eV), `config_type`, `trajectory` and `time_ps` in `info`, `REF_forces`
        (eV/Å) in `arrays`, unwrapped positions; slabs are periodic in x and y only.
    """
    frames: list[Atoms] = []
    steps_each = sampling_steps(run, timestep_fs) // run.replicas
    for replica in range(run.replicas):

        def report(step: int, before: int = replica * steps_each) -> None:
            if progress is not None:
                progress(before + step)

        trajectory = _sample(
            run,
            force_field,
            seed=_derive_seed(seed, name, replica),
            timestep_fs=timestep_fs,
            log=log,
            report=report,
        )
        for frame in trajectory:
            frame.info |= {"config_type": run.kind, "trajectory": f"{name}-{replica}"}
        frames += trajectory
    return label_frames(frames, force_field)


def sampling_steps(run: SamplingRun, timestep_fs: float = 1.0) -> int:
    """Count the MD steps of all replicas of a sampling run."""
    equilibration, interval = _step_counts(run, timestep_fs)
    return run.replicas * (2 * equilibration + run.n_frames * interval)


def equilibrate(
    size_A: float,
    campaign: Campaign,
    force_field: WaterForceField,
    *,
    temperature_K: float,
    seed: int,
    timestep_fs: float = 1.0,
    log: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Atoms:
    """Equilibrate a system by the force field: the start of every potential's run.

    Parameters
    ----------
    size_A
        Of the campaign's sizes; with the bulk density it sets the number of molecules.
    campaign
        Geometry, and how long to equilibrate.
    force_field
        Force field that equilibrates.
    temperature_K
        Of the Langevin thermostat.
    seed
        Of structure, velocities and thermostat.
    timestep_fs
        Time step.
    log
        File to which LAMMPS appends its log, or None.
    progress
        Called with the number of steps done.

    Returns
    -------
    Atoms
        Unwrapped, with velocities (for hydrogen of normal mass); a slab is periodic in x and y.
    """
    structure_seed, thermostat_seed = lammps_seeds(seed)
    start = build_start(size_A, campaign, seed=structure_seed)
    n_steps = round(campaign.equilibration_ps * 1000.0 / timestep_fs)
    with LammpsEngine(start, force_field, log=log) as engine:
        _start_langevin(engine, temperature_K, thermostat_seed, timestep_fs)
        for done in _run_in_parts(engine, n_steps):
            if progress is not None:
                progress(done)
        return engine.snapshot()


def build_start(size_A: float, campaign: Campaign, *, seed: int) -> Atoms:
    """Return molecules on a lattice in the cell that a campaign has at one size."""
    n_molecules = campaign.n_molecules(size_A)
    if isinstance(campaign, Slabs):
        return water_slab(
            n_molecules,
            cross_section_A=campaign.cross_section_A,
            cell_height_A=campaign.cell_height_A,
            seed=seed,
        )
    return water_box(n_molecules, cell_lengths_A=campaign.cell_lengths(size_A), seed=seed)


def _sample(
    run: SamplingRun,
    force_field: WaterForceField,
    *,
    seed: int,
    timestep_fs: float,
    log: str | Path | None,
    report: ProgressCallback,
) -> list[Atoms]:
    structure_seed, thermostat_seed = lammps_seeds(seed)
    half, interval = _step_counts(run, timestep_fs)
    frames = []
    with LammpsEngine(_start(run, structure_seed), force_field, log=log) as engine:
        _start_langevin(engine, run.temperature_K, thermostat_seed, timestep_fs)
        for done in _run_in_parts(engine, half):
            report(done)
        if run.kind != "slab":
            _switch_to_npt(engine, run.temperature_K, run.pressure_bar)
        for done in _run_in_parts(engine, half):
            report(half + done)
        for index in range(1, run.n_frames + 1):
            engine.command(f"run {interval} post no")
            frame = engine.snapshot()
            frame.info["time_ps"] = index * interval * timestep_fs / 1000.0
            frames.append(frame)
            report(2 * half + index * interval)
    return frames


def _start(run: SamplingRun, seed: int) -> Atoms:
    match run.kind:
        case "slab":
            area = run.cross_section_A**2
            thickness = run.n_molecules / water_number_density(START_DENSITY_G_PER_CM3) / area
            return water_slab(
                run.n_molecules,
                cross_section_A=run.cross_section_A,
                cell_height_A=thickness + run.vacuum_A,
                seed=seed,
            )
        case "brine":
            molality = run.molality_mol_per_kg
            density = START_DENSITY_G_PER_CM3 + BRINE_DENSITY_PER_MOLALITY * molality
            return brine_box(
                run.n_molecules,
                molality_mol_per_kg=molality,
                density_g_per_cm3=density,
                seed=seed,
            )
        case _:
            cell = cubic_cell(run.n_molecules, START_DENSITY_G_PER_CM3)
            return water_box(run.n_molecules, cell_lengths_A=cell, seed=seed)


def _start_langevin(
    engine: LammpsEngine, temperature_K: float, seed: int, timestep_fs: float
) -> None:
    engine.command("minimize 1e-4 1e-4 500 5000")
    engine.command(f"timestep {timestep_fs!r}")
    engine.command(f"velocity all create {temperature_K!r} {seed} mom yes dist gaussian")
    engine.start_langevin(temperature_K, LANGEVIN_TIME_FS, seed)


def _switch_to_npt(engine: LammpsEngine, temperature_K: float, pressure_bar: float) -> None:
    pressure_atm = pressure_bar * ATM_PER_BAR
    engine.command("unfix thermostat")
    engine.command("unfix integrate")
    engine.command(
        f"fix integrate all npt temp {temperature_K!r} {temperature_K!r} {LANGEVIN_TIME_FS!r} "
        f"iso {pressure_atm!r} {pressure_atm!r} {BAROSTAT_TIME_FS!r}"
    )


def _run_in_parts(engine: LammpsEngine, n_steps: int, part: int = 1000) -> Iterator[int]:
    for done in range(0, n_steps, part):
        engine.command(f"run {min(part, n_steps - done)} post no")
        yield min(done + part, n_steps)


def _step_counts(run: SamplingRun, timestep_fs: float) -> tuple[int, int]:
    """Count the steps of half the equilibration, and between frames."""
    half = round(0.5 * run.equilibration_ps * 1000.0 / timestep_fs)
    return half, max(1, round(run.interval_ps * 1000.0 / timestep_fs))


def _derive_seed(seed: int, name: str, replica: int) -> int:
    sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode()), replica])
    return int(sequence.generate_state(1)[0])

"""Molecular dynamics of the reference force field."""

from ase.io import read

from falsemetal.config import parse_config
from falsemetal.progress import Progress, log_to
from falsemetal.provenance import stamp
from falsemetal.simulation.force_field import run_force_field

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    dynamics = config.dynamics
    name, campaign, size, replica = (
        snakemake.wildcards[key] for key in ("potential", "campaign", "size", "replica")
    )
    n_steps = snakemake.params.n_steps
    progress = Progress(f"MD {name}, {campaign} {size} Å, replica {replica}", n_steps)
    run_force_field(
        read(snakemake.input.start),
        config.datasets[config.potentials[name].dataset].force_field,
        n_steps=n_steps,
        frame_interval_steps=dynamics.frame_interval_steps,
        timestep_fs=dynamics.timestep_fs,
        temperature_K=dynamics.temperature_K,
        friction_per_fs=dynamics.friction_per_fs,
        hydrogen_mass_u=dynamics.hydrogen_mass_u,
        seed=config.run_seed(name, campaign, size, replica),
        path=snakemake.output[0],
        progress=progress.update,
        stamp=stamp(config),
    )

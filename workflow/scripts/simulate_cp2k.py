"""Molecular dynamics of a committee by CP2K."""

from pathlib import Path

from ase.io import read

from falsemetal.config import parse_config
from falsemetal.potentials.bpnnp.store import kept_committee
from falsemetal.progress import Progress, log_to
from falsemetal.provenance import stamp
from falsemetal.simulation.cp2k import run_cp2k_nnp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    dynamics = config.dynamics
    name, campaign, size, replica = (
        snakemake.wildcards[key] for key in ("potential", "campaign", "size", "replica")
    )
    n_steps = snakemake.params.n_steps
    progress = Progress(f"MD {name} (CP2K), {campaign} {size} Å, replica {replica}", n_steps)
    run_cp2k_nnp(
        read(snakemake.input.start),
        kept_committee(Path(snakemake.input.description).parent),
        n_steps=n_steps,
        frame_interval_steps=dynamics.frame_interval_steps,
        timestep_fs=dynamics.timestep_fs,
        temperature_K=dynamics.temperature_K,
        csvr_time_fs=snakemake.params.csvr_time_fs,
        hydrogen_mass_u=dynamics.hydrogen_mass_u,
        seed=config.run_seed(name, campaign, size, replica),
        path=snakemake.output[0],
        limits=dynamics.limits,
        progress=progress.update,
        oh_cutoff_A=config.analysis.oh_cutoff_A,
        n_ranks=snakemake.threads,
        stamp=stamp(config),
    )

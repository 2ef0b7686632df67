"""Equilibrate a start structure."""

from ase.io import write

from falsemetal.config import parse_config
from falsemetal.progress import Progress, log_to
from falsemetal.references.sampling import equilibrate_slab

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    dataset, thickness, replica = (
        snakemake.wildcards[key] for key in ("dataset", "thickness", "replica")
    )
    n_steps = round(config.slabs.equilibration_ps * 1000)
    progress = Progress(f"equilibration {thickness} Å, replica {replica}", n_steps)
    progress.update(0)
    start = equilibrate_slab(
        float(thickness),
        config.slabs,
        config.datasets[dataset].force_field,
        temperature_K=config.dynamics.temperature_K,
        seed=config.run_seed(dataset, thickness, replica),
        progress=progress.update,
    )
    write(snakemake.output[0], start)

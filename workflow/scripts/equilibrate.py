"""Equilibrate a start structure."""

from ase.io import write

from falsemetal.config import parse_config
from falsemetal.datasets.sampling import equilibrate
from falsemetal.progress import Progress, log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    name, size, replica = (snakemake.wildcards[key] for key in ("campaign", "size", "replica"))
    campaign = config.campaigns[name]
    n_steps = round(campaign.equilibration_ps * 1000)
    progress = Progress(f"equilibration {name} {size} Å, replica {replica}", n_steps)
    progress.update(0)
    start = equilibrate(
        float(size),
        campaign,
        config.start_force_field,
        temperature_K=config.dynamics.temperature_K,
        seed=config.run_seed("start", name, size, replica),
        progress=progress.update,
    )
    write(snakemake.output[0], start)

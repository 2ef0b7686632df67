"""Observables of one slab."""

from pathlib import Path

from falsemetal.config import parse_config
from falsemetal.observables.slab import observe_slab
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    observables = observe_slab(
        [Path(path) for path in snakemake.input.trajectories],
        charge_O_e=snakemake.params.charge,
        analysis=config.analysis,
        discard_ps=config.dynamics.discard_ps,
    )
    for name, path in snakemake.output.items():
        getattr(observables, name).to_csv(path, index=False)

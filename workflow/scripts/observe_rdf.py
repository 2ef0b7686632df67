"""Radial distributions of one periodic cell."""

from pathlib import Path

from falsemetal.config import parse_config
from falsemetal.observables.bulk_rdf import observe_rdf
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    table = observe_rdf(
        [Path(path) for path in snakemake.input.trajectories],
        analysis=config.analysis,
        discard_ps=config.dynamics.discard_ps,
    )
    table.to_csv(snakemake.output[0], index=False)

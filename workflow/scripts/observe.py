"""Observables of one system."""

from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import observe
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(ObserveSpec)
    for name, table in observe(spec, snakemake.input.trajectories).items():
        table.to_csv(snakemake.output[name], index=False)

"""Observables of one system."""

from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import observe
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(ObserveSpec)
    trajectories = {"paths": snakemake.input.trajectories, "released": snakemake.input.released}
    for name, table in observe(spec, **trajectories).items():
        table.to_csv(snakemake.output[name], index=False)

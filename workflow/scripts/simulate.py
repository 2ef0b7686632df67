"""Molecular dynamics of a potential, by whichever program runs it."""

from pathlib import Path

from falsemetal.potentials.runners import RunSpec
from falsemetal.potentials.running import run
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(RunSpec)
    run(
        spec,
        Path(snakemake.input.start),
        Path(snakemake.params.models, snakemake.wildcards.potential),
        Path(snakemake.output[0]),
        threads=snakemake.threads,
        stamp=stamp(spec.origin),
    )

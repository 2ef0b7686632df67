"""Check a potential by stacking a cell of the liquid."""

from pathlib import Path

from falsemetal.progress import log_to
from falsemetal.verdict.job import CheckSpec, check_into

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(CheckSpec)
    model = Path(snakemake.params.models) / snakemake.wildcards.potential
    check_into(Path(snakemake.output[0]).parent, spec, model, threads=snakemake.threads)

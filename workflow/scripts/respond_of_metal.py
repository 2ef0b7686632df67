"""Tabulate what a field does to the charges of a potential in films on a metal."""

from pathlib import Path

from falsemetal.potentials.metal_response import metal_responses
from falsemetal.potentials.specs import MetalResponseSpec
from falsemetal.progress import log_to
from falsemetal.systems.system import System

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(MetalResponseSpec)
    folder = Path(snakemake.input.model[0]).parent if snakemake.input.model else None
    films = [System.read(path) for path in snakemake.input.films]
    table = metal_responses(folder, films, spec, threads=snakemake.threads)
    table.to_csv(snakemake.output[0], index=False)

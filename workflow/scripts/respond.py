"""Tabulate what a field does to the charges of a model in films."""

from pathlib import Path

from falsemetal.potentials.internal_field import internal_fields
from falsemetal.potentials.specs import InternalFieldSpec
from falsemetal.progress import log_to
from falsemetal.systems.system import System

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(InternalFieldSpec)
    folder = Path(snakemake.input.model[0]).parent
    films = [System.read(path).atoms for path in snakemake.input.films]
    table = internal_fields(folder, films, spec, threads=snakemake.threads)
    table.to_csv(snakemake.output[0], index=False)

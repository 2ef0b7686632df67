"""Write the inputs of one electronic-structure job."""

import sys
from pathlib import Path

from ase.io import read

from falsemetal.config import parse_config
from falsemetal.electronic.errors import JobError
from falsemetal.electronic.job import write_job
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    frame = read(snakemake.input.frames, index=int(snakemake.wildcards.frame))
    try:
        write_job(
            Path(snakemake.output.manifest).parent,
            frame,
            config.electronic,
            functional=snakemake.params.functional,
            field_V_per_A=snakemake.params.field,
        )
    except JobError as error:
        sys.exit(f"electronic.frames.{snakemake.wildcards.frames}: {error}")

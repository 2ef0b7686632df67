"""Write the inputs of one electronic-structure job."""

from pathlib import Path

from ase.io import read

from falsemetal.electronic.job import write_job
from falsemetal.electronic.specs import WriteJobSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(WriteJobSpec)
    frame = read(snakemake.input.frames, index=int(snakemake.wildcards.frame))
    write_job(Path(snakemake.output.manifest).parent, frame, spec)

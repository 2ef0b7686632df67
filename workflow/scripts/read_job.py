"""Read one electronic-structure job, wherever it was run."""

from pathlib import Path

from falsemetal.electronic.job import read_job
from falsemetal.electronic.specs import ReadJobSpec
from falsemetal.electronic.summary import summarise_job, tabulate_density
from falsemetal.progress import log_to, logger

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(ReadJobSpec)
    folder = Path(snakemake.input.manifest).parent
    outcome = read_job(folder, spec)
    logger.info("%s: %s %s", folder, outcome.status, outcome.reason)
    summarise_job(folder, outcome, spec).to_csv(snakemake.output.summary, index=False)
    density = tabulate_density(folder, outcome, spec)
    density.to_csv(snakemake.output.density, index=False, float_format="%.6g")

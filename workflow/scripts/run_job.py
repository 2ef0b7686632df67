"""Run one electronic-structure job."""

import json
from pathlib import Path
from time import perf_counter

from falsemetal.electronic.job import run_job
from falsemetal.electronic.specs import RunJobSpec
from falsemetal.progress import log_to, logger
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(RunJobSpec)
    folder = Path(snakemake.output[0]).parent
    logger.info("%s: begun", folder)
    start = perf_counter()
    run_job(folder, spec, n_cores=snakemake.threads)
    seconds = perf_counter() - start
    logger.info("%s: ended after %.0f s", folder, seconds)
    record = {"cores": snakemake.threads, "seconds": seconds}
    Path(snakemake.output[0]).write_text(json.dumps(stamp(spec.origin) | record, indent=2) + "\n")

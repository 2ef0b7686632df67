"""Run one electronic-structure job."""

import json
from pathlib import Path
from time import perf_counter

from falsemetal.config import parse_config
from falsemetal.electronic.job import read_job, run_job
from falsemetal.progress import log_to, logger
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    folder = Path(snakemake.output[0]).parent
    logger.info("%s: begun", folder)
    start = perf_counter()
    run_job(folder, config.electronic, n_cores=snakemake.threads)
    seconds = perf_counter() - start
    outcome = read_job(folder, config.electronic)
    logger.info("%s: %s %s after %.0f s", folder, outcome.status, outcome.reason, seconds)
    record = {"cores": snakemake.threads, "status": outcome.status, "seconds": seconds}
    Path(snakemake.output[0]).write_text(json.dumps(stamp(config) | record, indent=2) + "\n")

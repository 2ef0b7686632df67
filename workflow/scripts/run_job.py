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
    start = perf_counter()
    logger.info("%s: begun", folder)
    run_job(folder, config.electronic, n_cores=snakemake.threads)
    seconds = perf_counter() - start
    status = read_job(folder, config.electronic).status
    logger.info("%s: %s after %.0f s", folder, status, seconds)
    record = stamp(config) | {"seconds": seconds, "cores": snakemake.threads, "status": status}
    Path(snakemake.output[0]).write_text(json.dumps(record, indent=2) + "\n")

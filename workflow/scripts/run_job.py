"""Run one electronic-structure job."""

import json
from pathlib import Path
from time import perf_counter

from falsemetal.config import parse_config
from falsemetal.electronic.job import DONE, read_job, run_job
from falsemetal.progress import log_to, logger
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    folder = Path(snakemake.output[0]).parent
    status = read_job(folder, config.electronic).status
    record = {"cores": snakemake.threads, "status": status}
    if status == DONE:
        # copied back from elsewhere, or done before something else was edited
        logger.info("%s: outputs are there", folder)
    else:
        start = perf_counter()
        logger.info("%s: begun", folder)
        run_job(folder, config.electronic, n_cores=snakemake.threads)
        status = read_job(folder, config.electronic).status
        record |= {"seconds": perf_counter() - start, "status": status}
        logger.info("%s: %s after %.0f s", folder, status, record["seconds"])
    Path(snakemake.output[0]).write_text(json.dumps(stamp(config) | record, indent=2) + "\n")

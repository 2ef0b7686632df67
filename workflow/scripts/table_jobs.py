"""Write the table of electronic-structure jobs."""

import sys
from pathlib import Path

from falsemetal.config import parse_config
from falsemetal.products.tables import read_job_tables, save_table, table_jobs
from falsemetal.progress import log_to
from falsemetal.provenance import stamp, write_stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    if not snakemake.input.summaries:
        sys.exit("table_jobs: the configuration asks for no job; add electronic.frames")
    config = parse_config(snakemake.config, source="config")
    jobs = read_job_tables(snakemake.input.summaries)["jobs"]
    save_table(table_jobs(jobs), Path(snakemake.output.csv).with_suffix(""))
    write_stamp(stamp(config), snakemake.output.stamp)

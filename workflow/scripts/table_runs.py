"""Write the table of the MD runs."""

from pathlib import Path

import pandas as pd

from falsemetal.config import parse_config
from falsemetal.progress import log_to
from falsemetal.provenance import stamp, write_stamp
from falsemetal.tables import save_table, table_runs

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    summaries = {}
    for path in map(Path, snakemake.input.summaries):
        potential, thickness = path.parts[-3], float(path.parts[-2].removesuffix("A"))
        summaries[potential, thickness] = pd.read_csv(path)
    save_table(table_runs(summaries, config), Path(snakemake.output.csv).with_suffix(""))
    write_stamp(stamp(config), snakemake.output.stamp)

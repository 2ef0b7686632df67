"""Write the table of the models' errors."""

from pathlib import Path

import pandas as pd

from falsemetal.config import parse_config
from falsemetal.products.tables import save_table, table_errors
from falsemetal.progress import log_to
from falsemetal.provenance import stamp, write_stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    errors = {Path(path).parent.name: pd.read_csv(path) for path in snakemake.input.errors}
    save_table(table_errors(errors, config), Path(snakemake.output.csv).with_suffix(""))
    write_stamp(stamp(config), snakemake.output.stamp)

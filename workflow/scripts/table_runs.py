"""Write the table of the MD runs."""

from pathlib import Path

from falsemetal.config import parse_config
from falsemetal.products.tables import read_tables, save_table, table_runs
from falsemetal.progress import log_to
from falsemetal.provenance import stamp, write_stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    summaries = {
        campaign: read_tables(snakemake.input[campaign]).get("summary", {})
        for campaign in snakemake.params.campaigns
    }
    save_table(table_runs(summaries, config), Path(snakemake.output.csv).with_suffix(""))
    write_stamp(stamp(config), snakemake.output.stamp)

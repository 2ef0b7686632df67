"""Draw one figure: the module of its name, fed with one table per potential and size."""

import sys
from importlib import import_module
from pathlib import Path

from falsemetal.config import parse_config
from falsemetal.products.style import save_figure
from falsemetal.products.tables import read_job_tables, read_tables
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    if not snakemake.input.tables:
        key = "potentials.*.runs"
        if snakemake.params.campaign == "electronic":
            key = "electronic.frames (fig2b: with field_V_per_A)"
        sys.exit(f"{snakemake.rule}: the configuration asks for nothing that it shows; add {key}")
    module = import_module(f"falsemetal.products.{snakemake.rule}")
    read = read_job_tables if snakemake.params.campaign == "electronic" else read_tables
    figure, table = module.draw(**read(snakemake.input.tables), config=config)
    save_figure(figure, table, Path(snakemake.output.pdf).with_suffix(""), stamp=stamp(config))

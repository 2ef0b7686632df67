"""Draw one figure: the module of its name, fed with one table per potential and thickness."""

from importlib import import_module
from pathlib import Path

import pandas as pd

from falsemetal.config import parse_config
from falsemetal.figures.style import save_figure
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    tables = {}
    for path in map(Path, snakemake.input.tables):
        potential, thickness = path.parts[-3], float(path.parts[-2].removesuffix("A"))
        tables.setdefault(path.stem, {})[potential, thickness] = pd.read_csv(path)
    module = import_module(f"falsemetal.figures.{snakemake.rule}")
    figure, table = module.draw(**tables, config=config)
    save_figure(figure, table, Path(snakemake.output.pdf).with_suffix(""), stamp=stamp(config))

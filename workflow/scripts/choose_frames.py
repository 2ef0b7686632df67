"""Choose frames of a potential's runs for electronic structure."""

import sys
from pathlib import Path

import pandas as pd
from ase.io import write

from falsemetal.config import parse_config
from falsemetal.electronic.selection import (
    SelectionError,
    choose_frames,
    extract_frames,
    intact_frames,
    quantiles_to_targets,
)
from falsemetal.progress import log_to, logger

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    wanted = config.electronic.frames[snakemake.wildcards.frames]
    table = pd.read_csv(snakemake.input.table)
    by_size = {"magnitude": wanted.magnitude}
    try:
        if wanted.intact:
            table = intact_frames(table)
        targets = wanted.targets_V or quantiles_to_targets(table, wanted.quantiles, **by_size)
        chosen = choose_frames(table, targets, separation_ps=wanted.separation_ps, **by_size)
        frames = extract_frames(
            chosen,
            [Path(path) for path in snakemake.input.trajectories],
            charge_O_e=snakemake.params.charge,
        )
    except SelectionError as error:
        sys.exit(f"electronic.frames.{snakemake.wildcards.frames}: {error}")
    write(snakemake.output.frames, frames)
    chosen.to_csv(snakemake.output.table, index=False)
    logger.info("ΔV of the chosen frames: %s V", ", ".join(f"{v:.2f}" for v in chosen["delta_V_V"]))

"""Response of a frame to a field, from its jobs with and without it."""

from pathlib import Path

import pandas as pd

from falsemetal.config import parse_config
from falsemetal.electronic.job import DONE
from falsemetal.electronic.summary import RESPONSE_COLUMNS, tabulate_response
from falsemetal.progress import log_to, logger

if __name__ == "__main__":
    log_to(snakemake.log[0])
    paths = [Path(snakemake.input.with_field), Path(snakemake.input.without_field)]
    states = [pd.read_csv(path)["status"].iloc[0] for path in paths]
    engine = parse_config(snakemake.config, source="config").electronic.engine
    if engine == "cp2k" and set(states) == {DONE}:
        table = tabulate_response(*(path.parent for path in paths))
    else:
        why = "only CP2K's cubes are read" if engine != "cp2k" else " and ".join(states)
        logger.warning("%s: no response: %s", snakemake.output[0], why)
        table = pd.DataFrame(columns=RESPONSE_COLUMNS)
    table.to_csv(snakemake.output[0], index=False, float_format="%.8g")

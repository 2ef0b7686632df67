"""Response of a frame to a field, from its jobs with and without it."""

from pathlib import Path

import pandas as pd

from falsemetal.config import parse_config
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.job import DONE
from falsemetal.electronic.summary import RESPONSE_COLUMNS, tabulate_response
from falsemetal.progress import log_to, logger

if __name__ == "__main__":
    log_to(snakemake.log[0])
    paths = [Path(snakemake.input.with_field), Path(snakemake.input.without_field)]
    states = [pd.read_csv(path)["status"].iloc[0] for path in paths]
    engine = parse_config(snakemake.config, source="config").electronic.engine
    table = pd.DataFrame(columns=RESPONSE_COLUMNS)
    if engine != "cp2k":
        logger.warning("no response: only CP2K's cubes are read")
    elif set(states) != {DONE}:
        logger.warning("no response: %s", " and ".join(states))
    else:
        try:
            table = tabulate_response(*(path.parent for path in paths))
        except (ResultError, ValueError) as error:
            logger.warning("no response: %s", error)
    table.to_csv(snakemake.output[0], index=False, float_format="%.8g")

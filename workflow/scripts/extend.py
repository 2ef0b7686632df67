"""Lay labelled frames beside a dataset."""

from pathlib import Path

import pandas as pd

from falsemetal.datasets.io import read_chosen, read_frames
from falsemetal.datasets.split import PARTS
from falsemetal.learning.extending import extend
from falsemetal.learning.settings import ExtendSpec
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(ExtendSpec)
    extend(
        spec,
        {part: read_frames(snakemake.input[part]) for part in PARTS},
        [frame for path in snakemake.input.labelled for frame in read_chosen(path)],
        pd.read_csv(snakemake.input.table, keep_default_na=True, na_values=[""]),
        Path(snakemake.output.card).parent,
        stamp=stamp(spec.origin),
    )

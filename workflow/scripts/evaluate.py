"""Measure a model's errors on the test set."""

from pathlib import Path

import torch

from falsemetal.config import parse_config
from falsemetal.datasets.io import read_frames
from falsemetal.potentials.evaluation import error_table
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.store import torch_device
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    torch.set_num_threads(snakemake.threads)
    config = parse_config(snakemake.config, source="config")
    dtype = getattr(torch, config.training.dtype)
    device = torch_device(config.training.device)
    model = load_potential(Path(snakemake.input.description).parent, dtype=dtype, device=device)
    frames = read_frames(snakemake.input.test)
    table = error_table(model, frames, device=device, seed=config.seed)
    table.to_csv(snakemake.output[0], index=False)

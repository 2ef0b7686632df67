"""Train one model."""

from pathlib import Path

import torch

from falsemetal.config import parse_config
from falsemetal.datasets.io import read_frames
from falsemetal.locks import lock
from falsemetal.potentials.store import save_model
from falsemetal.potentials.training.loop import train
from falsemetal.progress import Progress, log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    torch.set_num_threads(snakemake.threads)
    config = parse_config(snakemake.config, source="config")
    name = snakemake.wildcards.potential
    checkpoint = Path(snakemake.output.weights).with_name("checkpoint.pt")
    held = lock(checkpoint)
    progress = Progress(f"training {name}", config.training.epochs, unit="epochs")
    model, history = train(
        config.potentials[name],
        config.training,
        read_frames(snakemake.input.train),
        read_frames(snakemake.input.validation),
        seed=config.seed,
        checkpoint=checkpoint,
        report=progress.update,
    )
    save_model(model, Path(snakemake.output.weights).parent, stamp=stamp(config))
    history.to_csv(snakemake.output.history, index=False)
    held.release()

"""Molecular dynamics of a trained model or of a committee."""

from pathlib import Path

import torch
from ase.io import read

from falsemetal.config import parse_config
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.store import describe_model, torch_device
from falsemetal.progress import Progress, log_to
from falsemetal.provenance import stamp
from falsemetal.simulation.interruption import Interruption
from falsemetal.simulation.langevin import run_langevin

if __name__ == "__main__":
    log_to(snakemake.log[0])
    torch.set_num_threads(snakemake.threads)
    config = parse_config(snakemake.config, source="config")
    dynamics = config.dynamics
    name, campaign, size, replica = (
        snakemake.wildcards[key] for key in ("potential", "campaign", "size", "replica")
    )
    folder = Path(snakemake.input.description).parent
    model = load_potential(
        folder, dtype=getattr(torch, dynamics.dtype), device=torch_device(dynamics.device)
    )
    n_steps = snakemake.params.n_steps
    progress = Progress(f"MD {name}, {campaign} {size} Å, replica {replica}", n_steps)
    with Interruption() as interrupted:
        run_langevin(
            read(snakemake.input.start),
            ModelCalculator(
                model, skin_A=dynamics.neighbour_skin_A, compiled=dynamics.compiles(n_steps)
            ),
            dynamics,
            n_steps=n_steps,
            seed=config.run_seed(name, campaign, size, replica),
            path=snakemake.output[0],
            parameters={"weights_sha256": describe_model(folder)["weights_sha256"]},
            progress=progress.update,
            oh_cutoff_A=config.analysis.oh_cutoff_A,
            interrupted=interrupted,
            stamp=stamp(config),
        )

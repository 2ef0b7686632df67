"""Sample and label frames with the reference."""

from falsemetal.config import parse_config
from falsemetal.datasets.io import write_frames
from falsemetal.datasets.sampling import sample_labelled_frames, sampling_steps
from falsemetal.progress import Progress, log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    dataset, name = snakemake.wildcards.dataset, snakemake.wildcards.run
    run = config.datasets[dataset].sampling[name]
    progress = Progress(f"labels {dataset}/{name}", sampling_steps(run))
    progress.update(0)
    frames = sample_labelled_frames(
        run,
        config.datasets[dataset].force_field,
        name=name,
        seed=config.seed,
        progress=progress.update,
    )
    write_frames(snakemake.output[0], frames)

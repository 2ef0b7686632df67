"""Sample and label frames with the reference."""

from falsemetal.datasets.io import write_frames
from falsemetal.datasets.sampling import sample_labelled_frames, sampling_steps
from falsemetal.datasets.settings import SampleSpec
from falsemetal.progress import Progress, log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(SampleSpec)
    progress = Progress(spec.label, sampling_steps(spec.run))
    progress.update(0)
    frames = sample_labelled_frames(spec, progress=progress.update)
    write_frames(snakemake.output[0], frames)

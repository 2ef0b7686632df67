"""A run of the user's own, as that of a potential."""

from pathlib import Path

from falsemetal.potentials.recorded.reading import read_recorded
from falsemetal.potentials.recorded.spec import RecordedSpec
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(RecordedSpec)
    topology = snakemake.input.topology
    read_recorded(
        spec,
        Path(snakemake.input.run),
        Path(snakemake.output[0]),
        topology=Path(topology[0]) if topology else None,
        stamp=stamp(spec.origin),
    )

"""Put the files of a potential where its runs find them."""

from pathlib import Path

from falsemetal.potentials.kind import FetchSpec
from falsemetal.potentials.store import describe
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(FetchSpec)
    folder = Path(snakemake.output.description).parent
    data = Path(snakemake.scriptdir).resolve().parents[1] / "data"
    contents = spec.potential.fetch(folder, data)
    describe(folder, spec.potential, contents | {"provenance": stamp(spec.origin)})

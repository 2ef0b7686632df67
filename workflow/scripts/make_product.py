"""Draw one figure or write one table."""

from pathlib import Path

from falsemetal.products.making import make_product
from falsemetal.products.registry import ProductSpec
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(ProductSpec)
    stem = Path(snakemake.output.csv).with_suffix("")
    make_product(spec, snakemake.input.tables, stem, stamp=stamp(spec.origin))

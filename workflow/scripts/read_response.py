"""Response of a frame to a field, from its jobs with and without it."""

from falsemetal.electronic.specs import RunJobSpec
from falsemetal.electronic.summary import tabulate_response
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(RunJobSpec)
    table = tabulate_response(snakemake.input.with_field, snakemake.input.without_field, spec)
    table.to_csv(snakemake.output[0], index=False, float_format="%.8g")

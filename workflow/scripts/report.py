"""Let Snakemake write its HTML report on what has been made."""

from pathlib import Path

from falsemetal.config import Config
from falsemetal.plugins import load_plugins
from falsemetal.progress import log_to
from falsemetal.salvage import write_report

if __name__ == "__main__":
    log_to(snakemake.log[0])
    load_plugins(snakemake.params.config.plugins)
    config = Config.model_validate_json(snakemake.params.config.content)
    write_report(
        config,
        Path(snakemake.output.html),
        snakemake.params.targets,
        workflow=Path(snakemake.scriptdir).resolve().parents[1] / "Snakefile",
    )

"""Let Snakemake write its HTML report on what has been made."""

import subprocess
import sys
from pathlib import Path

import yaml

from falsemetal.progress import log_to, logger

if __name__ == "__main__":
    log_to(snakemake.log[0])
    # the run's own configuration, whole: also what a reader needs to repeat it
    Path(snakemake.output.config).write_text(yaml.safe_dump(snakemake.config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "1"]
    command += ["--report", snakemake.output.html, *snakemake.params.targets]
    command += ["--configfile", snakemake.output.config]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    logger.info("%s", result.stderr.strip())
    result.check_returncode()

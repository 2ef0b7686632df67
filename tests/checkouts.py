"""Where the project is and how it is run, for the tests of the workflow."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from falsemetal.programs.cp2k import INSTALL, NAMES, find_cp2k

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PATIENCE_S = 1500

SHARED = ROOT.parent / "shared/data"
FIELD = ROOT.parent / "shared/field"

with_cp2k = pytest.mark.skipif(find_cp2k() is None, reason=f"CP2K: not on PATH; {INSTALL}")
with_shared_data = pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
with_field = pytest.mark.skipif(not FIELD.exists(), reason="needs files met elsewhere")


def snakemake(
    checkout: Path, *arguments: str, path: str | None = None
) -> subprocess.CompletedProcess:
    """Run Snakemake in a copy of the project, with another search path for programs if given."""
    return subprocess.run(
        [BIN / "snakemake", *arguments],
        cwd=checkout,
        env=os.environ | {"PATH": path or os.environ["PATH"], "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def path_without_cp2k(folder: Path) -> str:
    """Search path with all programs of the present one but CP2K."""
    folder.mkdir()
    for directory in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in directory.glob("*") if directory.is_dir() else ():
            if program.name not in NAMES and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program.resolve())
    return str(folder)


def make_environment(folder: Path) -> Path:
    """Make an environment that has ASE and does not know falsemetal; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    own = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    # this environment's packages by path, without the .pth files that would make falsemetal known
    packages = sysconfig.get_paths()["purelib"]
    (Path(own.stdout.strip()) / "packages.pth").write_text(f"{packages}\n")
    return python

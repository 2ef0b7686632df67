"""A copy of the project in which a test may run it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from checkouts import ROOT


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """Copy of the tracked files, so that a test's results stay out of the user's."""
    folder = tmp_path_factory.mktemp("checkout")
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in files.stdout.splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder

"""A committee's files in a model folder."""

import hashlib
from pathlib import Path

from falsemetal.potentials.store import DESCRIPTION, ModelError, describe_model

COMMITTEE = "committee"
"""Folder of the members' files within that of the model."""


def kept_committee(directory: str | Path) -> Path:
    """Folder of the members in a model folder; ModelError if its description names others."""
    folder = Path(directory) / COMMITTEE
    if committee_sha256(folder) != describe_model(directory)["weights_sha256"]:
        raise ModelError(
            f"{folder}: not the files that {DESCRIPTION} describes; delete both and run again"
        )
    return folder


def committee_sha256(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    # Snakemake leaves a hidden mark in folders that it watches
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    for path in sorted(files):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""A committee's files as a model folder, beside those of trained models."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falsemetal.config import BPNNPPotential
from falsemetal.potentials.store import DESCRIPTION, ModelError, describe_model

COMMITTEE = "committee"
"""Folder of the members' files within that of the model."""


def keep_committee(
    files: Mapping[str, Path],
    settings: BPNNPPotential,
    directory: str | Path,
    *,
    origin: str,
    stamp: dict[str, Any],
) -> None:
    """Copy a committee's files into a model folder and describe them.

    Parameters
    ----------
    files
        By their path within the committee, such as `nnp-1/input.nn`.
    settings
        Recorded as the description's settings.
    directory
        Model folder; an earlier committee in it is replaced.
    origin
        Where the files come from, in words.
    stamp
        Provenance, kept in the description.
    """
    directory = Path(directory)
    shutil.rmtree(directory / COMMITTEE, ignore_errors=True)
    for name, path in files.items():
        target = directory / COMMITTEE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    description = {
        "settings": settings.model_dump(mode="json", include={"kind", "source", "path"}),
        "origin": origin,
        "weights_sha256": _checksum(directory / COMMITTEE),
        "provenance": stamp,
    }
    (directory / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def kept_committee(directory: str | Path) -> Path:
    """Folder of the members in a model folder.

    Raises
    ------
    ModelError
        If the files are not those that the description names.
    """
    folder = Path(directory) / COMMITTEE
    if _checksum(folder) != describe_model(directory)["weights_sha256"]:
        raise ModelError(
            f"{folder}: not the files that {DESCRIPTION} describes; delete both and run again"
        )
    return folder


def _checksum(folder: Path) -> str:
    digest = hashlib.sha256()
    # Snakemake leaves a hidden mark in folders that it watches
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    for path in sorted(files):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""Where a committee's files come from, and how they get into a model folder."""

import shutil
from pathlib import Path
from typing import Any

from falsemetal.files import expand
from falsemetal.potentials.bpnnp.files import committee_files
from falsemetal.potentials.bpnnp.store import COMMITTEE, committee_sha256
from falsemetal.potentials.kinds.bpnnp import BPNNPKind
from falsemetal.potentials.store import ModelError
from falsemetal.programs.cp2k import cp2k_data
from falsemetal.progress import logger


def fetch_committee(kind: BPNNPKind, folder: Path, data: Path) -> dict[str, Any]:
    """Copy a committee's files into a model folder, in place of an earlier committee.

    `kind` names the user's own files by `path`, or else the source; `data` is the folder with
    `sources.yaml`, which keeps downloads. Returns what the model's description says of it:
    `origin`, in words, and `weights_sha256`. ModelError or DatasetError if the files are not a
    committee, or cannot be had.
    """
    origin, files = _find_files(kind, data)
    logger.info("committee of %s: %d files", origin, len(files))
    members = folder / COMMITTEE
    shutil.rmtree(members, ignore_errors=True)
    for name, path in files.items():
        (members / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, members / name)
    return {"origin": origin, "weights_sha256": committee_sha256(members)}


def _find_files(kind: BPNNPKind, data: Path) -> tuple[str, dict[str, Path]]:
    """Origin and files: the user's own, CP2K's where they are whole, or the published ones."""
    if kind.path is not None:
        return kind.path, committee_files(expand(kind.path))
    if local := cp2k_data(f"NNP/{kind.source}"):
        try:
            return f"CP2K's data: {local}", committee_files(local)
        except ModelError as error:
            logger.warning("CP2K's data cannot be taken: %s", error)
    from falsemetal.sources.catalogue import find_source

    source, paths = find_source(kind.source, data)
    return source.url, {file.path: path for file, path in zip(source.files, paths, strict=True)}

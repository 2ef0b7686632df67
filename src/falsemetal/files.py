"""Checksums of files and of what they hold."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np


def expand(path: str | Path) -> Path:
    """Path with `~` for the user's home, and as it is where there is no such home."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path's own raises there)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_git_blob(path: str | Path) -> str:
    """Name by which git knows a file's content, in hexadecimal: a SHA-1 with its size in front."""
    path = Path(path)
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: digest).hexdigest()


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def array_sha256(arrays: Iterable[Any]) -> str:
    """SHA-256 of the bytes of arrays, one after another, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

"""Files from the network: resumed where they broke off, and checked before they count."""

import errno
import time
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from falsemetal.files import file_sha256
from falsemetal.locks import lock
from falsemetal.progress import Progress, logger
from falsemetal.sources.errors import SourceError

PAUSES_S = (1.0, 5.0, 20.0)
"""Waits between one attempt and the next."""

TIMEOUT_S = 30.0
"""Silence after which a connection counts as broken."""

CHUNK = 1 << 16

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

WORTH_REPORTING = 1_000_000
"""Bytes from which a person wants to see how far it is."""

PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416
TRANSIENT = {408, 425, 429, 500, 502, 503, 504, RANGE_NOT_SATISFIABLE}
"""HTTP errors after which another attempt makes sense."""


def download(
    url: str,
    target: str | Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    pauses_s: Sequence[float] = PAUSES_S,
) -> str:
    """Fetch a file, unless it is there, and return its SHA-256.

    Until it is complete and checked it is called `<target>.part`; a later call goes on from what is
    there, or starts over where the server cannot. One process at a time fetches a file. Its folder
    is made if need be; a checksum must be the file's also if it is there already. When a connection
    breaks, further attempts follow after the pauses.

    SourceError if the server cannot be reached or refuses, the disk is full, or the file is not the
    one expected; such a file is renamed to `<target>.rejected`.
    """
    target = Path(target)
    held = lock(target)
    try:
        if target.exists():
            return _check(target, target, url, sha256, size)
        part = target.with_name(target.name + ".part")
        _fetch(url, part, pauses_s)
        found = _check(part, target, url, sha256, size)
        part.replace(target)
        return found
    finally:
        held.release()


def reject(path: Path, target: Path) -> Path:
    """Rename a file that is not what it should be; returns its new path."""
    rejected = target.with_name(target.name + ".rejected")
    path.replace(rejected)
    return rejected


def _check(path: Path, target: Path, url: str, sha256: str | None, size: int | None) -> str:
    found, n_bytes = file_sha256(path), path.stat().st_size
    if (sha256 is None or found == sha256) and (size is None or n_bytes == size):
        return found
    raise SourceError(
        f"{target}: not the file that was expected of {url}: its sha256 is {found}, expected "
        f"{sha256 or 'any'}; its size {n_bytes} bytes, expected {size or 'any'}. It was moved to "
        f"{reject(path, target)}; run again to fetch it anew, or correct what is expected"
    )


def _fetch(url: str, part: Path, pauses_s: Sequence[float]) -> None:
    for pause_s in (*pauses_s, None):
        try:
            return _transfer(url, part)
        except (OSError, HTTPException) as error:
            fault = error
        if isinstance(fault, HTTPError):
            fault.close()
            if fault.code not in TRANSIENT:
                raise SourceError(
                    f"{url}: the server answers {fault.code} {fault.reason}; {_other_way(part)}"
                )
            if fault.code == RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
        elif isinstance(fault, OSError) and fault.errno in NO_ROOM:
            raise SourceError(
                f"{part}: {fault.strerror}; make room and run again, which goes on from here"
            )
        if pause_s is not None:
            logger.info("%s: %s; trying again in %g s", url, fault, pause_s)
            time.sleep(pause_s)
    raise SourceError(
        f"{url}: not reachable, after {len(pauses_s) + 1} attempts ({fault}); check the network "
        f"and run again, or {_other_way(part)}"
    )


def _other_way(part: Path) -> str:
    return (
        f"get {part.stem} on another machine and name it in the configuration by the key `path` "
        "of what needs it"
    )


def _transfer(url: str, part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    with urlopen(request, timeout=TIMEOUT_S) as response:
        if response.status != PARTIAL_CONTENT:
            done = 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        progress = _progress(part.stem, total)
        with part.open("ab" if done else "wb") as stream:
            progress(done)
            while chunk := response.read(CHUNK):
                stream.write(chunk)
                stream.flush()
                done += len(chunk)
                progress(done)
    if total is not None and done < total:
        raise ConnectionError(f"the connection broke after {done} of {total} bytes")


def _progress(name: str, total: int | None) -> Callable[[int], None]:
    if total is None or total < WORTH_REPORTING:
        return lambda done: None
    progress = Progress(f"download {name}", total // 1000, unit="kB")
    return lambda done: progress.update(done // 1000)

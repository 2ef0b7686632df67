import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from falsemetal.sources.download import download
from falsemetal.sources.errors import SourceError

CONTENT = np.random.default_rng(1).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NO_PAUSES_S = (0.0, 0.0, 0.0)


class Handler(BaseHTTPRequestHandler):
    """Serves one file, in parts where the server has ranges."""

    def do_GET(self):
        """Send the file, and break off where the server is told to."""
        server, start = self.server, 0
        wanted = self.headers.get("Range")
        server.ranges.append(wanted)
        if self.path != "/file":
            return self.send_error(404)
        if wanted and server.has_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                return self.send_error(416)
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            body = body[: server.cuts.pop(0)]
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def server():
    """Serve on this machine; answers break off after the numbers of bytes in `cuts`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.has_ranges, server.cuts, server.ranges = True, [], []
        server.url = f"http://127.0.0.1:{server.server_port}/file"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "file.data"


def test_complete(server, target):
    found = download(server.url, target, sha256=SHA256, size=len(CONTENT))
    assert found == SHA256
    assert target.read_bytes() == CONTENT
    assert not target.with_name("file.data.part").exists()


def test_what_is_there_is_not_fetched_again(server, target):
    for _ in range(2):
        download(server.url, target, sha256=SHA256)
    assert len(server.ranges) == 1


def test_unpinned(server, target):
    assert download(server.url, target) == SHA256


def test_goes_on_from_a_partial_file(server, target):
    target.parent.mkdir()
    target.with_name("file.data.part").write_bytes(CONTENT[:1000])
    download(server.url, target, sha256=SHA256)
    assert server.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_connection_that_breaks(server, target, has_ranges):
    server.has_ranges, server.cuts = has_ranges, [100_000, 50_000]
    download(server.url, target, sha256=SHA256, pauses_s=NO_PAUSES_S)
    assert server.ranges[0] is None
    assert server.ranges[1] == "bytes=100000-"
    assert server.ranges[2] == ("bytes=150000-" if has_ranges else "bytes=50000-")
    assert len(server.ranges) == 3
    assert target.read_bytes() == CONTENT


def test_what_has_arrived_is_kept(server, target):
    server.cuts = [100_000, 0]
    with pytest.raises(SourceError, match=r"not reachable, after 2 attempts .*broke"):
        download(server.url, target, sha256=SHA256, pauses_s=(0.0,))
    assert target.with_name("file.data.part").stat().st_size == 100_000
    download(server.url, target, sha256=SHA256)
    assert server.ranges[-1] == "bytes=100000-"
    assert target.read_bytes() == CONTENT


def test_a_partial_file_that_is_too_long(server, target):
    target.parent.mkdir()
    target.with_name("file.data.part").write_bytes(CONTENT + b"more")
    download(server.url, target, sha256=SHA256, pauses_s=NO_PAUSES_S)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("there_already", [True, False])
def test_wrong_checksum(server, target, there_already):
    other = "0" * 64
    if there_already:
        download(server.url, target)
    with pytest.raises(SourceError, match=rf"{SHA256}, expected {other}.*rejected; run again"):
        download(server.url, target, sha256=other)
    assert [path.name for path in target.parent.iterdir() if path.suffix != ".lock"] == [
        "file.data.rejected"
    ]


def test_wrong_size(server, target):
    with pytest.raises(SourceError, match="size 300000 bytes, expected 5"):
        download(server.url, target, sha256=SHA256, size=5)


def test_refused(server, target):
    with pytest.raises(SourceError, match=r"nowhere: the server answers 404 .*`path`"):
        download(server.url.replace("file", "nowhere"), target, pauses_s=NO_PAUSES_S)
    assert len(server.ranges) == 1


def test_no_server(target):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(SourceError, match=rf"{url}: not reachable.*refused.*`path`"):
            download(url, target, pauses_s=(0.0,))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_disk_full(server, target):
    target.parent.mkdir()
    target.with_name("file.data.part").symlink_to("/dev/full")
    with pytest.raises(SourceError, match=r"file.data.part: No space left .*make room"):
        download(server.url, target, pauses_s=NO_PAUSES_S)
    assert len(server.ranges) == 1

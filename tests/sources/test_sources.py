import functools
import hashlib
import http.server
import logging
import shutil
import threading
from pathlib import Path

import pytest
import yaml
from checkouts import ROOT, SHARED, with_shared_data

from falsemetal.datasets.reading import count_frames
from falsemetal.files import file_git_blob
from falsemetal.sources.catalogue import fetch_source, find_local, find_source, load_sources
from falsemetal.sources.errors import SourceError

SOURCES = ROOT / "data/sources.yaml"
REVPBE0 = SHARED / "revpbe0-d3-water/input.data"
COMMITTEE = SHARED / "bpnnp-bulkH2O-jcp2020"
TITANIA = SHARED / "tio2-water-cnnp"
TRECI = SHARED / "cu111-water-treci/cu111_water_94.xyz"
FOURTH_GENERATION = {
    "carbon-chain-4g": SHARED / "charges-4g/Carbon_chain_4G.data",
    "au-mgo-4g": SHARED / "charges-4g/AlAuMgO_4G.data",
    "rpbe-d3-ice-4g": SHARED / "charges-4g/H2O_RPBE-D3_4G.data",
}
CP2K_COMMITTEE = Path("/usr/share/cp2k/NNP/bulkH2O-jcp2020-cnnp")

RUNNER = """begin
lattice 10.0 0.0 0.0
lattice 0.0 10.0 0.0
lattice 0.0 0.0 10.0
atom 0.0 0.0 0.0 H 0.0 0.0 0.0 0.0 0.0
energy -0.5
charge 0.0
end
"""
ENTRY = {
    "title": "A set",
    "doi": "10.1/2",
    "licence": "MIT",
    "citation": "Somebody (2020)",
    "url": "https://host/folder",
    "format": "runner",
    "frames": 2,
    "files": [{"path": "input.data", "size": None, "sha256": None}],
}


@pytest.fixture
def load(tmp_path):
    def load(**changes):
        (tmp_path / "sources.yaml").write_text(yaml.safe_dump({"a-set": ENTRY | changes}))
        return load_sources(tmp_path / "sources.yaml")["a-set"]

    return load


@pytest.fixture
def serve():
    """Serve folders on this machine; gives their URL."""
    servers = []

    def serve(folder):
        handler = functools.partial(QuietHandler, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *arguments):
        """Say nothing."""


def test_the_project_names_its_sources():
    sources = load_sources(SOURCES)
    assert set(sources) >= {
        "revpbe0-d3-water",
        "revpbe0-d3-water-generation-1",
        "bulkH2O-jcp2020-cnnp",
        "cu111-water-treci",
        "carbon-chain-4g",
        "au-mgo-4g",
        "rpbe-d3-ice-4g",
        "tio2-water",
        "tio2-water-cnnp",
    }
    assert sources.pop("cu111-water-treci").licence == "MIT"
    for name in FOURTH_GENERATION:
        assert sources.pop(name).licence == "GPL-3.0-or-later"
    assert all(source.licence == "CC-BY-SA-4.0" for source in sources.values())
    committee = {file.path for file in sources["bulkH2O-jcp2020-cnnp"].files}
    names = ("input.nn", "scaling.data", "weights.001.data", "weights.008.data")
    assert committee == {f"nnp-{n}/{name}" for n in range(1, 9) for name in names}
    committee = {file.path for file in sources["tio2-water-cnnp"].files}
    names = (*names, "weights.022.data")
    assert committee == {f"nnp-{n:03d}/{name}" for n in range(1, 9) for name in names}


@with_shared_data
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("revpbe0-d3-water-generation-1", REVPBE0.parent),
        ("bulkH2O-jcp2020-cnnp", COMMITTEE),
        ("tio2-water-cnnp", TITANIA),
    ],
)
def test_checksums_are_those_of_the_published_files(serve, tmp_path, name, folder):
    source = load_sources(SOURCES)[name].model_copy(update={"url": serve(folder)})
    paths = fetch_source(source, tmp_path / "downloads")
    assert paths == [tmp_path / "downloads" / file.path for file in source.files]
    for file, path in zip(source.files, paths, strict=True):
        assert path.read_bytes() == (folder / file.path).read_bytes()


@with_shared_data
@pytest.mark.parametrize(
    ("name", "here"), [("cu111-water-treci", TRECI), *FOURTH_GENERATION.items()]
)
def test_the_checksum_of_a_published_file_that_is_called_otherwise_here(
    serve, tmp_path, name, here
):
    source = load_sources(SOURCES)[name]
    (tmp_path / source.files[0].path).symlink_to(here)
    source = source.model_copy(update={"url": serve(tmp_path)})
    (path,) = fetch_source(source, tmp_path / "downloads")
    assert count_frames(path, source) == source.frames


@with_shared_data
def test_git_knows_a_published_file_by_this_name():
    """As the tree of the commit has it that sources.yaml names."""
    assert file_git_blob(REVPBE0) == "b06a29dabc1ff8da39805a6d5ef4bc1a61a1d8e1"


def test_without_checksum_git_knows_the_file(load, serve, tmp_path, caplog):
    folder, downloads = tmp_path / "published", tmp_path / "downloads"
    folder.mkdir()
    (folder / "input.data").write_text(RUNNER)
    blob = file_git_blob(folder / "input.data")
    file = ENTRY["files"][0] | {"git_blob": blob}
    source = load(url=serve(folder), frames=None, files=[file])
    with caplog.at_level(logging.WARNING, logger="falsemetal"):
        (path,) = fetch_source(source, downloads)
    assert "its sha256 is not pinned" in caplog.text
    shutil.rmtree(downloads)
    (folder / "input.data").write_text(RUNNER.replace("-0.5", "-0.6"))
    with pytest.raises(SourceError, match=f"not A set: git knows it as .* instead of {blob}; it"):
        fetch_source(source, downloads)
    assert not path.exists()


def test_without_checksum_the_frames_are_counted_and_the_checksum_kept(
    load, serve, tmp_path, caplog
):
    folder, downloads = tmp_path / "published", tmp_path / "downloads"
    folder.mkdir()
    (folder / "input.data").write_text(2 * RUNNER)
    digest = hashlib.sha256((2 * RUNNER).encode()).hexdigest()
    source = load(url=serve(folder))
    with caplog.at_level(logging.WARNING, logger="falsemetal"):
        (path,) = fetch_source(source, downloads, count_frames=count_frames)
    assert f"found {digest}: write it into data/sources.yaml" in caplog.text
    assert (downloads / "input.data.sha256").read_text() == f"{digest}  input.data\n"
    path.unlink()
    (folder / "input.data").write_text(2 * RUNNER.replace("-0.5", "-0.6"))
    with pytest.raises(SourceError, match=f"expected {digest}"):
        fetch_source(source, downloads, count_frames=count_frames)


@pytest.mark.parametrize(
    ("content", "message"),
    [(3 * RUNNER, "holds 3 frames instead of 2"), ("<html>", "'<html>' outside of begin")],
)
def test_wrong_content(load, serve, tmp_path, content, message):
    folder, downloads = tmp_path / "published", tmp_path / "downloads"
    folder.mkdir()
    (folder / "input.data").write_text(content)
    with pytest.raises(SourceError, match=f"input.data: not A set: .*{message}.*moved to"):
        fetch_source(load(url=serve(folder)), downloads, count_frames=count_frames)
    assert not (downloads / "input.data").exists()
    assert (downloads / "input.data.rejected").read_text() == content
    assert not (downloads / "input.data.sha256").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"license": "MIT"}, "sources.yaml: a-set.license: unknown key"),
        ({"url": "ftp://host"}, "sources.yaml: a-set.url: String should match"),
        ({"format": "vasp"}, "a-set.format: Input should be 'runner', 'extxyz' or 'n2p2'"),
        ({"files": [{"path": "a", "size": 1}]}, r"a-set.files.0.sha256: required key is missing"),
        (
            {"files": [{"path": "a", "size": 1, "sha256": "abc"}]},
            "a-set.files.0.sha256: String should match",
        ),
        (
            {"files": [{"path": "a", "size": 1, "sha256": None, "git_blob": "abc"}]},
            "a-set.files.0.git_blob: String should match",
        ),
        ({"frames": None}, "a-set: a file without sha256 and git_blob is verified by its frames"),
    ],
)
def test_faults_in_the_list_name_file_and_key(load, changes, message):
    with pytest.raises(SourceError, match=message):
        load(**changes)


@pytest.mark.parametrize(
    ("text", "message"), [(None, "no such file"), ("a: [", "not valid YAML"), ("- a", "dictionary")]
)
def test_no_list(tmp_path, text, message):
    if text is not None:
        (tmp_path / "sources.yaml").write_text(text)
    with pytest.raises(SourceError, match=f"sources.yaml: .*{message}"):
        load_sources(tmp_path / "sources.yaml")


@with_shared_data
@pytest.mark.parametrize("folder", [COMMITTEE, CP2K_COMMITTEE], ids=["published", "cp2k"])
def test_a_local_copy_may_differ_in_blanks(folder, caplog):
    if not folder.exists():
        pytest.skip(f"no {folder}")
    source = load_sources(SOURCES)["bulkH2O-jcp2020-cnnp"]
    with caplog.at_level(logging.INFO, logger="falsemetal"):
        paths = find_local(source, folder)
    assert paths == [folder / file.path for file in source.files]
    differing = [message for message in caplog.messages if "(published: " in message]
    assert len(differing) == (0 if folder == COMMITTEE else 8)
    assert all("input.nn: sha256 " in message for message in differing)


@with_shared_data
def test_an_incomplete_local_copy(tmp_path):
    shutil.copytree(COMMITTEE, tmp_path / "copy", ignore=shutil.ignore_patterns("weights.008*"))
    source = load_sources(SOURCES)["bulkH2O-jcp2020-cnnp"]
    with pytest.raises(SourceError, match=r"copy: no nnp-1/weights.008.data, .*`path`"):
        find_local(source, tmp_path / "copy")


def test_a_single_local_file_may_have_any_name(load, tmp_path):
    (tmp_path / "mine.data").write_text(RUNNER)
    assert find_local(load(), tmp_path / "mine.data") == [tmp_path / "mine.data"]
    with pytest.raises(SourceError, match=r"nowhere: no input.data of A set"):
        find_local(load(), tmp_path / "nowhere")


def test_a_source_by_name(load, serve, tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "input.data").write_text(2 * RUNNER)
    load(url=serve(folder))
    source, paths = find_source("a-set", tmp_path, count_frames=count_frames)
    assert paths == [tmp_path / "downloads/a-set/input.data"]
    assert count_frames(paths[0], source) == 2
    assert find_source("a-set", tmp_path, local=folder)[1] == [folder / "input.data"]
    with pytest.raises(SourceError, match=r"sources.yaml: there is no source 'b'; .*: a-set"):
        find_source("b", tmp_path)


def test_without_checksum_and_frames_nothing_tells_that_a_file_is_right(load, serve, tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "input.data").write_text("any")
    source = load(url=serve(folder), format="n2p2")
    with pytest.raises(SourceError, match="format 'n2p2' has no frames; give its sha256"):
        fetch_source(source, tmp_path / "downloads")


def test_a_local_copy_at_home(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.data").write_text(RUNNER)
    assert find_local(load(), "~/mine.data") == [tmp_path / "mine.data"]

"""What is read from configuration files, and that each fault names file, line and fix."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from falsemetal.config.reading import Configuration, ReadingError, merge, read_configuration

CONFIGS = sorted((Path(__file__).parents[2] / "config").rglob("*.yaml"))
OVERLAYS = [path for path in CONFIGS if path.parent.name == "overlays"]


@pytest.fixture(autouse=True)
def _within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(*texts: str | bytes) -> Configuration:
    """Read texts as files, 1.yaml and so on."""
    paths = [Path(f"{number}.yaml") for number, _ in enumerate(texts, 1)]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_configuration(paths)


def faults(*texts: str | bytes) -> list[str]:
    with pytest.raises(ReadingError) as caught:
        read(*texts)
    return str(caught.value).splitlines()


def fault_of(*paths: str | Path) -> str:
    with pytest.raises(ReadingError) as caught:
        read_configuration(paths)
    return str(caught.value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_are_read_as_snakemake_reads_them(path: Path) -> None:
    configuration = read_configuration([path])
    assert configuration.content == yaml.safe_load(path.read_text())
    assert configuration.source == str(path)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_overlays_are_merged_as_snakemake_merges_them(overlay: Path) -> None:
    base = "interfaces-paper" if "interfaces" in overlay.stem else "paper"
    paper = overlay.parents[1] / f"{base}.yaml"
    expected: dict[str, Any] = {}
    for path in (paper, overlay):
        update_config(expected, yaml.safe_load(path.read_text()))
    configuration = read_configuration([str(paper), overlay])
    assert configuration.content == expected
    assert list(configuration.content) == list(expected)
    assert configuration.source == f"{paper}, {overlay}"


def test_later_files_replace_all_but_mappings() -> None:
    configuration = read(
        "a: {b: 1, c: [1, 2]}\nd: 1\ne: {f: 1}\n", "a: {c: [3]}\nd: {g: 2}\n", "e: null\n"
    )
    assert configuration.content == {"a": {"b": 1, "c": [3]}, "d": {"g": 2}, "e": None}


def test_keys_that_share_an_anchor_are_overlaid_apart() -> None:
    content = read("a: &a {x: 1}\nb: *a\n", "a: {x: 2}\n").content
    assert content == {"a": {"x": 2}, "b": {"x": 1}}


BASE = """\
name: base
potentials:
  sr-mace:
    channels: 8
    layers: 2
  spce: {kind: force_field,
    runs: {slabs: {duration_ps: {9.3: 60.0, 12: 5.0}}}}
slabs:
  thicknesses_A:
    - 6.3
    - 9.3
    - 12.0
"""
OVERLAY = """\
potentials:
  sr-mace:
    channels: 4
slabs:
  thicknesses_A: [6.3]
"""


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (["name"], "1.yaml:1"),
        (["potentials", "sr-mace", "channels"], "2.yaml:3"),
        (["potentials", "sr-mace", "layers"], "1.yaml:5"),
        (["potentials", "sr-mace", "dataset"], "2.yaml:2"),
        (["potentials", "spce", "runs", "slabs"], "1.yaml:7"),
        (["potentials", "spce", "runs", "slabs", "duration_ps", "9.3"], "1.yaml:7"),
        (["potentials", "spce", "runs", "slabs", "duration_ps", 12], "1.yaml:7"),
        (["potentials", "lr-mace", "kind"], "2.yaml:1"),
        (["slabs", "thicknesses_A", 0], "2.yaml:5"),
        (["slabs", "thicknesses_A", 2], "2.yaml:5"),
        (["training", "epochs"], None),
        ([], None),
    ],
    ids=str,
)
def test_place_of_a_key_is_where_it_was_set_last(key: list[str | int], place: str | None) -> None:
    assert read(BASE, OVERLAY).place(key) == place


def test_items_of_a_list_have_places_of_their_own() -> None:
    assert read(BASE).place(("slabs", "thicknesses_A", 2)) == "1.yaml:12"


def test_numbers_of_yaml_1_2_are_numbers() -> None:
    text = "[1e-4, 1.0e4, 1E5, -2.5e+3, +1e2, .5e1, 5.e-1, 12, 3.0, 1e, e1, 1e-4x, v1e3, '1e-4']"
    numbers = read(f"a: {text}\n").content["a"]
    assert numbers[:9] == [1e-4, 1e4, 1e5, -2500.0, 100.0, 5.0, 0.5, 12, 3.0]
    assert [type(number) for number in numbers[:9]] == [float] * 7 + [int, float]
    assert numbers[9:] == ["1e", "e1", "1e-4x", "v1e3", "1e-4"]


def test_keys_stay_what_yaml_says() -> None:
    content = read("a: {9.3: 0.4, 10: 1, 1e1x: 2, yes: 3}\n").content
    assert [type(key) for key in content["a"]] == [float, int, str, bool]


def test_a_section_of_another_kind_replaces_the_one_below() -> None:
    lower = {"engine": {"kind": "cp2k", "cutoff_Ry": 100.0}, "frames": {"a": 1}}
    upper = {"engine": {"kind": "fhi-aims", "command": "aims.x"}, "frames": {"b": 2}}
    assert merge(lower, upper) == {"engine": upper["engine"], "frames": {"a": 1, "b": 2}}
    kept = {"engine": {"kind": "cp2k", "cutoff_Ry": 200.0}}
    assert merge(lower, kept)["engine"] == kept["engine"]


def test_anchors_aliases_and_merge_keys_work() -> None:
    configuration = read(
        "a: &base\n  x: 1\n  y: {z: 1}\nb:\n  <<: *base\n  y: {w: 2}\nc: *base\nd:\n  <<: [*base]\n"
    )
    base = {"x": 1, "y": {"z": 1}}
    assert configuration.content == {"a": base, "b": {"x": 1, "y": {"w": 2}}, "c": base, "d": base}
    assert configuration.place(("b", "x")) == "1.yaml:2"
    assert configuration.place(("b", "y", "w")) == "1.yaml:6"
    assert configuration.place(("b", "y", "z")) == "1.yaml:6"
    assert configuration.place(("c", "y", "z")) == "1.yaml:3"


def test_a_byte_order_mark_is_accepted() -> None:
    assert read(b"\xef\xbb\xbfname: a\n").content == {"name": "a"}


def test_dos_line_ends_are_accepted() -> None:
    configuration = read(b"name: a\r\nslabs:\r\n  x: 1\r\n")
    assert configuration.content == {"name": "a", "slabs": {"x": 1}}
    assert configuration.place(("slabs", "x")) == "1.yaml:3"


def test_a_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("a.yaml").write_text("name: a\n")
    configuration = read_configuration(["~/a.yaml"])
    assert configuration.content == {"name": "a"}
    assert configuration.place(["name"]) == "~/a.yaml:1"


@pytest.mark.parametrize("path", ["lost.yaml", "lost/a.yaml", "~no-such-user/a.yaml"])
def test_a_missing_file_is_named(path: str) -> None:
    assert fault_of(path) == f"{path}: no such file; see config/ for examples"


def test_a_folder_is_named() -> None:
    Path("folder").mkdir()
    assert fault_of("folder").startswith("folder: ")


@pytest.mark.parametrize("again", ["1.yaml", "./1.yaml", "folder/../1.yaml", "link.yaml"])
def test_a_file_given_twice_is_refused(again: str) -> None:
    Path("1.yaml").write_text("name: a\n")
    Path("folder").mkdir()
    Path("link.yaml").symlink_to("1.yaml")
    assert fault_of("1.yaml", again) == f"{Path(again)}: given twice; name each file once"


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n  # comments\n", "---\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert faults(text) == ["1.yaml: is empty; see config/ for examples"]


@pytest.mark.parametrize("text", ["- a\n- b\n", "some text\n", "5\n", "name:smoke\n"])
def test_anything_but_a_mapping_is_refused(text: str) -> None:
    assert faults(text) == [
        "1.yaml:1: expected a mapping of keys at the top level; see config/ for examples"
    ]


@pytest.mark.parametrize(
    ("text", "line", "fix"),
    [
        ("a:\n\tb: 1\n", 2, "spaces"),
        ("a:\n  b: 1\n  \tc: 2\n", 3, "spaces"),
        ("a:\n  b: 1\t# why\n", 2, "spaces"),
        ("a: [1,\n\t2]\n", 2, "spaces"),
        ("a: 1\nb: [1, 2\nc: 3\n", 2, "bracket"),
        ("a: 1\nb: [1, 2,\n", 2, "bracket"),
        ("a: 1\nb: {c: 1\nd: 2\n", 2, "bracket"),
        ("a: 1\nb: {c: [1, 2}\n", 2, "bracket"),
        ("a: 1\nb: 'text\nc: 2\n", 2, "quote"),
        ('a: "C:\\data"\n', 1, "single quotes"),
        ("a:\n    b: 1\n  c: 2\n", 3, "align"),
        ("a: 1\n   b: 2\n", 2, "align"),
        (" a: 1\nb: 2\n", 2, "align"),
        ("a: 1\n- b\n", 2, "align"),
        ("a: 1\nb:2\nc: 3\n", 2, "space after the colon"),
        ("a: 1\nb\n", 2, "key: value"),
        ("a: b: c\n", 1, "in quotes"),
        ("a: 1\nb: *.xyz\n", 2, "in quotes"),
        ("a: *xyz\n", 1, "in quotes"),
        ("a: 'it's'\n", 1, "in quotes"),
        ("a: 1\nb: [1]]\n", 2, "remove"),
        ("a: %d\n", 1, "in quotes"),
        ("a: {{ b }}\n", 1, "in quotes"),
        ("a: 1\n---\nb: 2\n", 2, "one document"),
        ("a: 1\nb: !!python/object:os.system {}\n", 2, "remove the tag"),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "remove the tag"),
        ("a: 1\nb: !include c.yaml\n", 2, "remove the tag"),
        ("%YAML 1.1\n", 1, "<document start>"),
        ("a: 1\nb: 2024-13-45\n", 2, "config/"),
        ("a: &a\n  b: *a\n", 2, "config/"),
        ("a: 1\nb:\n  <<: 2\n", 3, "config/"),
    ],
)
def test_broken_yaml_names_line_and_fix(text: str, line: int, fix: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"1.yaml:{line}: ")
    assert fix in fault


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\nlabel: 5 Å\n".encode("latin-1"), 2),
        ("name: a\n".encode("utf-16"), 1),
        ("name: a\nseed: 1\n".encode("utf-16-le"), 1),
        (b"name: a\nseed: 1\0\n", 2),
    ],
    ids=["latin-1", "utf-16", "utf-16 without mark", "null"],
)
def test_what_is_not_utf_8_names_its_line(text: bytes, line: int) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"1.yaml:{line}: ")
    assert "save it as UTF-8" in fault


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u200b", "\u202f", "\u3000", "\ufeff"])
@pytest.mark.parametrize(
    "line",
    [
        "_b: 1",
        "b_: 1",
        "b_c: 1",
        "b: _1",
        "b:_1",
        "b: 1_",
        "b: 1_# why",
        "b: [1,_2]",
        "b: {c:_1}",
        "b: {c: 1,_d: 2}",
        "__b: 1",
        "b: 10_000",
        "-_b",
    ],
)
def test_an_odd_space_is_named(line: str, space: str) -> None:
    (fault, *more) = faults(f"name: a\nlist:\n  {line.replace('_', space)}\nlast: 1\n")
    assert fault.startswith("1.yaml:3: ")
    assert f"U+{ord(space):04X}" in fault
    assert "plain space" in fault
    assert all(line.startswith("1.yaml:3: ") for line in more)


def test_odd_spaces_in_quotes_and_comments_stay() -> None:
    assert read("label: '5\u00a0Å'  # 5\u00a0Å\n").content == {"label": "5\u00a0Å"}


@pytest.mark.parametrize(
    ("text", "lines", "key"),
    [
        ("name: a\nseed: 1\nname: b\n", (1, 3), "name"),
        ("a:\n  b:\n    c: 1\n    d: 2\n    c: 1\n", (3, 5), "c"),
        ("a: {9.3: 1,\n  9.30: 2}\n", (1, 2), "9.30"),
        ("a: {10: 1,\n  10.0: 2}\n", (1, 2), "10.0"),
        ("a:\n- b: 1\n  'b': 2\n", (2, 3), "b"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n  <<: *a\n", (3, 4), "<<"),
        ("a: &a\n  b: 1\n  b: 2\nc: {<<: *a}\nd: *a\n", (2, 3), "b"),
    ],
)
def test_a_duplicate_key_names_both_lines(text: str, lines: tuple[int, int], key: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"1.yaml:{lines[1]}: {key}: ")
    assert f"line {lines[0]} " in fault


def test_an_empty_section_is_refused_at_the_top_only() -> None:
    assert faults("name: a\nanalysis:\ntraining: {epochs:}\n") == [
        "1.yaml:2: analysis: is empty; remove it or give its keys"
    ]
    content = read("electronic: null\nslabs: ~\ntraining:\n  epochs:\n").content
    assert content == {"electronic": None, "slabs": None, "training": {"epochs": None}}


def test_all_faults_of_all_files_are_told() -> None:
    found = faults("a:\nb: 1\nb: 2\n", "a: [\n", "c: 1\n", "- d\n")
    assert [fault.split(": ")[0] for fault in found] == [
        "1.yaml:3",
        "1.yaml:1",
        "2.yaml:1",
        "4.yaml:1",
    ]

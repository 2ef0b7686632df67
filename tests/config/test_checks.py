"""What must hold of the results' folder and of plugins before anything runs."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkouts import ROOT

from falsemetal.config import parse_config
from falsemetal.config.checks import claim, find_missing_files, unowned, unsuitable
from falsemetal.files import expand
from falsemetal.plugins import PluginError, load_plugins


def test_results_are_those_of_the_first_file_whatever_lies_over_it(tmp_path) -> None:
    assert unowned(tmp_path, "config/a.yaml") is None
    claim(tmp_path, "config/a.yaml")
    for own in ("config/a.yaml", "config/a.yaml, over.yaml", str(tmp_path / "config.yaml")):
        assert unowned(tmp_path, own) is None
    fault = unowned(tmp_path, "config/b.yaml, config/a.yaml")
    assert fault is not None
    assert fault.startswith("config/b.yaml, config/a.yaml: name: ")
    assert "holds the results of config/a.yaml; choose another name" in fault


def test_files_that_are_not_there_are_named_with_the_key(tmp_path) -> None:
    raw = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    mine = {"kind": "labelled", "path": str(tmp_path / "x.xyz"), "format": "extxyz"}
    raw["datasets"] |= {"mine": mine, "public": {"kind": "labelled", "source": "unheard-of"}}
    config = parse_config(raw, source="my.yaml")
    fault = find_missing_files(config, "my.yaml", ROOT / "data")
    assert fault is not None
    first, second = fault.splitlines()
    assert (
        first == f"my.yaml: datasets.mine.path: {mine['path']}: no such file or folder; correct it"
    )
    assert second.startswith("my.yaml: datasets.public.source: ")
    assert "has no 'unheard-of'; name one of: revpbe0-d3-water, " in second


def test_an_interpreter_with_a_blank_is_refused() -> None:
    assert unsuitable("/home/me/venv/bin/python") is None
    fault = unsuitable("/home/me/my project/.venv/bin/python")
    assert fault is not None
    assert fault.startswith("/home/me/my project/.venv/bin/python: Snakemake cannot start")


def test_results_that_cannot_be_written_are_told(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file/a: cannot be written \(Not a directory\)"):
        claim(tmp_path / "file/a", "config/a.yaml")


def test_a_home_that_is_unknown_is_no_such_file(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("~/a") == tmp_path / "a"
    assert expand("~nobody-of-this-name/a") == Path("~nobody-of-this-name/a")
    raw = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    path = "~nobody-of-this-name/x.xyz"
    raw["datasets"]["mine"] = {"kind": "labelled", "path": path, "format": "extxyz"}
    fault = find_missing_files(parse_config(raw, source="my.yaml"), "my.yaml", ROOT / "data")
    assert fault == f"my.yaml: datasets.mine.path: {path}: no such file or folder; correct it"


def test_a_plugin_without_kinds_leaves_specifications_to_be_built(tmp_path) -> None:
    """As in a job's process, where no kind of potential is registered when plugins are loaded."""
    (tmp_path / "idle_plugin.py").write_text("ANSWER = 42\n")
    code = (
        "import falsemetal.specs, falsemetal.potentials.kind\n"
        "from falsemetal.plugins import load_plugins\n"
        f"load_plugins([{str(tmp_path / 'idle_plugin.py')!r}])\n"
        "import falsemetal.potentials.kinds\n"
        "from falsemetal.potentials.kind import FetchSpec\n"
        "FetchSpec.model_json_schema()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plugin_may_lie_where_modules_are_found(tmp_path, monkeypatch) -> None:
    (tmp_path / "plugin_on_the_path.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    [module] = load_plugins([str(tmp_path / "plugin_on_the_path.py")])
    assert module.ANSWER == 42


@pytest.mark.parametrize(
    ("plugin", "text", "message"),
    [
        ("nowhere.py", None, "nowhere.py: FileNotFoundError"),
        ("no_such_module", None, "no_such_module: ModuleNotFoundError"),
        ("broken_plugin.py", "1 / 0", "broken_plugin.py: ZeroDivisionError"),
        ("lammps.py", "", "there is a module lammps already; rename the file"),
        ("json.py", "", "there is a module json already; rename the file"),
        ("time.py", "", "there is a module time already; rename the file"),
    ],
)
def test_plugins_that_cannot_be_loaded_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin, text, message
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(plugin).write_text(text)
    with pytest.raises(PluginError, match=message):
        load_plugins([plugin])

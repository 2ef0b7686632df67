"""Pages that are made from files say what the files say; recipes work."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
from checkouts import ROOT, snakemake

from falsemetal.products.saving import to_markdown


def test_the_page_on_performance_shows_the_tables(checkout) -> None:
    page = "docs/performance.md"
    (checkout / page).unlink()
    subprocess.run([sys.executable, "benchmarks/report.py"], cwd=checkout, check=True)
    assert (checkout / page).read_text() == (ROOT / page).read_text()


def test_the_page_on_electronic_structure_shows_the_table_of_bases() -> None:
    table = pd.read_csv(ROOT / "benchmarks/results/basis.csv").drop(columns="machine")
    assert to_markdown(table) in (ROOT / "docs/electronic-structure.md").read_text()


def test_the_recipes_of_contributing_are_planned(checkout) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    plugins = re.findall(r"^`(\w+\.py)`:\n\n```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for name, text in plugins:
        (checkout / name).write_text(text)
    (configuration,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (checkout / "recipes.yaml").write_text(configuration)
    (checkout / "mace.model").touch()
    run = snakemake(checkout, "--dry-run", "--configfile", "recipes.yaml")
    assert run.returncode == 0, run.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", run.stdout, re.MULTILINE))
    expected = {"fetch": "1", "equilibrate": "3", "spans": "1", "run_job": "1"}
    assert {name: jobs.get(name) for name in expected} == expected


def test_files_that_contributing_names_are_there_or_those_of_its_recipes() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    recipes = {"mace_file", "water_plate", "span", "spans", "levels"}
    for listed in re.findall(r"^\*Files:\*(.*?)\n\n", page + "\n\n", re.MULTILINE | re.DOTALL):
        for name in re.findall(r"`([^`]+)`", listed):
            there = (ROOT / name).exists() or (ROOT / "src/falsemetal" / name).exists()
            assert there or Path(name).stem in recipes, name


def test_the_example_of_the_check_runs(capsys) -> None:
    page = (ROOT / "docs/check.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "docs/check.md", "exec"), {})
    assert capsys.readouterr().out.startswith("short-ranged 14.36")

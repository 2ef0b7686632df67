"""Pages that are made from files say what the files say."""

import subprocess
import sys

import pandas as pd
from checkouts import ROOT

from falsemetal.products.tables import to_markdown


def test_the_page_on_performance_shows_the_tables(checkout) -> None:
    page = "docs/performance.md"
    (checkout / page).unlink()
    subprocess.run([sys.executable, "benchmarks/report.py"], cwd=checkout, check=True)
    assert (checkout / page).read_text() == (ROOT / page).read_text()


def test_the_page_on_electronic_structure_shows_the_table_of_bases() -> None:
    table = pd.read_csv(ROOT / "benchmarks/results/basis.csv").drop(columns="machine")
    assert to_markdown(table) in (ROOT / "docs/electronic-structure.md").read_text()

"""Pages that are made from files say what the files say."""

import subprocess
import sys

from checkouts import ROOT


def test_the_page_on_performance_shows_the_tables(checkout) -> None:
    page = "docs/performance.md"
    (checkout / page).unlink()
    subprocess.run([sys.executable, "benchmarks/report.py"], cwd=checkout, check=True)
    assert (checkout / page).read_text() == (ROOT / page).read_text()

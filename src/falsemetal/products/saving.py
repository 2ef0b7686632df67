"""Tables as CSV and Markdown."""

from pathlib import Path

import pandas as pd


def to_markdown(table: pd.DataFrame) -> str:
    """Render a table as Markdown; numbers to four significant digits, unknown ones as a dash."""
    lines = [list(table.columns), ["---"] * len(table.columns)]
    lines += [[_render(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def save_table(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Write `<stem>.csv` and `<stem>.md`."""
    csv, markdown = stem.with_name(stem.name + ".csv"), stem.with_name(stem.name + ".md")
    stem.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(csv, index=False, float_format="%.8g")
    markdown.write_text(to_markdown(table))
    return [csv, markdown]


def _render(value: object) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

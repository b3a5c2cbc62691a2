"""The look of tables: how a DataFrame becomes rows of text, and the CSV behind a figure or table."""

from __future__ import annotations

import pandas as pd

from alliance.words import number
from alliance.writer import guarded


def cells(frame: pd.DataFrame, columns: dict[str, tuple[str, int | None]]) -> list[list[str]]:
    """Format the columns of a table.

    Parameters
    ----------
    frame : the rows, in order
    columns : heading and number of decimals (None for text and years) of each column to show

    Returns
    -------
    list of rows of text; a missing value is an en dash.
    """
    return [
        [_cell(value, digits) for value, (_, digits) in zip(row, columns.values(), strict=True)]
        for row in frame[list(columns)].itertuples(index=False)
    ]


def _cell(value, digits: int | None) -> str:
    if pd.isna(value):
        return "–"
    return str(value) if digits is None else number(value, digits)


def to_csv(frame: pd.DataFrame) -> str:
    """The rows as CSV for download. Text that a spreadsheet would run as a formula is prefixed with an apostrophe."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map(lambda v: guarded(v) if isinstance(v, str) else v)
    return safe.to_csv(index=False, lineterminator="\n", float_format="%.10g")

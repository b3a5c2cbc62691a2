"""Writing CSV: the counterpart of the reader; what is for download is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

FORMULA = "=+-@\t\r\n＝＋－＠"  # what a spreadsheet takes for the beginning of a formula


def guarded(text: str) -> str:
    """Text that a spreadsheet would run as a formula, made harmless with an apostrophe; numbers stay as they are."""
    runs = text.lstrip(" ")[:1] in tuple(FORMULA) and not re.fullmatch(r"-?\d+(\.\d+)?", text)
    return f"'{text}" if runs else text


def csv_text(rows: Iterable[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def csv_line(cells: list[str]) -> str:
    """One row without the end of its line."""
    return csv_text([cells]).removesuffix("\n")

"""Strict reader of the canonical grammar: bytes of a CSV file in, rows of text and a list of problems out.

The grammar: UTF-8 (a byte-order mark and CRLF are accepted), comma, one record a line, a header that names exactly
the columns of the description, numbers as ``-?\\d+(\\.\\d+)?`` in ASCII digits, ISO dates, empty for missing. pandas
and frictionless both accept much more than that in silence, which is why the book has a reader of its own.
"""

from __future__ import annotations

import csv
import datetime
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from alliance import hints
from alliance.problems import Problem

MAX_BYTES = 50 * 1024 * 1024

RULES = {
    "file-missing": "Every table that datapackage.json describes has its file, and every file its description.",
    "file-outside": "A table is an ordinary file inside its folder; links that lead out of the folder are not followed.",
    "file-encoding": "Files are UTF-8 text. A byte-order mark is accepted; UTF-16, cp1251, GB18030 and binary files are not.",
    "file-empty": "A file has a header line and at least one row.",
    "file-size": "A file is smaller than 50 MB, far more than any table of the book needs.",
    "file-delimiter": "Fields are separated by commas.",
    "header": "The header names exactly the columns of the description, each once, spelled as there.",
    "fields": "Every row has as many fields as the header.",
    "quotes": "A quoted field ends with a quote on the same line; quotes inside are doubled.",
    "characters": "Text holds no control, invisible or direction-changing characters, no space at its ends and none but the plain one, "
    "and no word whose letters come from two scripts.",
    "number": "A number is written with at most 15 ASCII digits, zeros at its ends not counted, and a decimal point: 1234.5. It is no longer "
    "than 30 characters. Empty means missing.",
    "year": "A year has four digits and lies between 1900 and 2100.",
    "date": "A date is written YYYY, YYYY-MM or YYYY-MM-DD, or in the one of these forms that its column wants; it exists, and lies between "
    "1500 and 2100.",
    "range": "A value keeps the limits that the description states (a share between 0 and 100, a volume not negative).",
    "enum": "A column with a fixed vocabulary, or a pattern for its texts, holds nothing else.",
    "address": "The address of a source begins with https:// or http:// and names a host on the web; no javascript:, data: or file:, "
    "no user name, no space.",
    "required": "A required column is never empty.",
}

DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
YEARS = range(1900, 2101)
SEPARATORS = ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"))
DIGITS = 15  # of a number that a computer keeps exactly
LENGTH = 30  # of a number with its zeros; beyond that sums and ratios leave what a computer can hold


@dataclass
class Row:
    """One record: its line in the file and its fields as text, by column."""

    line: int
    fields: dict[str, str]


@dataclass
class Sheet:
    """What the reader made of one file."""

    file: str
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, line, column, value, rule, message, remedy):
        self.problems.append(Problem(self.file, line, column, value, rule, message, remedy))


def listed(text: str | None) -> list[str]:
    """Parts of a field that holds several, separated by semicolons."""
    return [part for part in (text or "").split(";") if part]


def read_sheet(file: str, content: bytes, fields: list[dict]) -> Sheet:
    """Read one file against the ``fields`` of its description.

    Parameters
    ----------
    file : the name that problems show, relative to the project
    content : the bytes of the file
    fields : Table Schema field descriptors (``name``, ``type``, ``constraints``)

    Returns
    -------
    Sheet
        Rows that could be split into fields, and every problem found; rows with problems are kept, so that one run
        reports all of them.
    """
    sheet = Sheet(file)
    text = _decode(sheet, content)
    if text is None:
        return sheet
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if not any(line.strip() for line in lines):
        sheet.complain(0, "", "", "file-empty", "the file is empty", "Restore it, or write the header and the rows.")
        return sheet
    columns = _header(sheet, lines[0], [f["name"] for f in fields])
    if columns is None:
        return sheet
    if len(lines) == 1:
        sheet.complain(1, "", "", "file-empty", "the file has a header and no rows", "Add the rows, or restore the file.")
    for number, line in enumerate(lines[1:], start=2):
        cells = _row(sheet, number, line, columns)
        if cells is not None:
            sheet.rows.append(Row(number, dict(zip(columns, cells, strict=True))))
    for row in sheet.rows:
        for descriptor in fields:
            _check_cell(sheet, row, descriptor)
    return sheet


def _decode(sheet: Sheet, content: bytes) -> str | None:
    if len(content) > MAX_BYTES:
        complain_of_size(sheet)
        return None
    kind = hints.kind_of(content)
    if kind:
        sheet.complain(0, "", "", "file-encoding", f"the file is {kind}, not UTF-8 CSV", "Save it as CSV UTF-8 (comma separated).")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        guess = hints.encoding(content)
        remedy = f"It reads as {guess}; save it as UTF-8." if guess else "Save it as UTF-8."
        sheet.complain(line, "", f"0x{content[error.start]:02x}", "file-encoding", "the file is not UTF-8", remedy)
        return None
    return text.replace("\r", "\n") if "\r" in text and "\n" not in text else text  # lines of an old Macintosh


def complain_of_size(sheet: Sheet) -> None:
    sheet.complain(0, "", "", "file-size", "the file is larger than 50 MB", "Keep only the rows that the table describes.")


def _header(sheet: Sheet, line: str, expected: list[str]) -> list[str] | None:
    names = _cells(sheet, 1, line, [])
    if names is None:
        return None
    separator = next((word for sign, word in SEPARATORS if len(names) == 1 < len(expected) and sign in line), None)
    if separator:
        remedy = "Separate fields with commas and write decimals with a point (a spreadsheet's English CSV export does both)."
        sheet.complain(1, "", line, "file-delimiter", f"fields are separated by {separator}", remedy)
        return None
    if not set(names) & set(expected) and any(hints.NUMBER.fullmatch(n) for n in names):
        remedy = f"Write the names of the columns above the rows: {','.join(expected)}"
        sheet.complain(1, "", line, "header", "the first line holds values, not the names of the columns", remedy)
        return None
    return names if _names_fit(sheet, names, expected) else None


def _names_fit(sheet: Sheet, names: list[str], expected: list[str]) -> bool:
    before = len(sheet.problems)
    meant = {n: hints.near(n, [e for e in expected if e not in names]) for n in names if n not in expected}
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        sheet.complain(1, name, name, "header", "the column appears twice", "Keep one of them.")
    for name, twin in meant.items():
        message = "the column has no name" if not name.strip() else f"the column is not in the description{hints.strange_letter(name)}"
        sheet.complain(1, name, name, "header", message, f'Write "{twin}".' if twin else "Remove it, or describe it in tables.toml.")
    for name in (n for n in expected if n not in names and n not in meant.values()):
        sheet.complain(1, name, "", "header", f'the column "{name}" is missing', "Add it; leave its fields empty where nothing is known.")
    return len(sheet.problems) == before


def _cells(sheet: Sheet, number: int, line: str, columns: list[str]) -> list[str] | None:
    """Split one physical line; a record never spans lines, so an open quote cannot swallow the rows after it."""
    if "\r" in line:
        sheet.complain(number, "", line, "characters", "the line holds a carriage return, U+000D", "Remove it; a line ends with LF or CR LF.")
        return None
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        swallowed = len(next(csv.reader([line]), [])) - 1  # an open quote takes all that follows into its field
        column = columns[swallowed] if "end of data" in str(error) and 0 <= swallowed < len(columns) else ""
        remedy = "Close the quote on the same line, and double every quote inside the field."
        sheet.complain(number, column, line, "quotes", "a quoted field is not closed properly", remedy)
        return None


def _row(sheet: Sheet, number: int, line: str, columns: list[str]) -> list[str] | None:
    """The fields of a row, if it has as many as the header."""
    cells = _cells(sheet, number, line, columns)
    if cells is None or len(cells) == len(columns):
        return cells
    if not any(cell.strip() for cell in cells):
        sheet.complain(number, "", "", "fields", "the line is blank", "Remove it.")
        return None
    split = hints.joined(cells) if len(cells) > len(columns) else None
    position = split[0] if split else min(len(cells), len(columns)) - 1
    separator = next((word for sign, word in SEPARATORS if len(cells) < len(columns) and sign in line), None)
    if split:
        remedy = split[1]
    elif separator:
        remedy = f"Fields seem to be separated by {separator}; separate them with commas."
    elif len(cells) > len(columns):
        remedy = "Quote a field that holds a comma, or remove the comma that is too many."
    else:
        remedy = f"Add the missing commas; an empty field still needs its comma. The row ends with {columns[position]}."
    message = f"the row has {len(cells)} field{'s' if len(cells) != 1 else ''}, the header {len(columns)}"
    sheet.complain(number, "" if separator else columns[position], line, "fields", message, remedy)
    return None


def _check_cell(sheet: Sheet, row: Row, descriptor: dict) -> None:
    name, value = descriptor["name"], row.fields[descriptor["name"]]
    if value == "":
        if descriptor.get("constraints", {}).get("required"):
            sheet.complain(row.line, name, "", "required", "the field must not be empty", "Fill it in, or remove the row.")
        return
    kind = descriptor["type"]
    if kind in ("number", "integer"):
        _check_number(sheet, row.line, value, descriptor)
    elif kind == "year":
        if not re.fullmatch(r"[0-9]{4}", value) or int(value) not in YEARS:
            sheet.complain(row.line, name, value, "year", f"not a year between {YEARS[0]} and {YEARS[-1]}", hints.year(value))
    elif descriptor.get("partialDate"):
        _check_date(sheet, row.line, value, descriptor)
    else:
        _check_text(sheet, row.line, value, descriptor)


def _check_number(sheet: Sheet, line: int, value: str, descriptor: dict) -> None:
    name, unit, limits = descriptor["name"], descriptor.get("unit", ""), descriptor.get("constraints", {})
    if not hints.NUMBER.fullmatch(value):
        sheet.complain(line, name, value, "number", "not a number", hints.number(value, unit))
        return
    if descriptor["type"] == "integer" and "." in value:
        sheet.complain(line, name, value, "number", "not a whole number", "Write it without decimals.")
    if len(re.sub(r"[^0-9]", "", value).strip("0")) > DIGITS:
        sheet.complain(line, name, value, "number", f"more than {DIGITS} digits", "Round it to the digits that the source prints.")
        return
    if len(value) > LENGTH:
        remedy = f"Write it in the unit of the column{f' ({unit})' if unit else ''}, without zeros that say nothing."
        sheet.complain(line, name, value, "number", f"more than {LENGTH} characters", remedy)
        return
    low, high = limits.get("minimum"), limits.get("maximum")
    if low is not None and float(value) < low:
        remedy = f"Correct the value; write {value[1:]} if only the sign is wrong." if low == 0 else "Correct the value."
        sheet.complain(line, name, value, "range", f"below the least value allowed, {low}", remedy)
    if high is not None and float(value) > high:
        remedy = "Correct the value; a share lies between 0 and 100 percent." if unit == "percent" and high == 100 else "Correct the value."
        sheet.complain(line, name, value, "range", f"above the greatest value allowed, {high}", remedy)


def _check_date(sheet: Sheet, line: int, value: str, descriptor: dict) -> None:
    name, pattern = descriptor["name"], descriptor.get("constraints", {}).get("pattern")
    if not _is_date(value):
        sheet.complain(line, name, value, "date", "not an ISO date", hints.date(value))
    elif pattern and not re.fullmatch(pattern, value):
        form, remedy = hints.precision(value, pattern)
        sheet.complain(line, name, value, "date", f"this column holds dates of the form {form}", remedy)


def _is_date(value: str) -> bool:
    match = DATE.fullmatch(value)
    try:
        return match is not None and datetime.date(*(int(part or 1) for part in match.groups())).year in hints.DAYS
    except ValueError:
        return False


def _check_text(sheet: Sheet, line: int, value: str, descriptor: dict) -> None:
    name, constraints = descriptor["name"], descriptor.get("constraints", {})
    for message, remedy in _flaws(value):
        sheet.complain(line, name, value, "characters", message, remedy)
        return
    pattern, enum = constraints.get("pattern"), constraints.get("enum")
    if descriptor.get("format") == "uri":
        if not hints.ADDRESS.fullmatch(value):
            sheet.complain(line, name, value, "address", "not the address of a page on the web", hints.address(value))
    elif pattern and not re.fullmatch(pattern, value):
        sheet.complain(
            line, name, value, "enum", f"the text does not fit the pattern {pattern}", f"Write it as the column wants: {descriptor['title']}."
        )
    if enum and value not in enum:
        twin = hints.near(value, enum)
        remedy = f'Did you mean "{twin}"?' if twin else f"Allowed: {', '.join(enum)}."
        sheet.complain(line, name, value, "enum", "not one of the words allowed here", remedy)


def _flaws(value: str) -> Iterator[tuple[str, str]]:
    """What makes a text another one than it seems to be, and what to do about it."""
    hidden = hints.INVISIBLE.search(value)
    if hidden:
        yield f"the text holds U+{ord(hidden[0]):04X}, which is not visible", "Remove it."
    if value != value.strip():
        yield "the text begins or ends with a space", f'Write "{value.strip()}".'
    if value.isascii():
        return
    space, mixed = hints.SPACES.search(value), hints.MIXED.search(value)
    if space:
        yield f"the text holds the space U+{ord(space[0]):04X}", f'Write a plain space: "{hints.SPACES.sub(" ", value)}".'
    if mixed:
        yield f'"{mixed[0]}" joins letters of two scripts{hints.strange_letter(mixed[0])}', "Write the word in one script."
    if not unicodedata.is_normalized("NFC", value):
        yield "the text holds letters in two parts (letter and accent)", f'Write "{unicodedata.normalize("NFC", value)}", composed (NFC).'

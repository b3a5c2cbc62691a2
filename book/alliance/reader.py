"""Strict reader of the canonical grammar: bytes of a CSV file in, rows of text and a list of problems out.

The grammar: UTF-8 (a byte-order mark and CRLF are accepted), comma, one record a line, a header that names exactly
the columns of the description, numbers as ``-?\\d+(\\.\\d+)?`` in ASCII digits, ISO dates, empty for missing. pandas
and frictionless both accept much more than that in silence, which is why the book has a reader of its own.
"""

from __future__ import annotations

import csv
import datetime
import difflib
import itertools
import re
import unicodedata
from dataclasses import dataclass, field

from alliance.problems import Problem

MAX_BYTES = 50 * 1024 * 1024

RULES = {
    "file-missing": "Every table that datapackage.json describes has its file, and every file its description.",
    "file-encoding": "Files are UTF-8 text. A byte-order mark is accepted; UTF-16, cp1251, GB18030 and binary files are not.",
    "file-empty": "A file has a header line and at least one row.",
    "file-size": "A file is smaller than 50 MB, far more than any table of the book needs.",
    "file-delimiter": "Fields are separated by commas.",
    "header": "The header names exactly the columns of the description, each once, spelled as there.",
    "fields": "Every row has as many fields as the header.",
    "quotes": "A quoted field ends with a quote on the same line; quotes inside are doubled.",
    "characters": "Text holds no control, invisible or direction-changing characters and no space at its ends.",
    "number": "A number is written with ASCII digits and a decimal point: 1234.5. Empty means missing.",
    "year": "A year has four digits and lies between 1900 and 2100.",
    "date": "A date is written YYYY, YYYY-MM or YYYY-MM-DD and exists.",
    "range": "A value keeps the limits that the description states (a share between 0 and 100, a volume not negative).",
    "enum": "A column with a fixed vocabulary holds only words of it.",
    "required": "A required column is never empty.",
}

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
INVISIBLE = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")

# What a cell that is not a number was probably meant to be: pattern, and what to write instead.
NUMBER_HINTS = [
    (re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?"), lambda t: f"Thousands separators are not allowed; write {t.replace(',', '')}."),
    (
        re.compile(r"-?\d{1,3}([ '_\u00a0\u202f]\d{3})+(\.\d+)?"),
        lambda t: f"Thousands separators are not allowed; write {re.sub(r'[^0-9.-]', '', t)}.",
    ),
    (re.compile(r"-?\d+,\d+"), lambda t: f"The decimal sign is a point; write {t.replace(',', '.')}."),
    (re.compile(r"[\u2212\u2013]\d+(\.\d+)?"), lambda t: f"The minus sign is the ASCII hyphen; write -{t[1:]}."),
    (re.compile(r"-?\d+(\.\d+)?\s*%"), lambda t: f"The unit belongs to the column; write {t.rstrip('% ')}."),
    (re.compile(r"[+]\d+(\.\d+)?"), lambda t: f"No plus sign; write {t[1:]}."),
    (re.compile(r"-?\.\d+|-?\d+\."), lambda t: "Write digits on both sides of the point, as in 0.5."),
    (re.compile(r"-?\d+(\.\d+)?[eE][+-]?\d+"), lambda t: f"No powers of ten; write {float(t):f}."),
    (
        re.compile(r"(?i)nan|n/?a|null|none|nil|\.\.|-|—|–|[+-]?inf(inity)?|missing"),
        lambda t: "A missing value is an empty field, not a word or sign.",
    ),
    (re.compile(r"(?i)true|false"), lambda t: "This column holds numbers, not TRUE or FALSE."),
]


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
    if not lines:
        sheet.complain(0, "", "", "file-empty", "the file is empty", "Restore it, or write the header and the rows.")
        return sheet
    columns = _header(sheet, lines[0], [f["name"] for f in fields])
    if columns is None:
        return sheet
    if len(lines) == 1:
        sheet.complain(1, "", "", "file-empty", "the file has a header and no rows", "Add the rows, or restore the file.")
    for number, line in enumerate(lines[1:], start=2):
        cells = _split(sheet, number, line, columns)
        if cells is not None:
            sheet.rows.append(Row(number, dict(zip(columns, cells, strict=True))))
    for row in sheet.rows:
        for descriptor in fields:
            _check_cell(sheet, row, descriptor)
    return sheet


def _decode(sheet: Sheet, content: bytes) -> str | None:
    if len(content) > MAX_BYTES:
        sheet.complain(0, "", "", "file-size", "the file is larger than 50 MB", "Keep only the rows that the table describes.")
        return None
    signatures = [
        (b"PK\x03\x04", "a spreadsheet (xlsx) or zip archive"),
        (b"PAR1", "a Parquet file"),
        (b"\x80\x04", "a Python pickle"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
    ]
    for start, kind in signatures:
        if content.startswith(start):
            sheet.complain(0, "", "", "file-encoding", f"the file is {kind}, not UTF-8 CSV", "Save it as CSV UTF-8 (comma separated).")
            return None
    if b"\x00" in content:
        line = content[: content.index(b"\x00")].count(b"\n") + 1
        sheet.complain(line, "", "", "file-encoding", "the file holds a NUL byte (UTF-16 text, or damage)", "Save it as CSV UTF-8.")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = f"0x{content[error.start]:02x}"
        guess = _guess_encoding(content)
        remedy = f"It reads as {guess}; save it as UTF-8." if guess else "Save it as UTF-8."
        sheet.complain(line, "", byte, "file-encoding", "the file is not UTF-8", remedy)
        return None


def _guess_encoding(content: bytes) -> str | None:
    # Chinese bytes read as cp1251 give many signs between the letters, Russian ones almost none; so cp1251 comes first.
    for name, script in (("cp1251", "CYRILLIC"), ("gb18030", "CJK")):
        try:
            letters = [c for c in content.decode(name) if ord(c) > 127]
        except UnicodeDecodeError:
            continue
        if letters and sum(unicodedata.name(c, "").startswith(script) for c in letters) > 0.9 * len(letters):
            return name
    return None


def _header(sheet: Sheet, line: str, expected: list[str]) -> list[str] | None:
    names = _split(sheet, 1, line, None)
    if names is None:
        return None
    if len(names) == 1 and len(expected) > 1:
        for sign, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if sign in line:
                remedy = "Separate fields with commas and write decimals with a point (a spreadsheet's English CSV export does both)."
                sheet.complain(1, "", line, "file-delimiter", f"fields are separated by {word}", remedy)
                return None
    ok = True
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        ok = False
        sheet.complain(1, name, name, "header", "the column appears twice", "Keep one of them.")
    for name in dict.fromkeys(n for n in names if n not in expected):
        ok = False
        twin = _look_alike(name, expected)
        remedy = f'Write "{twin}".' if twin else "Remove it, or describe it in datapackage.json."
        sheet.complain(1, name, name, "header", "the column is not in the description", remedy)
    for name in (n for n in expected if n not in names):
        ok = False
        sheet.complain(1, name, "", "header", f'the column "{name}" is missing', "Add it; leave its fields empty where nothing is known.")
    return names if ok else None


def _look_alike(name: str, expected: list[str]) -> str | None:
    plain = unicodedata.normalize("NFKD", name).strip().lower()
    close = difflib.get_close_matches(plain, expected, n=1, cutoff=0.75)
    return close[0] if close else None


def _split(sheet: Sheet, number: int, line: str, columns: list[str] | None) -> list[str] | None:
    """Split one physical line; a record never spans lines, so an open quote cannot swallow the rows after it."""
    try:
        records = list(csv.reader([line], strict=True))
    except csv.Error:
        remedy = "Close the quote, and double every quote inside the field."
        sheet.complain(number, "", line, "quotes", "a quoted field is not closed properly", remedy)
        return None
    cells = records[0] if records else []
    if columns is None:
        return cells
    if not cells:
        sheet.complain(number, "", "", "fields", "the line is blank", "Remove it.")
        return None
    if len(cells) != len(columns):
        more = len(cells) > len(columns)
        sheet.complain(
            number,
            "",
            line,
            "fields",
            f"the row has {len(cells)} fields, the header {len(columns)}",
            _field_count_hint(cells) if more else "Add the missing commas; an empty field still needs its comma.",
        )
        return None
    return cells


def _field_count_hint(cells: list[str]) -> str:
    for left, right in itertools.pairwise(cells):
        if re.fullmatch(r"-?\d{1,3}", left) and re.fullmatch(r"\d{3}(\.\d+)?", right):
            return f'"{left},{right}" looks like a number with a thousands separator; write {left}{right}.'
        if re.fullmatch(r"-?\d+", left) and re.fullmatch(r"\d{1,3}", right) and not re.fullmatch(r"\d{4}", left):
            return f'"{left},{right}" looks like a number with a decimal comma; write {left}.{right}.'
    return "Quote a field that holds a comma."


def _check_cell(sheet: Sheet, row: Row, descriptor: dict) -> None:
    name, value = descriptor["name"], row.fields[descriptor["name"]]
    constraints = descriptor.get("constraints", {})
    if value == "":
        if constraints.get("required"):
            sheet.complain(row.line, name, "", "required", "the field must not be empty", "Fill it in, or remove the row.")
        return
    kind = descriptor["type"]
    if kind in ("number", "integer"):
        _check_number(sheet, row.line, name, value, kind, constraints)
    elif kind == "year":
        if not re.fullmatch(r"[0-9]{4}", value) or not 1900 <= int(value) <= 2100:
            remedy = "Write the year with four ASCII digits, as in 2024."
            sheet.complain(row.line, name, value, "year", "not a year between 1900 and 2100", remedy)
    elif descriptor.get("partialDate"):
        _check_date(sheet, row.line, name, value)
    else:
        _check_text(sheet, row.line, name, value, constraints)


def _check_number(sheet: Sheet, line: int, name: str, value: str, kind: str, constraints: dict) -> None:
    if not NUMBER.fullmatch(value):
        sheet.complain(line, name, value, "number", "not a number", _number_hint(value))
        return
    if kind == "integer" and "." in value:
        sheet.complain(line, name, value, "number", "not a whole number", "Write it without decimals.")
    low, high = constraints.get("minimum"), constraints.get("maximum")
    if low is not None and float(value) < low:
        sheet.complain(line, name, value, "range", f"below the least value allowed, {low}", "Correct the value.")
    if high is not None and float(value) > high:
        sheet.complain(line, name, value, "range", f"above the greatest value allowed, {high}", "Correct the value.")


def _number_hint(value: str) -> str:
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFKC", value))
    if plain != value and NUMBER.fullmatch(plain):
        return f"Digits of another script or width; write {plain}."
    text = value.strip()
    if text != value and NUMBER.fullmatch(text):
        return f"Remove the space; write {text}."
    for pattern, hint in NUMBER_HINTS:
        if pattern.fullmatch(text):
            return hint(text)
    return "Write a number with ASCII digits and a decimal point; put words into the note."


def _check_date(sheet: Sheet, line: int, name: str, value: str) -> None:
    match = DATE.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        datetime.date(*(int(part or 1) for part in match.groups()))
    except ValueError:
        remedy = "Write YYYY, YYYY-MM or YYYY-MM-DD, as in 2024-10-31."
        sheet.complain(line, name, value, "date", "not an ISO date", remedy)


def _check_text(sheet: Sheet, line: int, name: str, value: str, constraints: dict) -> None:
    hidden = INVISIBLE.search(value)
    if hidden:
        sheet.complain(line, name, value, "characters", f"the text holds U+{ord(hidden[0]):04X}, which is not visible", "Remove it.")
    if value != value.strip():
        sheet.complain(line, name, value, "characters", "the text begins or ends with a space", f'Write "{value.strip()}".')
    pattern = constraints.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        sheet.complain(line, name, value, "enum", f"the text does not fit the pattern {pattern}", "See the column's description in datapackage.json.")
    enum = constraints.get("enum")
    if enum and value not in enum:
        twin = _look_alike(value, enum)
        remedy = f'Did you mean "{twin}"?' if twin else f"Allowed: {', '.join(enum)}."
        sheet.complain(line, name, value, "enum", "not one of the words allowed here", remedy)

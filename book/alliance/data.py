"""The only door to ``data/``: a described, checked, read-only package of tables.

``load("trade_annual")`` returns a typed DataFrame that knows where it came from, with the derived columns computed
from the formulas that ``datapackage.json`` states. ``Package.value`` returns one value as a Quantity.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from alliance.problems import BAD_INPUT, AllianceError, DataError, Problem
from alliance.quantity import Cell, Quantity
from alliance.reader import Row, Sheet, read_sheet

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"


@dataclass
class Table:
    """One table: its description, its rows as typed values, and the derived columns.

    Values are float (numbers), int (years), str (text) or None (missing).
    """

    name: str
    description: dict
    rows: list[dict]
    lines: list[tuple[str, int]]
    digest: str
    _index: dict[tuple, int] = field(default_factory=dict)

    def __post_init__(self):
        self._index = {self.key_of(row): i for i, row in enumerate(self.rows)}

    @property
    def key_columns(self) -> list[str]:
        return self.description["schema"]["primaryKey"]

    @property
    def derived(self) -> dict[str, dict]:
        """Descriptions (``title``, ``unit``, ``formula``) of the derived columns, by name."""
        return {d["name"]: d for d in self.description.get("derived", [])}

    @property
    def measures(self) -> list[str]:
        """Names of the columns that hold quantities, primary and derived."""
        primary = [f["name"] for f in self.description["schema"]["fields"] if f["type"] == "number"]
        return primary + list(self.derived)

    def unit(self, column: str) -> str:
        if column in self.derived:
            return self.derived[column].get("unit", "")
        return next(f for f in self.description["schema"]["fields"] if f["name"] == column).get("unit", "")

    def key_of(self, row: dict) -> tuple:
        return tuple(row[c] for c in self.key_columns)

    def shown_key(self, row: dict) -> dict[str, str]:
        """The key of a row as text."""
        return {c: f"{row[c]:g}" if isinstance(row[c], float) else str(row[c]) for c in self.key_columns}

    def find(self, **key) -> dict | None:
        """The row whose key columns have these values, or None."""
        unknown = set(key) ^ set(self.key_columns)
        if unknown:
            raise KeyError(f"table {self.name} has the key {self.key_columns}, not {sorted(key)}")
        position = self._index.get(tuple(key[c] for c in self.key_columns))
        return None if position is None else self.rows[position]

    def quantity(self, row: dict | None, column: str) -> Quantity:
        """The value of ``column`` in ``row`` with its provenance; missing if the row is None."""
        if column not in self.measures:
            raise KeyError(f'table {self.name} has no measure "{column}"; it has {", ".join(self.measures)}')
        if row is None:
            return Quantity(None, self.unit(column), expression=column)
        label = f"{column}[{', '.join(self.shown_key(row).values())}]"
        if column in self.derived:
            formula = self.derived[column]["formula"]
            result = _evaluate(self, row, ast.parse(formula, mode="eval").body)
            formulas = ((f"{self.name}.{column}", formula), *result.formulas)
            return Quantity(result.value, self.unit(column), result.inputs, label, formulas)
        if row[column] is None:
            return Quantity(None, self.unit(column), expression=label)
        return Quantity(row[column], self.unit(column), (self.cell(row, column),), label)

    def cell(self, row: dict, column: str) -> Cell:
        """One primary value with its place and its sources."""
        others = (row.get("other_source_ids") or "").split(";")
        sources = tuple(s for s in [row.get("source_id"), *others] if s)
        key = tuple(self.shown_key(row).items())
        return Cell(self.name, key, column, row[column], sources, row.get("evidence") or "read")

    def frame(self, recalled: bool = False):
        """All rows as a DataFrame, derived columns included.

        Measures that rest on recalled rows are blanked unless ``recalled``: such rows stay visible as gaps and carry
        no finding.
        """
        import pandas as pd

        records = []
        for row in self.rows:
            record = dict(row)
            for column in self.measures:
                quantity = self.quantity(row, column)
                hidden = quantity.evidence == "recalled" and not recalled
                record[column] = None if hidden else quantity.value
            records.append(record)
        columns = [f["name"] for f in self.description["schema"]["fields"]] + list(self.derived)
        frame = pd.DataFrame.from_records(records, columns=columns)
        for column in self.measures:
            frame[column] = frame[column].astype(float)
        frame.attrs["table"] = self.name
        return frame


class Package:
    """The data package at ``path``, with an optional overlay folder whose files replace or extend tables."""

    def __init__(self, path: Path | str = DATA, overlay: Path | str | None = None):
        self.path = Path(path)
        self.overlay = Path(overlay) if overlay else None
        self.descriptor = self._read_descriptor()
        self.resources = {r["name"]: r for r in self.descriptor["resources"]}
        self._sheets: dict[str, Sheet] = {}
        self._tables: dict[str, Table] = {}

    def _read_descriptor(self) -> dict:
        file = self.path / "datapackage.json"
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise AllianceError(f"{file} does not exist: no data package there.", BAD_INPUT) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise AllianceError(f"{file} is not valid JSON: {error}", BAD_INPUT) from None

    def files_of(self, name: str) -> list[Path]:
        """The files that make up a table: the book's own or the overlay's, then rows the overlay appends."""
        base = self.path / self.resources[name]["path"]
        if self.overlay is None:
            return [base]
        whole, more = self.overlay / f"{name}.csv", self.overlay / f"{name}.append.csv"
        return [whole if whole.exists() else base, *([more] if more.exists() else [])]

    def sheet(self, name: str) -> Sheet:
        """The rows of a table as text with every problem of form; several files are joined in order."""
        if name not in self._sheets:
            joined = Sheet(self.show(self.path / self.resources[name]["path"]))
            for file in self.files_of(name):
                part = self._read(file, name)
                joined.problems += part.problems
                joined.rows += [Row(row.line, row.fields | {"": part.file}) for row in part.rows]
            self._sheets[name] = joined
        return self._sheets[name]

    def _read(self, file: Path, name: str) -> Sheet:
        shown = self.show(file)
        try:
            content = file.read_bytes()
        except OSError as error:
            sheet = Sheet(shown)
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
            sheet.complain(0, "", "", "file-missing", f"the file of table {name} {reason}", "Restore it, or remove its description.")
            return sheet
        return read_sheet(shown, content, self.resources[name]["schema"]["fields"])

    def show(self, file: Path) -> str:
        """A file's name as problems print it: relative to the project where possible."""
        try:
            return str(file.resolve().relative_to(self.path.resolve().parent))
        except ValueError:
            return str(file)

    def table(self, name: str) -> Table:
        if name not in self.resources:
            known = ", ".join(sorted(self.resources))
            raise AllianceError(f'There is no table "{name}" in {self.show(self.path / "datapackage.json")}. Tables: {known}.', BAD_INPUT)
        if name not in self._tables:
            sheet = self.sheet(name)
            if sheet.problems:
                raise DataError(sheet.problems)
            fields = self.resources[name]["schema"]["fields"]
            rows = [{f["name"]: typed(row.fields[f["name"]], f["type"]) for f in fields} for row in sheet.rows]
            lines = [(row.fields[""], row.line) for row in sheet.rows]
            self._tables[name] = Table(name, self.resources[name], rows, lines, self.digest(name))
        return self._tables[name]

    def digest(self, name: str) -> str:
        """Hash of the rows and the description of a table, whatever the bytes of its file."""
        rows = [list(row.fields.values())[:-1] for row in self.sheet(name).rows]
        return digest_of([self.resources[name], rows])

    def value(self, table: str, column: str, **key) -> Quantity:
        """One value with its provenance; missing where the table has no such row."""
        found = self.table(table)
        return found.quantity(found.find(**key), column)

    @functools.cached_property
    def sources(self) -> dict[str, dict]:
        return {row["id"]: row for row in self.table("sources").rows}

    def problems_of_form(self) -> list[Problem]:
        return [p for name in self.resources for p in self.sheet(name).problems]


def typed(text: str, kind: str) -> float | int | str | None:
    """The value that a field's text stands for."""
    if text == "":
        return None
    if kind in ("integer", "year"):
        return int(text)
    return float(text) if kind == "number" else text


def digest_of(thing) -> str:
    """A stable hash of anything JSON can say."""
    return hashlib.sha256(json.dumps(thing, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


@functools.cache
def package(path: str | None = None, overlay: str | None = None) -> Package:
    """The data package, read once a process."""
    return Package(path or DATA, overlay or None)


def load(name: str, data_dir: str | None = None, recalled: bool = False):
    """Load a table of the book as a DataFrame.

    Parameters
    ----------
    name : a table of ``data/datapackage.json``, such as ``"trade_annual"``
    data_dir : an overlay folder with your own files, see the README
    recalled : keep values that rest on memory alone (they are blank otherwise)

    Returns
    -------
    pandas.DataFrame
        One row a record; units, sources and formulas are in the description.

    Raises
    ------
    DataError
        If the table breaks the canonical grammar.
    """
    return package(overlay=data_dir).table(name).frame(recalled)


def _evaluate(table: Table, row: dict, node: ast.expr) -> Quantity:
    """Evaluate a formula of the data package for one row.

    Formulas know the columns of their table, ``+ - * /``, numbers, and three functions: ``coalesce(a, b)`` (the first
    that is known), ``previous(column)`` (a year before) and ``within(column, other="value")`` (the row that differs in
    that key column only).
    """
    if isinstance(node, ast.Constant):
        return Quantity(float(node.value), expression=f"{node.value:g}")
    if isinstance(node, ast.Name):
        return table.quantity(row, node.id)
    if isinstance(node, ast.BinOp):
        a, b = _evaluate(table, row, node.left), _evaluate(table, row, node.right)
        operations = {ast.Add: a.__add__, ast.Sub: a.__sub__, ast.Mult: a.__mul__, ast.Div: a.__truediv__}
        return operations[type(node.op)](b)
    if isinstance(node, ast.Call):
        return _call(table, row, node)
    raise ValueError(f"formula of {table.name} holds {ast.dump(node)}")


def _call(table: Table, row: dict, node: ast.Call) -> Quantity:
    function = node.func.id
    if function == "coalesce":
        options = [_evaluate(table, row, argument) for argument in node.args]
        return next((o for o in options if o.known), options[-1])
    column = node.args[0].id
    key = {c: row[c] for c in table.key_columns}
    if function == "previous":
        key["year"] = row["year"] - 1
    elif function == "within":
        key |= {k.arg: k.value.value for k in node.keywords}
    else:
        raise ValueError(f"formula of {table.name} calls {function}")
    return table.quantity(table.find(**key), column)

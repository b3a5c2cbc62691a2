"""The only door to ``data/``: a described, checked, read-only package of tables.

``load("trade_annual")`` returns a typed DataFrame that knows where it came from, with the derived columns computed
from the formulas that ``datapackage.json`` states. ``Package.value`` returns one value as a Quantity.
"""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from alliance import formulas, journal, reader
from alliance.formulas import FormulaError
from alliance.problems import BAD_INPUT, AllianceError, DataError, Problem
from alliance.quantity import Cell, Quantity, combine
from alliance.reader import Row, Sheet, listed

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
ADDED = ("exceptions",)  # tables of which an overlay's file adds to the book's own


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

    @functools.cached_property
    def derived(self) -> dict[str, dict]:
        """Descriptions (``title``, ``unit``, ``formula``) of the derived columns, by name."""
        return {d["name"]: d for d in self.description.get("derived", [])}

    @functools.cached_property
    def measures(self) -> list[str]:
        """Names of the columns that hold quantities, primary and derived."""
        return [name for name, f in self.fields.items() if "unit" in f or "unitColumn" in f] + list(self.derived)

    @functools.cached_property
    def fields(self) -> dict[str, dict]:
        """Field descriptors of the primary columns, by name."""
        return {f["name"]: f for f in self.description["schema"]["fields"]}

    def unit(self, column: str, row: dict | None = None) -> str:
        """The unit of a measure; where a column of the table states it, that of the row."""
        described = self.derived.get(column) or self.fields[column]
        if "unitColumn" in described:
            return (row or {}).get(described["unitColumn"]) or ""
        return described.get("unit", "")

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

    def find_shown(self, key: str) -> dict | None:
        """The row whose key reads so, its parts separated by semicolons: ``"2024;Russia"``."""
        return self._shown_index.get(key)

    @functools.cached_property
    def _shown_index(self) -> dict[str, dict]:
        return {";".join(self.shown_key(row).values()): row for row in self.rows}

    def quantity(self, row: dict | None, column: str) -> Quantity:
        """The value of ``column`` in ``row`` with its provenance; missing if the row is None."""
        if column not in self.measures:
            raise KeyError(f'table {self.name} has no measure "{column}"; it has {", ".join(self.measures)}')
        if row is None:
            return Quantity(None, self.unit(column), expression=column)
        label = f"{column}[{', '.join(self.shown_key(row).values())}]"
        if column in self.derived and column not in row:
            formula = self.derived[column]["formula"]
            result = formulas.evaluate(formulas.parse(formula), _RowScope(self, row))
            definitions = ((f"{self.name}.{column}", formula), *result.formulas)
            return Quantity(result.value, self.unit(column), result.inputs, label, definitions)
        if row[column] is None:
            return Quantity(None, self.unit(column, row), expression=label)
        return Quantity(row[column], self.unit(column, row), (self.cell(row, column),), label)

    def cell(self, row: dict, column: str) -> Cell:
        """One primary value with its place and its sources."""
        sources = (*listed(row.get("source_id")), *listed(row.get("other_source_ids")))
        key = tuple(self.shown_key(row).items())
        return Cell(self.name, key, column, row[column], sources, row.get("evidence") or "read", row.get("locator"))

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
                if quantity.evidence == "supplied" and "evidence" in record:
                    record["evidence"] = "supplied"  # a derived value may rest on a user's row elsewhere
            records.append(record)
        columns = [f["name"] for f in self.description["schema"]["fields"]] + list(self.derived)
        frame = pd.DataFrame.from_records(records, columns=columns)
        for column in self.measures:
            frame[column] = frame[column].astype(float)
        frame.attrs["table"] = self.name
        return frame


class _RowScope:
    """What a derived column's formula can name: columns of its row, and neighbours of the row."""

    def __init__(self, table: Table, row: dict):
        self.table, self.row = table, row

    def name(self, name: str) -> Quantity:
        return self.table.quantity(self.row, name)

    def item(self, table: str, key: tuple, column: str) -> Quantity:
        raise FormulaError(f"the formula of a derived column knows its own table only, not {table}")

    def call(self, node: ast.Call) -> Quantity:
        key = {c: self.row[c] for c in self.table.key_columns}
        if node.func.id == "previous":
            key["year"] = self.row["year"] - 1
        elif node.func.id == "within":
            key |= {k.arg: formulas.constant(k.value) for k in node.keywords}
        else:
            raise FormulaError(f"there is no function {node.func.id} in the formula of a derived column")
        return self.table.quantity(self.table.find(**key), node.args[0].id)


class Package:
    """The data package at ``path``, with an optional overlay folder whose files replace or extend tables."""

    def __init__(self, path: Path | str = DATA, overlay: Path | str | None = None):
        self.path = Path(path)
        self.overlay = Path(overlay) if overlay else None
        journal.finish(self.path)
        self.descriptor = self._read_descriptor()
        self.resources = {r["name"]: r for r in self.descriptor["resources"]}
        self._sheets: dict[str, Sheet] = {}
        self._tables: dict[str, Table] = {}
        self._measured: dict[str, Quantity | None] = {}

    def _read_descriptor(self) -> dict:
        file = self.path / "datapackage.json"
        try:
            descriptor = json.loads(file.read_text(encoding="utf-8"))
            for resource in descriptor["resources"]:
                _require_usable(resource)
            return descriptor
        except FileNotFoundError:
            raise AllianceError(f"{file} does not exist: no data package there.", BAD_INPUT) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise AllianceError(f"{file} is not valid JSON: {error}", BAD_INPUT) from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise AllianceError(f"{file} describes no data package: {reason}. Run `alliance describe`, which writes it.", BAD_INPUT) from None

    def files_of(self, name: str) -> list[Path]:
        """The files that make up a table: the book's own or the overlay's, then rows the overlay adds."""
        base = self.path / self.resources[name]["path"]
        if self.overlay is None:
            return [base]
        whole, more = self.overlay / f"{name}.csv", self.overlay / f"{name}.append.csv"
        given = [file for file in (whole, more) if os.path.lexists(file)]
        return given if whole in given and name not in ADDED else [base, *given]

    def replaces(self, name: str) -> bool:
        """Whether the overlay gives the whole of a table, in place of the book's."""
        return self.overlay is not None and self.path / self.resources[name]["path"] not in self.files_of(name)

    def is_own(self, table: Table, position: int) -> bool:
        """Whether a row, counted from zero, is the book's own and not the overlay's."""
        return self.overlay is None or table.lines[position][0] == self.show(self.path / table.description["path"])

    @functools.cached_property
    def book(self) -> Package:
        """The package without the overlay."""
        return self if self.overlay is None else Package(self.path)

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
        sheet = Sheet(self.show(file))
        folder = self.path if file.is_relative_to(self.path) else self.overlay
        try:
            if not file.resolve().is_relative_to(folder.resolve()):
                remedy = "Put a copy of the file itself here."
                sheet.complain(0, "", str(file.resolve()), "file-outside", "the link leads out of its folder", remedy)
            elif file.exists() and not file.is_file():
                sheet.complain(0, "", "", "file-outside", "this is no ordinary file", "Put the CSV file itself here.")
            elif file.stat().st_size > reader.MAX_BYTES:
                reader.complain_of_size(sheet)
            else:
                return reader.read_sheet(sheet.file, file.read_bytes(), self.resources[name]["schema"]["fields"])
        except (OSError, RuntimeError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({getattr(error, 'strerror', None) or error})"
            sheet.complain(0, "", "", "file-missing", f"the file of table {name} {reason}", "Restore it, or remove its description.")
        return sheet

    def show(self, file: Path) -> str:
        """A file's name as problems print it: relative to the project where possible."""
        try:
            return str(Path(os.path.abspath(file)).relative_to(os.path.abspath(self.path.parent)))
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

    def supplied_rows(self) -> list[tuple[str, dict]]:
        """Every row of evidence ``supplied``, with the name of its table."""
        return [(name, row) for name in self.resources for row in self.table(name).rows if row.get("evidence") == "supplied"]

    def value(self, table: str, column: str, **key) -> Quantity:
        """One value with its provenance; missing where the table has no such row."""
        found = self.table(table)
        return found.quantity(found.find(**key), column)

    def supposing(self, table: str, row: dict, column: str, value: float, source: str) -> Package:
        """A package in which one cell holds another value, said by another source; everything else is shared.

        The cell may be of a derived column: its formula is then set aside for this row.
        """
        other = copy.copy(self)
        changed = self.table(table)
        rows = [r | {column: value, "source_id": source, "other_source_ids": None} if r is row else r for r in changed.rows]
        other._tables = self._tables | {table: Table(table, changed.description, rows, changed.lines, changed.digest)}
        other._measured = {}
        return other

    # measures: named formulas over the tables

    @functools.cached_property
    def measures(self) -> dict[str, dict]:
        """Rows of the table of measures, by id."""
        return {row["id"]: row for row in self.table("measures").rows} if "measures" in self.resources else {}

    def measure(self, name: str) -> Quantity:
        """The value of a measure with its provenance.

        Raises
        ------
        FormulaError
            If there is no such measure, or its formula names a table, column or measure that does not exist.
        """
        if name not in self._measured:
            if name not in self.measures:
                raise FormulaError(f'there is no measure "{name}"')
            self._measured[name] = None  # until it is known, so that a measure that asks for itself is noticed
            row = self.measures[name]
            try:
                found = self.evaluate(row["formula"])
            except Exception:
                del self._measured[name]
                raise
            self._measured[name] = replace(found, unit=row["unit"]) if row["unit"] else found
        if self._measured[name] is None:
            raise FormulaError(f'measure "{name}" is defined by itself')
        return self._measured[name]

    @functools.cached_property
    def disagreements(self) -> list[dict]:
        """Numeric disagreements between sources, each with the ``row`` of the cell that the book uses."""
        if "disagreements" not in self.resources:
            return []
        known = [d for d in self.table("disagreements").rows if d["table"] in self.resources]
        numeric = [d for d in known if d["used_value"] is not None and d["other_value"] is not None]
        return [d | {"row": self.table(d["table"]).find_shown(d["key"])} for d in numeric]

    def evaluate(self, formula: str) -> Quantity:
        """The value of any formula in the language of measures."""
        return formulas.evaluate(formulas.parse(formula), _MeasureScope(self))

    def tables_of(self, *measures: str) -> set[str]:
        """Tables that these measures read, by themselves or through others."""
        found: set[str] = set()
        for name in measures:
            tables, others = formulas.names(self.measures[name]["formula"])
            found |= tables | self.tables_of(*others)
        return found

    @functools.cached_property
    def sources(self) -> dict[str, dict]:
        return {row["id"]: row for row in self.table("sources").rows}

    def problems_of_form(self) -> list[Problem]:
        return [p for name in self.resources for p in self.sheet(name).problems]


class _MeasureScope:
    """What the formula of a measure can name: other measures, values of tables, and rows that fulfil conditions."""

    def __init__(self, package: Package):
        self.package = package

    def name(self, name: str) -> Quantity:
        return self.package.measure(name)

    def item(self, table: str, key: tuple, column: str) -> Quantity:
        found = self._table(table)
        if len(key) != len(found.key_columns):
            raise FormulaError(f"table {table} has the key ({', '.join(found.key_columns)})")
        row = found.find(**dict(zip(found.key_columns, key, strict=True)))
        if column in found.measures:
            return found.quantity(row, column)
        self._require(found, column)
        kind = "date" if found.fields[column].get("partialDate") else "words"
        if row is None or row[column] is None:
            return Quantity(None, kind, expression=column)
        return Quantity(None, kind, (found.cell(row, column),), f"{column}[{', '.join(found.shown_key(row).values())}]")

    def call(self, node: ast.Call) -> Quantity:
        function = node.func.id
        if function == "count":
            table, column = self._table(node.args[0].id), None
        elif function in formulas.AGGREGATES and isinstance(node.args[0], ast.Attribute):
            table, column = self._table(node.args[0].value.id), node.args[0].attr
        else:
            raise FormulaError(f"there is no function {function} in the formula of a measure")
        conditions = [formulas.condition(argument, self) for argument in node.args[1:]]
        for name, _, _ in conditions:
            self._require(table, name)
        rows = [row for row in table.rows if row.get("evidence") != "recalled" and all(holds(row) for _, holds, _ in conditions)]
        where = f" where {', '.join(words for _, _, words in conditions)}" if conditions else ""
        if column is None:
            # What a reader wants to see of a counted row is what made it count, not its name or its day.
            telling = [name for name, _, _ in conditions if name not in (table.description.get("time"), *table.key_columns)]
            shown = telling[-1] if telling else table.key_columns[0]
            return Quantity(float(len(rows)), "count", tuple(table.cell(row, shown) for row in rows), f"rows of {table.name}{where}")
        self._require(table, column)
        return self._aggregate(function, table, column, rows, f"{function} {column} of {table.name}{where}")

    def _aggregate(self, function: str, table: Table, column: str, rows: list[dict], words: str) -> Quantity:
        if column in table.measures:
            known = [q for row in rows if (q := table.quantity(row, column)).known]
            return combine(formulas.AGGREGATES[function], known, words)
        rows = [row for row in rows if row[column] is not None]
        if not rows:
            return Quantity(None, "date", expression=words)
        chosen = formulas.AGGREGATES[function](rows_of := [row[column] for row in rows])
        cells = (table.cell(rows[rows_of.index(chosen)], column),)
        return Quantity(float(chosen), "year", cells, words) if isinstance(chosen, int) else Quantity(None, "date", cells, words)

    def _table(self, name: str) -> Table:
        if name not in self.package.resources:
            raise FormulaError(f'there is no table "{name}"')
        return self.package.table(name)

    def _require(self, table: Table, column: str) -> None:
        if column not in table.fields and column not in table.derived:
            raise FormulaError(f'table {table.name} has no column "{column}"; it has {", ".join([*table.fields, *table.derived])}')


def _require_usable(resource: dict) -> None:
    """Refuse a description that cannot be worked with, or that names a file outside the data folder.

    Raises
    ------
    KeyError, TypeError, ValueError
        With what is missing or wrong.
    """
    name, path, schema = resource["name"], resource["path"], resource["schema"]
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(f'the name "{name}" is not one of small letters, digits and underscores')
    if not re.fullmatch(r"([a-z0-9_-]+/)?[a-z0-9_]+\.csv", path):
        raise ValueError(f'the file "{path}" of {name} does not lie in the data folder or in one of its folders')
    unknown = set(schema["primaryKey"]) - {field["name"] for field in schema["fields"] if field["type"]}
    if unknown or not schema["primaryKey"]:
        raise ValueError(f"the key of {name} names no column {', '.join(sorted(unknown))}")


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

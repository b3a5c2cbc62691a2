"""Rules of series: what a value's neighbours in time, and the book's own value in its place, say about it."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator

from alliance.data import Table
from alliance.rules import at, rule

JUMP = 3.0  # greatest change from one year to the next, as a factor, unless the table states another
RATES = ("yoy_pct", "change_pct", "change_pp")  # columns that may move as they like
UNITS = ((1000, "thousand"), (1_000_000, "million"))


@rule("jump", excusable=True)
def jumps(package, tables):
    """From one year to the next a value changes by no more than the factor that its table states.

    Three, where it states none. A true jump is named, with its reason, in exceptions.csv. Counts below ten and values
    that change sign are left out.
    """
    for table in tables.values():
        if "year" not in table.key_columns:
            continue
        limit = table.description.get("jump", JUMP)
        measures = _levels(table)
        for i, row in enumerate(table.rows):
            before = table.find(**(dict(zip(table.key_columns, table.key_of(row), strict=True)) | {"year": row["year"] - 1}))
            if before is None or row.get("evidence") == "recalled" or before.get("evidence") == "recalled":
                continue
            for column in measures:
                new, old = row[column], before[column]
                if new is None or old is None or new * old <= 0 or (table.unit(column, row) == "count" and max(new, old) < 10):
                    continue
                factor = new / old
                if factor > limit or factor < 1 / limit:
                    size = f"{factor:.3g} times" if factor > 1 else f"a {1 / factor:.3g}th of"
                    message = f"this is {size} the value of the year before ({old:g})"
                    remedy = f"{_likely(new, old, table.unit(column, row))}Correct it, or name the exception in exceptions.csv with its reason."
                    yield at(table, i, column, new, "jump", message, remedy)


@rule("unit", excusable=True)
def units(package, tables):
    """A value is in the unit of its column.

    It is not about a thousand or a million times the values next to it in its series (or that part of them), nor, in a
    folder of your own, the value that the book has in its place; and a share is in percent: 92, not 0.92. Neighbours
    of one year are left to the rule "jump".
    """
    for table in tables.values():
        for column in _levels(table):
            found = dict(_misfits(table, column))
            if package.replaces(table.name):
                found = dict(_strays(table, package.book.table(table.name), column)) | found
            for i, (other, where) in sorted(found.items()):
                value = table.rows[i][column]
                remedy = (
                    f"{_likely(value, other, table.unit(column, table.rows[i]))}Correct it, or name the exception in exceptions.csv with its reason."
                )
                yield at(table, i, column, value, "unit", f"{where} {other:g}", remedy)


def _misfits(table: Table, column: str) -> Iterator[tuple[int, tuple[float, str]]]:
    """Rows whose value is in another unit than that of its neighbour in time: position, the other value, and words."""
    for rows in _series(table):
        known = [i for i in rows if table.rows[i][column] is not None and table.rows[i].get("evidence") != "recalled"]
        for before, after in itertools.pairwise(known):
            old, new = table.rows[before][column], table.rows[after][column]
            if not _power(new, old, table.unit(column, table.rows[after])) or _years_apart(table, before, after) == 1:
                continue
            usual = statistics.median(abs(table.rows[i][column]) for i in known)
            later = len(known) < 3 or _distance(new, usual) >= _distance(old, usual)
            yield (after, (old, "the value before it in its series is")) if later else (before, (new, "the value after it in its series is"))


def _strays(table: Table, book: Table, column: str) -> Iterator[tuple[int, tuple[float, str]]]:
    """Rows of a user's table whose value is in another unit than the book's own: position, the book's value, and words."""
    for i, row in enumerate(table.rows):
        own = book.find(**dict(zip(table.key_columns, table.key_of(row), strict=True)))
        if own and row[column] is not None and own[column] is not None and _power(row[column], own[column], table.unit(column, row)):
            yield i, (own[column], "the value of the book in its place is")


@rule("gap", excusable=True)
def gaps(package, tables):
    """A series by year has a row for every year between its first and its last.

    A year of which nothing is known has a row with empty fields. Tables whose series have gaps by nature say so:
    ``gaps = true`` in tables.toml.
    """
    for table in tables.values():
        if "year" not in table.key_columns or table.description.get("gaps"):
            continue
        for rows in _series(table):
            for before, after in itertools.pairwise(rows):
                first, last = table.rows[before]["year"] + 1, table.rows[after]["year"] - 1
                if first <= last:
                    missing = str(first) if first == last else f"{first} to {last}"
                    remedy = "Add a row for each year between; leave its values empty where nothing is known."
                    yield at(table, after, "year", table.rows[after]["year"], "gap", f"the series lacks {missing}, before this row", remedy)


@rule("rows-lost")
def lost_rows(package, tables):
    """A whole table in a folder of your own takes the place of the book's; rows of the book that it lacks are told (a warning)."""
    for table in tables.values():
        if not package.replaces(table.name):
            continue
        lost = [row for row in package.book.table(table.name).rows if table.find_shown(";".join(table.shown_key(row).values())) is None]
        if lost and table.rows:
            shown = "; ".join(", ".join(table.shown_key(row).values()) for row in lost[:3]) + (" and others" if len(lost) > 3 else "")
            message = f"{len(lost)} row{'s' if len(lost) != 1 else ''} of the book's table {'are' if len(lost) != 1 else 'is'} not in yours: {shown}"
            remedy = f"Copy them from the book's table if they shall stay, or give only new rows, in {table.name}.append.csv."
            yield at(table, 0, table.key_columns[0], "", "rows-lost", message, remedy, "warning")


def _levels(table: Table) -> list[str]:
    """The primary measures, without rates of change."""
    return [c for c in table.measures if c not in table.derived and not c.endswith(RATES)]


def _series(table: Table) -> Iterator[list[int]]:
    """Positions of the rows that differ in their time only, in its order."""
    times = [c for c in table.key_columns if table.fields[c]["type"] == "year" or table.fields[c].get("partialDate")]
    series: dict[tuple, list[int]] = defaultdict(list)
    for i, row in enumerate(table.rows) if times else ():
        series[tuple(row[c] for c in table.key_columns if c not in times)].append(i)
    for rows in series.values():
        yield sorted(rows, key=lambda i: [str(table.rows[i][c]) for c in reversed(times)])


def _years_apart(table: Table, before: int, after: int) -> int | None:
    return table.rows[after]["year"] - table.rows[before]["year"] if "year" in table.key_columns else None


def _power(value: float, other: float, unit: str) -> str:
    """The power of ten by which two values differ, if it is one that a mistaken unit makes, in words."""
    if value * other <= 0:
        return ""
    size = max(value / other, other / value)
    if unit == "percent":
        return "hundred" if 50 < size < 200 and min(abs(value), abs(other)) <= 1 else ""
    return next((word for power, word in UNITS if 0.5 * power < size < 2 * power), "")


def _likely(value: float, other: float, unit: str) -> str:
    """A hint where two values differ by a power of ten that a mistaken unit makes."""
    word = _power(value, other, unit)
    if not word:
        return ""
    if word == "hundred":
        written = value * 100 if abs(value) < abs(other) else value / 100
        return f"A share is written in percent: probably {written:g}. "
    power = next(p for p, w in UNITS if w == word)
    written = value * power if abs(value) < abs(other) else value / power
    return f"Probably the unit is off by a factor of a {word}: {written:.10g} {unit}. "


def _distance(value: float, other: float) -> float:
    return abs(math.log(abs(value) / other)) if other else 0.0

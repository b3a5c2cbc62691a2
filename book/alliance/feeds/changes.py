"""What an office says against what the tables hold: new, changed and gone values.

A feed owns the rows whose source is its own or a mirror of it. Rows of other sources are never touched; where the
office says something else, that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from alliance.data import Package
from alliance.problems import Problem

NEW, CHANGED, GONE, KEPT = "new", "changed", "gone", "kept"
REVISION = 3.0  # an office revises a value by less than this factor; beyond it, it is another unit or another thing

Key = tuple[str, ...]


@dataclass(frozen=True)
class Observation:
    """One value of an office, as the table would hold it.

    ``key`` holds the key columns in their order, as text; ``fields`` what a new row says beside key and value;
    ``anchor`` is a value of the same thing that the book has from elsewhere, with the factor allowed between them.
    """

    table: str
    key: Key
    column: str
    value: float
    digits: int
    unit: str
    fields: tuple[tuple[str, str], ...] = ()
    anchor: tuple[float, float, str] | None = None

    @property
    def text(self) -> str:
        """The value as the table's grammar writes it."""
        written = f"{self.value:.{self.digits}f}"
        return (written.rstrip("0").rstrip(".") if "." in written else written) or "0"


@dataclass
class Harvest:
    """All that an office said in one run.

    ``covers`` tells whether a row (fields as text) is among what was asked for: only such a row can be gone.
    ``source`` is the row of sources.csv; ``descriptions`` hold TOML of tables that are made when their first rows come,
    by the folder they belong to.
    """

    source: dict[str, str]
    owned: frozenset[str]
    edition: str
    observations: list[Observation] = field(default_factory=list)
    covers: Callable[[str, dict[str, str]], bool] = lambda table, row: False
    descriptions: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One value that differs. ``fields`` are those of a new row; ``source`` is that of the row there is."""

    kind: str
    table: str
    key: Key
    column: str
    old: str
    new: str
    unit: str
    source: str = ""
    fields: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        place, unit = f"{self.kind:8}{'; '.join(self.key)}: ", f" {self.unit}" if self.unit else ""
        if self.kind == NEW:
            return f"{place}{self.new}{unit}"
        if self.kind == GONE:
            return f"{place}was {self.old}{unit}"
        if self.kind == KEPT:
            return f"{place}{self.old}{unit} of {self.source} stays; the office says {self.new}"
        share = f" ({100 * (float(self.new) / float(self.old) - 1):+.1f}%)" if self.old and float(self.old) else ""
        return f"{place}{self.old} → {self.new}{unit}{share}"


def compare(package: Package, harvest: Harvest) -> tuple[list[Change], int]:
    """Every difference, and how many values are as they were."""
    changes: list[Change] = []
    same = 0
    met: set[tuple[str, Key]] = set()
    rows = {name: _rows(package, name) for name in _tables(package, harvest)}
    for seen in harvest.observations:
        met.add((seen.table, seen.key))
        row = rows.get(seen.table, {}).get(seen.key)
        change = _difference(seen, row, harvest.owned)
        same += change is None
        changes += [change] if change else []
    for name, table in rows.items():
        for key, row in table.items():
            if (name, key) not in met and row["source_id"] in harvest.owned and harvest.covers(name, row):
                changes += _gone(package, name, key, row)
    return changes, same


def suspicions(package: Package, harvest: Harvest) -> list[Problem]:
    """Values that can hardly be what they should be: another unit, or another thing under the same name."""
    found = []
    rows = {name: _rows(package, name) for name in _tables(package, harvest)}
    for seen in harvest.observations:
        old = rows.get(seen.table, {}).get(seen.key, {}).get(seen.column)
        known = [(float(old), REVISION, "the table")] if old and float(old) * 10**seen.digits >= 100 else []
        for value, factor, where in [*known, *([seen.anchor] if seen.anchor else [])]:
            ratio = seen.value / value if value else 1.0
            if not 1 / factor <= ratio <= factor:
                found.append(_suspicion(seen, ratio, value, where))
                break
    return found


def _suspicion(seen: Observation, ratio: float, known: float, where: str) -> Problem:
    size = max(ratio, 1 / ratio) if ratio > 0 else 0
    power = next((w for n, w in ((1e3, "thousand"), (1e6, "million"), (1e9, "billion")) if n / 3 < size < n * 3), None)
    likely = f"Probably the unit is off by a factor of a {power}. " if power else ""
    message = f"{'; '.join(seen.key)}: the office's value is far from the {known:g} of {where}"
    remedy = f"{likely}Look at the kept answer; if the office is right, correct the row by hand."
    return Problem(f"{seen.table} (feed)", 0, seen.column, seen.text, "feed", message, remedy)


def _tables(package: Package, harvest: Harvest) -> list[str]:
    return [name for name in dict.fromkeys(o.table for o in harvest.observations) if name in package.resources]


def _rows(package: Package, name: str) -> dict[Key, dict[str, str]]:
    keys = package.resources[name]["schema"]["primaryKey"]
    return {tuple(row.fields[c] for c in keys): row.fields for row in package.sheet(name).rows}


def _difference(seen: Observation, row: dict[str, str] | None, owned: frozenset[str]) -> Change | None:
    if row is None:
        return Change(NEW, seen.table, seen.key, seen.column, "", seen.text, seen.unit, fields=seen.fields)
    old = row[seen.column]
    if old and _equal(old, seen.value):
        return None
    kind = CHANGED if row["source_id"] in owned else KEPT
    return Change(kind, seen.table, seen.key, seen.column, old, seen.text, seen.unit, row["source_id"])


def _equal(old: str, new: float) -> bool:
    """Whether the old value is the new one, rounded as the old one is."""
    digits = len(old.partition(".")[2])
    return abs(float(old) - new) <= 0.5 * 10.0**-digits * (1 + 1e-9)


def _gone(package: Package, name: str, key: Key, row: dict[str, str]) -> Iterable[Change]:
    table = package.table(name)
    for column in table.measures:
        if row.get(column):
            yield Change(GONE, name, key, column, row[column], "", row.get("unit") or table.unit(column), row["source_id"])

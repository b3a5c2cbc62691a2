"""``alliance update --todo``: which tables are due, where their next values are published, and which columns to fill.

When a table is due follows from its vintage and from the words of its ``next_update``: months ("mid-January"), rhythms
("monthly", "once a year"), or a single date ("February 2027").
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from alliance.data import Package

MONTHS = {name: number for number, name in enumerate(calendar.month_name) if name}
SEASONS = {"spring": 5, "autumn": 11}
DAYS = {"early": 10, "mid": 20, "middle": 20}  # when the named time has passed for certain
RHYTHMS = (  # pattern, months after the newest information
    (r"daily|continuously|monthly|(?:each|every|after each|the) month\b", 2),
    (r"quarter", 4),
    (r"half year|two to four times a year", 6),
    (r"yearly|once a year|each year|after the year", 12),
)
AFTER = datetime.timedelta(days=25)  # the next publication is not the one that the table has just been filled from
NAMED = re.compile(rf"(?:(early|mid|middle of|late|end of)[ -])?\b({'|'.join([*MONTHS, *SEASONS])})\b(?: (\d{{4}}))?")


@dataclass(frozen=True)
class Task:
    """One table: when its next values are due (None if that follows from events), and what it takes to fill it."""

    table: str
    title: str
    due: datetime.date | None
    ended: bool
    vintage: str
    newest: str
    where: str
    columns: tuple[str, ...]
    fed_by: str

    def order(self) -> tuple:
        return self.ended, self.due is None, self.due or datetime.date.max, self.table


def tasks(package: Package, fed: dict[str, str]) -> list[Task]:
    """What is to do, the longest overdue first; tables of the record itself (claims, glossary …) are left out.

    Parameters
    ----------
    package : the data
    fed : the feed that fills a table, by table
    """
    found = []
    for name, resource in package.resources.items():
        fields = resource["schema"]["fields"]
        if not any(f["name"] == "evidence" for f in fields):
            continue
        where, vintage = resource["next_update"], resource["vintage"]
        columns = tuple(_column(f, resource["schema"]["primaryKey"]) for f in fields)
        ended = where.startswith("ended")
        due = None if ended else due_date(where, vintage)
        found.append(Task(name, resource["title"], due, ended, vintage, _newest(package, name), where, columns, fed.get(name, "")))
    return sorted(found, key=Task.order)


def due_date(where: str, vintage: str) -> datetime.date | None:
    """The first day on which one of the publications that the words name is out for certain; None if they name no time."""
    since = _end(vintage)
    return min((d for part in where.split(";") for d in _dates(part, since)), default=None)


def _dates(words: str, since: datetime.date) -> Iterator[datetime.date]:
    named = list(NAMED.finditer(words))
    for match in named:
        month = MONTHS.get(match[2]) or SEASONS[match[2]]
        years = [int(match[3])] if match[3] else range(since.year, since.year + 3)
        dates = (_day(year, month, match[1]) for year in years)
        yield from [d for d in dates if d > since + AFTER][:1]
    if not named and "calendar" not in words:
        months = next((n for pattern, n in RHYTHMS if re.search(pattern, words)), None)
        if months:
            month = since.month - 1 + months
            yield _day(since.year + month // 12, month % 12 + 1, "mid")


def _day(year: int, month: int, part: str | None) -> datetime.date:
    last = calendar.monthrange(year, month)[1]
    return datetime.date(year, month, DAYS.get((part or "").split()[0] if part else "", last))


def _end(partial: str) -> datetime.date:
    """The last day that a partial date may mean."""
    parts = [int(p) for p in partial.split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else 12
    return datetime.date(year, month, parts[2] if len(parts) > 2 else calendar.monthrange(year, month)[1])


def _newest(package: Package, name: str) -> str:
    time = package.resources[name].get("time")
    return max((row.fields[time] for row in package.sheet(name).rows), default="") if time else ""


def _column(field: dict, key: list[str]) -> str:
    constraints = field.get("constraints", {})
    said = [field["unit"]] if "unit" in field else [f"unit in {field['unitColumn']}"] if "unitColumn" in field else []
    said += [" | ".join(constraints["enum"])] if "enum" in constraints else []
    said += ["year"] * (field["type"] == "year") + ["date"] * bool(field.get("partialDate")) + ["name of countries.csv"] * bool(field.get("country"))
    said += ["key"] * (field["name"] in key) + ["required"] * bool(constraints.get("required") and field["name"] not in key)
    return field["name"] + (f" ({', '.join(said)})" if said else "")


def lines(found: list[Task], today: datetime.date) -> Iterator[str]:
    """The list for people."""
    due = [t for t in found if t.due and t.due <= today]
    yield f"{len(due)} of {len(found)} tables are due on {today.isoformat()}. Key columns name a row; evidence is read, with a source of sources.csv."
    for task in found:
        state = "ended" if task.ended else "no calendar" if task.due is None else f"due since {task.due}" if task in due else f"next by {task.due}"
        yield ""
        yield f"{task.table}: {state}. {task.title}"
        yield f"  newest row: {task.newest or 'undated'}; information to {task.vintage}"
        yield f"  published: {task.where}"
        if task.fed_by:
            yield f"  has a feed: alliance update {task.fed_by}"
        yield f"  columns: {', '.join(task.columns)}"

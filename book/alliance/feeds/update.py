"""``alliance update``: ask, compare, tell, check, and only then write, all or nothing."""

from __future__ import annotations

import datetime
import re
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from alliance import check, describe, journal
from alliance.data import Package
from alliance.feeds import comtrade, edit, worldbank
from alliance.feeds.changes import CHANGED, GONE, KEPT, NEW, Change, Harvest, compare, suspicions
from alliance.feeds.fetch import FeedError, Fetcher
from alliance.press.project import Project
from alliance.press.publish import lock
from alliance.problems import BAD_INPUT, OK, UNREACHABLE, AllianceError, DataError, Problem

FEEDS = {feed.NAME: feed for feed in (worldbank, comtrade)}
EARLIEST = 1990
FEW = 3  # values that may be gone; beyond, no more than a tenth of the table's


@dataclass(frozen=True)
class Options:
    """What a person asks for.

    ``since`` is the first year; ``fresh`` uses no remembered answer; ``reason`` says why jumps that the rules would
    refuse are right, and goes to exceptions.csv; ``debug`` lets a fault through with its traceback.
    """

    write: bool = False
    since: int | None = None
    fresh: bool = False
    reason: str | None = None
    debug: bool = False


def update(project: Project, names: list[str], options: Options) -> int:
    """Run feeds one after the other; a fault of one does not keep the others from working.

    Parameters
    ----------
    project : whose data are compared and, if asked for, changed
    names : feeds, all if empty
    options : see there

    Returns
    -------
    int
        Exit code: 0, 2 if values are refused, 6 if an office could not be reached.

    Raises
    ------
    AllianceError
        If there is no such feed or year, or a build holds the output folder.
    """
    unknown = [name for name in names if name not in FEEDS]
    if unknown:
        raise AllianceError(f'There is no feed "{unknown[0]}". Feeds: {", ".join(FEEDS)}.', BAD_INPUT)
    today = datetime.date.today().year
    if options.since is not None and not EARLIEST <= options.since < today:
        raise AllianceError(f"--since {options.since}: the first year lies between {EARLIEST} and {today - 1}.", BAD_INPUT)
    codes = [_guarded(project, FEEDS[name], options) for name in dict.fromkeys(names or FEEDS)]
    return next((code for code in (UNREACHABLE, BAD_INPUT) if code in codes), OK)


def _guarded(project: Project, feed, options: Options) -> int:
    try:
        _run(project, feed, options)
    except (FeedError, DataError) as fault:
        if options.debug:
            raise
        print(f"alliance: {feed.NAME}: {fault}", file=sys.stderr)
        if isinstance(fault, DataError):
            print(f"alliance: {feed.NAME}: nothing was written.", file=sys.stderr)
        return fault.code
    return OK


def _run(project: Project, feed, options: Options) -> None:
    package = Package(project.root / "data")
    year = datetime.date.today().year
    fetcher = Fetcher(feed.OFFICE, project.out / "feeds" / feed.NAME, feed.headers(), options.fresh)
    harvest = feed.harvest(fetcher, package, options.since, year)
    print(f"{feed.NAME}: {fetcher.asked} questions to {feed.OFFICE}, {fetcher.remembered} answers of the last day used again.")
    changes, same = compare(package, harvest)
    _tell(feed.TABLES, changes, same)
    doubtful = suspicions(package, harvest)
    if doubtful:
        raise DataError(doubtful)
    _refuse_loss(changes, same, feed.OFFICE)
    made = [c for c in changes if c.kind != KEPT]
    if not made:
        print(f"{feed.NAME}: the tables are up to date.")
        return
    files = _prepare(package, harvest, made, options.reason)
    if not options.write:
        print(f"{feed.NAME}: the result would keep every rule. Nothing is written without --write.")
        return
    with lock(project):
        journal.commit(package.path, files)
    print(f"{feed.NAME}: wrote {', '.join(f'data/{path}' for path in sorted(files))}.")


def _tell(tables: tuple[str, ...], changes: list[Change], same: int) -> None:
    for table in tables:
        for change in (c for c in changes if c.table == table):
            print(f"  {table}  {change}")
    counts = {kind: sum(c.kind == kind for c in changes) for kind in (NEW, CHANGED, GONE, KEPT)}
    words = f"{counts[NEW]} new, {counts[CHANGED]} changed, {counts[GONE]} gone, {same} as they were"
    print(f"  {words}" + (f"; {counts[KEPT]} of other sources left alone." if counts[KEPT] else "."))


def _refuse_loss(changes: list[Change], same: int, office: str) -> None:
    gone = sum(c.kind == GONE for c in changes)
    if gone > max(FEW, (same + gone) / 10):
        raise FeedError(f"{office} no longer has {gone} values that the tables hold; that looks like half an answer. The data are as they were.")


# the result, made and checked in a copy


def _prepare(package: Package, harvest: Harvest, changes: list[Change], reason: str | None) -> dict[str, tuple[bytes | None, bytes]]:
    """The files that differ, old and new bytes, of a copy of the data that holds the changes and keeps every rule.

    Warnings that were not there before are printed.
    """
    warnings = {str(p) for p in check.require_valid(package)}
    with tempfile.TemporaryDirectory(prefix="alliance-") as folder:
        copy = Path(folder) / "data"
        shutil.copytree(package.path, copy)
        before = _contents(copy)
        _apply(copy, harvest, changes)
        problems = check.check(Package(copy))
        if reason and any(p.rule == "jump" and p.cell for p in problems):
            _excuse(copy, [p for p in problems if p.rule == "jump" and p.cell], reason)
            problems = check.check(Package(copy))
        errors = [p for p in problems if p.severity == "error"]
        if errors:
            if any(p.rule == "jump" for p in errors):
                print('  If the jumps are right, run the command again with --reason "why".')
            raise DataError(errors)
        for problem in problems:
            if str(problem) not in warnings:
                print(f"  warning: {problem}")
        after = _contents(copy)
    return {path: (before.get(path), content) for path, content in after.items() if before.get(path) != content}


def _contents(data: Path) -> dict[str, bytes]:
    return {f.relative_to(data).as_posix(): f.read_bytes() for f in data.rglob("*") if f.is_file() and not f.name.startswith(".")}


def _apply(copy: Path, harvest: Harvest, changes: list[Change]) -> None:
    touched = list(dict.fromkeys(c.table for c in changes))
    for folder, description in (made for name, made in harvest.descriptions.items() if name in touched):
        file = copy / folder / describe.TABLES
        file.write_bytes(file.read_bytes().rstrip(b"\n") + b"\n" + description.encode())
    for name in touched:
        _set_vintage(copy, name, harvest.edition)
    describe.write(copy)
    resources = {r["name"]: r for r in describe.descriptor(copy)["resources"]}
    for name in touched:
        resource, file = resources[name], copy / resources[name]["path"]
        if not file.exists():
            file.write_text(",".join(f["name"] for f in resource["schema"]["fields"]) + "\n", encoding="utf-8")
        mine = [c for c in changes if c.table == name]
        file.write_bytes(edit.changed(file.read_bytes(), resource["schema"]["primaryKey"], mine, harvest.source["id"]))
    if any(c.kind in (NEW, CHANGED) for c in changes):
        sources = copy / "sources.csv"
        sources.write_bytes(edit.with_source(sources.read_bytes(), harvest.source))


def _set_vintage(copy: Path, table: str, edition: str) -> None:
    """Set the vintage in the description of one table, where the new one is later.

    Raises
    ------
    DataError
        If there is not exactly one such description, with one vintage to set.
    """
    found = []
    for file in describe.files(copy):
        text = file.read_bytes().decode("utf-8")
        found += [(file, text, part) for part in re.split(r"(?m)^(?=\[\[table\]\])", text)[1:] if _name(part) == table]
    lines = [re.findall(r'(?m)^vintage = "([0-9-]+)"', part) for _, _, part in found]
    if [len(vintages) for vintages in lines] != [1]:
        place = f"data/{found[0][0].relative_to(copy).as_posix() if found else describe.TABLES}"
        message = f"{len(found)} descriptions of this table, {sum(map(len, lines))} lines with a vintage; one of each is needed to set it"
        remedy = 'Write the description once, in a part that begins with [[table]], with a line such as: vintage = "2026-01-31"'
        raise DataError([Problem(place, 0, "vintage", table, "feed", message, remedy)])
    ((file, text, part),), ((old,),) = found, lines
    later = re.sub(r'(?m)^vintage = "[0-9-]+"', f'vintage = "{max(old, edition)}"', part, count=1)
    file.write_bytes(text.replace(part, later).encode())


def _name(description: str) -> str | None:
    """The table that a part of a ``tables.toml`` describes."""
    try:
        return tomllib.loads(description)["table"][0].get("name")
    except tomllib.TOMLDecodeError:  # a heading within a text; the whole file was read before
        return None


def _excuse(copy: Path, problems: list[Problem], reason: str) -> None:
    """Name jumps as exceptions, each once, with the reason that a person gave."""
    cells = dict.fromkeys((p.rule, *p.cell) for p in problems)
    file = copy / "exceptions.csv"
    rows = [dict(zip(("rule", "table", "key", "column"), cell, strict=True)) | {"reason": reason} for cell in cells]
    file.write_bytes(edit.with_rows(file.read_bytes(), rows))

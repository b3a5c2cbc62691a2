"""Rules of files: each belongs to a table, and each table has one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from alliance.problems import Problem
from alliance.rules import rule

SHEETS = (".csv", ".tsv", ".txt", ".xls", ".xlsx", ".ods", ".parquet", ".pkl")


@rule("file-unknown")
def unknown_files(package, tables):
    """Every CSV file of the data folder, and every file of a folder of your own, has the name of a table."""
    for file in _undescribed(package):
        if file.suffix.lower() == ".csv" and _table_of(file, package) is None:
            remedy = "Describe it in the tables.toml of its folder, or remove it."
            yield Problem(package.show(file), 0, "", "", "file-unknown", "no description knows this file", remedy)
    if package.overlay is None:
        return
    if not package.overlay.is_dir():
        remedy = "Give a folder that holds the tables that changed."
        yield Problem(str(package.overlay), 0, "", "", "file-unknown", "this is not a folder", remedy)
        return
    known = set()
    for file in sorted(package.overlay.iterdir()):
        known.add(_is_known(file, package))
        if not _is_known(file, package) and not file.name.startswith(".") and _table_of(file, package) is None:
            yield Problem(package.show(file), 0, "", "", "file-unknown", *_stranger(file, package))
    if True not in known:
        message, remedy = "the folder holds no table", "Put trade_annual.csv or another table here, or leave --data out."
        yield Problem(package.show(package.overlay), 0, "", "", "file-unknown", message, remedy, "warning")


def _stranger(file: Path, package) -> tuple[str, str]:
    """What is wrong with a file that has no table, and what to do."""
    if file.is_dir():
        return "this is a folder", "Put the tables themselves here, without folders between."
    if file.name in ("datapackage.json", "tables.toml", "columns.toml"):
        return "descriptions are the book's", "Remove it; describe new tables in a copy of the book."
    near = difflib.get_close_matches(file.name, [f"{name}{end}" for name in package.resources for end in (".csv", ".append.csv")], n=1, cutoff=0.7)
    remedy = (
        f'Did you mean "{near[0]}"?'
        if near
        else "Name it after a table of datapackage.json: trade_annual.csv, or trade_annual.append.csv for rows to add."
    )
    return "no table has this name", remedy


@rule("file-twice")
def two_files(package, tables):
    """A table has one file: no copy beside it in the data folder, and in a folder of your own the whole table or rows to add."""
    for file in _undescribed(package):
        yield from _second(file, package)
    if package.overlay is None or not package.overlay.is_dir():
        return
    for file in sorted(package.overlay.iterdir()):
        if not _is_known(file, package) and not file.name.startswith("."):
            yield from _second(file, package)
        elif file.name.endswith(".append.csv") and (package.overlay / file.name.replace(".append", "")).exists():
            whole = file.name.replace(".append", "")
            remedy = f"Put its rows into {whole}, which holds the whole table, and remove it."
            yield Problem(package.show(file), 0, "", "", "file-twice", f"{whole} gives the same table", remedy)


def _second(file: Path, package) -> Iterator[Problem]:
    name = _table_of(file, package)
    if name is not None:
        kept = package.show(package.files_of(name)[0])
        yield Problem(
            package.show(file), 0, "", "", "file-twice", f"a second file for the table {name}, beside {kept}", "Keep one of them, a CSV of that name."
        )


def _undescribed(package) -> list[Path]:
    """Files of the data folder that are not hidden and stand in no description."""
    described = {package.path / r["path"] for r in package.resources.values()}
    hidden = lambda f: any(part.startswith(".") for part in f.relative_to(package.path).parts)  # noqa: E731
    return sorted(f for f in package.path.rglob("*") if f.suffix.lower() in SHEETS and f not in described and not hidden(f))


def _is_known(file: Path, package) -> bool:
    return not file.is_dir() and file.name.endswith(".csv") and file.name.removesuffix(".csv").removesuffix(".append") in package.resources


def _table_of(file: Path, package) -> str | None:
    """The table that a file is a copy of by its name: ``trade_annual (1).csv``, ``Trade_Annual.xlsx``."""
    if file.suffix.lower() not in SHEETS or file.is_dir():
        return None
    plain = re.sub(r"(?i)[ _-]*(copy|new|old|final|kopie|копия|副本)?[ _-]*(\(\d+\)|v?\d+)?$", "", file.stem.lower())
    return next((name for name in (file.stem.lower(), plain) if name in package.resources), None)

"""Damage one number of one table at a time, and see who notices: a check, the facts and exhibits of a chapter, or nobody."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from alliance import check, figures
from alliance.chapter import OUTPUT
from alliance.data import Package
from alliance.writer import csv_text
from workspace import ROOT

KINDS = ("factor ten", "sign", "neighbour's value")
DATES = ("period_start", "period_end", "year", "date", "start_date", "end_date")
REFUSED, WARNED, VISIBLE, UNSEEN = "refused", "warned", "visible", "unseen"


@dataclass(frozen=True)
class Mutation:
    table: str
    key: str
    column: str
    kind: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.table}, {self.key}: {self.column} {self.old} → {self.new} ({self.kind})"


class Chapter:
    """A chapter run in this process, again and again, with other data; figures are not drawn to files."""

    def __init__(self, name: str, folder: Path):
        self.name, self.folder = name, folder
        self.package = Package()
        notebook = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4)
        self.code = [c.source for c in notebook.cells if c.cell_type == "code" and "parameters" not in c.metadata.get("tags", [])]
        self.baseline = self.run("")

    def run(self, data_dir: str) -> str:
        """What the chapter publishes with an overlay: its record and the data of its exhibits, as one text."""
        record = self.record(data_dir)
        kept = {k: record[k] for k in ("facts", "claims", "guards", "exhibits")}
        downloads = sorted((self.folder / "out" / "downloads").iterdir())
        return json.dumps(kept) + "".join(f.read_text(encoding="utf-8") for f in downloads)

    def record(self, data_dir: str = "", focus_year: int = 2024) -> dict:
        """The record of the chapter, run with an overlay or in another focus year."""
        out = self.folder / "out"
        os.environ[OUTPUT] = str(out)
        drawn, figures.to_svg = figures.to_svg, lambda figure: ""
        try:
            space = {"focus_year": focus_year, "data_dir": data_dir}
            for cell in self.code:
                exec(compile(cell, self.name, "exec"), space)
        finally:
            figures.to_svg = drawn
            del os.environ[OUTPUT]
        return json.loads((out / "record.json").read_text(encoding="utf-8"))

    def cells(self) -> list[tuple[str, int, str]]:
        """What the chapter reads: every value of the tables that it loads, and the single cells behind its facts."""
        record = json.loads((self.folder / "out" / "record.json").read_text(encoding="utf-8"))
        loaded = [self.package.table(name) for name in record["loads"]]
        found = {(t.name, i, c) for t in loaded for i, row in enumerate(t.rows) for c in row}
        for cell in (cell for fact in record["facts"] for cell in fact["inputs"]):
            table = self.package.table(cell["table"])
            row = table.find_shown(";".join(cell["key"].values()))
            found.add((table.name, next(i for i, r in enumerate(table.rows) if r is row), cell["column"]))
        return sorted((t, i, c) for t, i, c in found if self._counts(t, self.package.table(t).rows[i], c))

    def mutations(self, seed: int) -> Iterator[Mutation]:
        """Random ones of these values, one at a time."""
        chance = random.Random(seed)
        cells = self.cells()
        while True:
            table, position, column = chance.choice(cells)
            kind = chance.choice(KINDS)
            rows = self.package.sheet(table).rows
            old = rows[position].fields[column]
            near = [r.fields[column] for r in rows[max(0, position - 1) : position + 2] if r.fields[column] not in ("", old)]
            if (kind == "neighbour's value" and not near) or float(old) == 0:
                continue
            new = {"factor ten": f"{float(old) * 10:.10g}", "sign": f"-{old}".replace("--", ""), "neighbour's value": near and chance.choice(near)}
            key = ";".join(self.package.table(table).shown_key(self.package.table(table).rows[position]).values())
            yield Mutation(table, key, column, kind, old, new[kind])

    def next_year(self) -> Path:
        """A folder that gives every dated table of the chapter a supplied row of the year after its last, for one of its subjects alone."""
        folder = self.folder / "next-year"
        folder.mkdir()
        record = json.loads((self.folder / "out" / "record.json").read_text(encoding="utf-8"))
        for name in record["loads"]:
            time = self.package.resources[name].get("time")
            dated = [r.fields for r in self.package.sheet(name).rows if re.match(r"\d{4}", r.fields.get(time, ""))]
            if dated:
                last = max(dated, key=lambda fields: fields[time])
                row = {c: _a_year_later(v) if c in {time, *DATES} else v for c, v in last.items() if c}
                row |= {"evidence": "supplied"} if "evidence" in row else {}
                (folder / f"{name}.append.csv").write_text(csv_text([list(row), list(row.values())]), encoding="utf-8")
        return folder

    def _counts(self, table: str, row: dict, column: str) -> bool:
        described = self.package.table(table)
        return column in described.measures and "evidence" in row and row[column] is not None and row["evidence"] == "read"

    def fate(self, mutation: Mutation, name: str) -> str:
        """Who notices: REFUSED by a check, WARNED of by one, VISIBLE in facts or exhibits, or UNSEEN."""
        overlay = self.overlay(name, {mutation.table: {(mutation.key, mutation.column): mutation.new}})
        severities = {p.severity for p in check.check(Package(overlay=overlay))}
        if "error" in severities:
            return REFUSED
        if self.run(str(overlay)) != self.baseline:
            return VISIBLE
        return WARNED if severities else UNSEEN

    def overlay(self, name: str, edits: dict[str, dict[tuple[str, str], str]]) -> Path:
        """A folder with copies of tables in which single values are others: ``{table: {(key, column): value}}``."""
        folder = self.folder / name
        folder.mkdir()
        for table, values in edits.items():
            (folder / f"{table}.csv").write_text(self._edited(table, values), encoding="utf-8")
        return folder

    def _edited(self, name: str, values: dict[tuple[str, str], str]) -> str:
        table = self.package.table(name)
        columns = list(table.fields)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        left = dict(values)
        for row, typed in zip(self.package.sheet(name).rows, table.rows, strict=True):
            key = ";".join(table.shown_key(typed).values())
            writer.writerow([left.pop((key, c), row.fields[c]) for c in columns])
        assert not left, f"{name} has no such cell: {list(left)}"
        return text.getvalue()


def _a_year_later(date: str) -> str:
    return re.sub(r"^\d{4}", lambda year: str(int(year[0]) + 1), date)

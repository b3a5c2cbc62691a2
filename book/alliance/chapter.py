"""What a chapter's notebook talks to: one object that loads data and publishes facts, guards, figures and tables.

Inside a build the record of what was read and made goes to the folder that the press names; opened by hand in
JupyterLab, the chapter writes to a temporary folder and nothing else changes.
"""

from __future__ import annotations

import html
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from alliance import figures, tables, verdicts, words
from alliance.data import ROOT, package
from alliance.problems import AllianceError
from alliance.quantity import Quantity
from alliance.reader import listed
from alliance.words import Fact, Finding, Guard

OUTPUT = "ALLIANCE_OUTPUT"  # set by the press: the folder for this chapter's record, figures and downloads
RECORDS = "ALLIANCE_RECORDS"  # set by the press for a notebook that sums the others up: their records, as JSON


class Exhibit:
    """A figure or table: a directive for the book, plain HTML for JupyterLab."""

    def __init__(self, directive: str, preview: str):
        self._bundle = {"text/markdown": directive, "text/html": preview, "text/plain": ""}

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self._bundle


class Chapter:
    """The open record of one chapter; the chapter's measures are facts of it from the start.

    Parameters
    ----------
    name : the chapter's file name without its ending
    focus_year : last year that the sections before "After 2024" may use
    data_dir : overlay folder with a user's own tables, or None
    """

    def __init__(self, name: str, focus_year: int = 2024, data_dir: str | None = None):
        self.name = name
        self.focus_year = focus_year
        self.package = package(overlay=data_dir)
        self.output = Path(os.environ.get(OUTPUT) or tempfile.mkdtemp(prefix=f"alliance-{name}-"))
        self._facts: dict[str, Fact] = {}
        self._guards: dict[str, Guard] = {}
        self._findings: dict[str, Finding] = {}
        self._exhibits: dict[str, dict] = {}
        self._claims: list[dict] = []
        self._reads: set[str] = {"sources"}
        self._loads: set[str] = set()
        self._cited: set[str] = set()
        figures.style()
        for key, row in self.package.measures.items():
            if row["chapter"] == name:
                self._publish(words.measured(row, self.measure(key)))

    # data

    def load(self, table: str, beyond: bool = False) -> pd.DataFrame:
        """A table as a DataFrame, up to the focus year unless ``beyond``; recalled values are blank."""
        self._reads.add(table)
        self._loads.add(table)
        frame = self.package.table(table).frame()
        time = self.package.resources[table].get("time")
        if time and not beyond:
            # A text is no later than the focus year if its first four digits are; a row without a time is of all times.
            years = pd.to_numeric(frame[time].astype(str).str[:4], errors="coerce")
            frame = frame[~(years > self.focus_year)]
        return frame.reset_index(drop=True)

    def value(self, table: str, column: str, **key) -> Quantity:
        """One value with its provenance; missing where the data hold nothing."""
        self._reads.add(table)
        return self.package.value(table, column, **key)

    def values(self, frame: pd.DataFrame, column: str) -> list[Quantity]:
        """The quantities behind one column of (a part of) a loaded table, row by row."""
        table = self.package.table(frame.attrs["table"])
        keys = frame[table.key_columns].to_dict("records")
        return [self.value(table.name, column, **key) for key in keys]

    def measure(self, name: str) -> Quantity:
        """The value of a measure of ``measures.csv``, with its provenance."""
        self._reads |= {"measures", *self.package.tables_of(name)}
        return self.package.measure(name)

    @cached_property
    def records(self) -> dict[str, dict]:
        """What the other chapters published, for a notebook that sums them up; by hand, that of the last build."""
        told = json.loads(os.environ.get(RECORDS, "null"))
        built = sorted((ROOT / "_build" / "executed").glob("*.json"))
        files = {c: Path(f) for c, f in told.items()} if told is not None else {f.stem: f for f in built if f.stem != self.name}
        if not files:
            raise AllianceError("This notebook sums up what the chapters published. Build the book first: make book.")
        return {c: json.loads(f.read_text(encoding="utf-8")) for c, f in files.items()}

    # facts, guards, findings

    def fact(self, key: str, quantity: Quantity, label: str, digits: int = 1, text: str | None = None, unit: str | None = None) -> None:
        """Publish a number under a name that prose, claims and other pages may print.

        Parameters
        ----------
        key : name within the chapter, such as ``"trade_total"``
        quantity : the number with its provenance
        label : what it is, in words a reader understands
        digits : decimals in print
        text : what prints instead of the plain number (see ``alliance.words`` for words)
        unit : unit to state, if not the quantity's own

        Raises
        ------
        AllianceError
            If the name is taken, the number has no row behind it, or a row rests on memory alone.
        """
        if unit is not None:
            quantity = replace(quantity, unit=unit)
        if not quantity.known:
            text = words.NOT_AVAILABLE
        if quantity.known and not quantity.inputs:
            raise AllianceError(f'Fact "{self.name}.{key}" has no row of the data behind it. Compute it from chapter.value(...).')
        self._publish(Fact(f"{self.name}.{key}", label, text or words.plain(quantity, digits), quantity))

    def phrase(self, key: str, text: str, label: str, *because: Quantity) -> None:
        """Publish computed words, with the quantities that decided them."""
        inputs = tuple(dict.fromkeys(c for q in because for c in q.inputs))
        unknown = any(not q.known for q in because)
        about = Quantity(None, "words", inputs, "; ".join(q.expression for q in because))
        self._publish(Fact(f"{self.name}.{key}", label, words.NOT_AVAILABLE if unknown else text, about))

    def event(self, key: str, table: str, column: str, label: str, **row) -> None:
        """Publish a date that stands in a table, written out: "2 September 2025".

        Not available where its field is empty, or where a table of the user's takes the book's place and lacks the row.

        Raises
        ------
        AllianceError
            If the book's own table has no such row.
        """
        self._reads.add(table)
        found = self.package.table(table)
        record = found.find(**row)
        if record is None and not self.package.replaces(table):
            remedy = "The chapter tells of it: correct the key there, or add the row."
            raise AllianceError(f'Event "{key}": table {table} has no row ({", ".join(map(str, row.values()))}). {remedy}')
        known = record is not None and record[column] is not None
        date = Quantity(None, "date", (found.cell(record, column),) if known else (), f"{column}[{', '.join(map(str, row.values()))}]")
        self._publish(Fact(f"{self.name}.{key}", label, words.date(record[column]) if known else words.NOT_AVAILABLE, date))

    def guard(self, key: str, condition: bool, meaning: str, *because: Quantity) -> None:
        """State a condition on which sentences depend; ``because`` lists quantities without which it is undecided."""
        holds = None if any(not q.known for q in because) else bool(condition)
        self._guards[f"{self.name}.{key}"] = Guard(f"{self.name}.{key}", holds, meaning)

    def finding(self, key: str, confidence: str, facts: Iterable[str]) -> None:
        """State how sure a sentence is, as far as its sources allow.

        A finding is as sure as its weakest fact: one that rests on one source, or on state media alone, is low
        confidence by rule, whatever ``confidence`` says.
        """
        ids = tuple(f"{self.name}.{k}" for k in facts)
        missing = [i for i in ids if i not in self._facts]
        if missing:
            raise AllianceError(f'Finding "{key}" names facts that do not exist: {", ".join(missing)}.')
        tiers = {s: row["tier"] for s, row in self.package.sources.items()}
        limits = [words.ceiling(self._facts[i].quantity.sources, tiers) for i in ids]
        confidence = min(confidence, *limits, key=words.CONFIDENCE.index)
        self._findings[f"{self.name}.{key}"] = Finding(f"{self.name}.{key}", confidence, ids)

    # exhibits

    def figure(self, key: str, figure, *, title: str, unit: str, alt: str, data: pd.DataFrame, note: str = "") -> Exhibit:
        """Publish a figure.

        Parameters
        ----------
        key : name within the chapter; ``{numref}`fig-KEY` `` refers to it
        figure : the matplotlib figure
        title : its message, computed from the data
        unit : what is measured, in which unit
        alt : what a reader who cannot see it needs to know, with numbers
        data : the rows behind it; their ``source_id`` make the source line
        note : what to keep in mind
        """
        import matplotlib.pyplot as plt

        self._require(key, title=title, unit=unit, alt=alt)
        if len(alt) < 60:
            raise AllianceError(f'Figure "{key}": the alt text should say what the figure shows, in a sentence or more.')
        svg = figures.to_svg(figure)
        plt.close(figure)
        self._write(f"figures/{key}.svg", svg)
        record = self._exhibit("figure", key, title, unit, data, note) | {"alt": alt}
        self._exhibits[f"figure:{key}"] = record
        caption = _caption(record)
        return Exhibit(_directive("report-figure", self.name, key), f'<figure role="img" aria-label="{html.escape(alt)}">{caption}{svg}</figure>')

    def table(self, key: str, data: pd.DataFrame, *, title: str, unit: str, columns: dict, note: str = "") -> Exhibit:
        """Publish a table; ``columns`` maps each column to (heading, decimals or None), the first names the rows."""
        self._require(key, title=title, unit=unit)
        record = self._exhibit("table", key, title, unit, data, note)
        record["head"] = [heading for heading, _ in columns.values()]
        record["numeric"] = [digits is not None for _, digits in columns.values()]
        record["rows"] = tables.cells(data, columns)
        record["supplied_rows"] = self._supplied(data)
        self._exhibits[f"table:{key}"] = record
        shown = pd.DataFrame(record["rows"], columns=record["head"])
        preview = f"{_caption(record)}{shown.to_html(index=False)}"
        return Exhibit(_directive("report-table", self.name, key), preview)

    def claims(self) -> Exhibit:
        """Judge this chapter's claims and publish the verdicts."""
        rows = [r for r in self.package.table("claims").rows if r["chapter"] == self.name]
        self._reads.add("claims")
        self._claims = [verdicts.judge(row, self.package) for row in rows]
        self._cited.update(s for c in self._claims for s in c["sources"])
        shown = pd.DataFrame(self._claims)[["quote", "verdict", "why"]]
        return Exhibit(_directive("claims", self.name), shown.to_html(index=False))

    def finish(self) -> None:
        """Write the record of the chapter; the press refuses a chapter that does not end with this."""
        cited = sorted(s for s in self._cited if s)
        record = {
            "chapter": self.name,
            "facts": [f.as_dict() for f in self._facts.values()],
            "guards": [g.as_dict() for g in self._guards.values()],
            "findings": [f.as_dict() for f in self._findings.values()],
            "exhibits": list(self._exhibits.values()),
            "claims": self._claims,
            "reads": sorted(self._reads),
            "loads": sorted(self._loads),
            "sources": cited,
        }
        self._write("record.json", json.dumps(record, ensure_ascii=False, indent=1))

    # helpers

    def _publish(self, fact: Fact) -> None:
        if fact.id in self._facts:
            raise AllianceError(f'Fact "{fact.id}" is made twice in the chapter; give one of them another name.')
        words.require_publishable(fact)
        self._facts[fact.id] = fact
        self._cited.update(fact.quantity.sources)

    def _require(self, key: str, **texts: str) -> None:
        empty = [name for name, text in texts.items() if not text.strip()]
        if empty:
            raise AllianceError(f'Exhibit "{key}" lacks its {", ".join(empty)}.')

    def _exhibit(self, kind: str, key: str, title: str, unit: str, data: pd.DataFrame, note: str) -> dict:
        if any(record["key"] == key for record in self._exhibits.values()):
            raise AllianceError(f'There are two exhibits named "{key}"; give one of them another name, as their data share a file.')
        sources = [s for cell in data["source_id"].dropna() for s in listed(str(cell))] if "source_id" in data else []
        if not sources:
            raise AllianceError(f'The data of {kind} "{key}" name no source; keep the column source_id.')
        sources = list(dict.fromkeys(sources))
        self._cited.update(sources)
        self._write(f"downloads/{key}.csv", tables.to_csv(data))
        supplied = any(self._supplied(data)) or bool(self._supplied_sources() & set(sources))
        return {"kind": kind, "key": key, "title": title, "unit": unit, "note": note, "sources": sources, "supplied": supplied}

    def _supplied(self, data: pd.DataFrame) -> list[bool]:
        """Whether each row holds values that the user supplied."""
        if "evidence" in data:
            return [value == "supplied" for value in data["evidence"]]
        theirs = self._supplied_sources()
        return [bool(theirs & set(listed(str(cell)))) for cell in data["source_id"]]

    def _supplied_sources(self) -> set[str]:
        """Sources of rows that the user supplied, in the tables read so far; exhibits may no longer know their rows.

        A notebook that sums the others up knows those behind their facts, too.
        """
        rows = (row for name in self._reads for row in self.package.table(name).rows if row.get("evidence") == "supplied")
        found = {s for row in rows for s in listed(row["source_id"]) + listed(row.get("other_source_ids"))}
        others = self.__dict__.get("records", {})  # only where they were asked for
        inputs = (cell for record in others.values() for fact in record["facts"] for cell in fact["inputs"] if cell["evidence"] == "supplied")
        return found | {s for cell in inputs for s in [cell["source"], *cell["other_sources"]] if s}

    def _write(self, name: str, text: str) -> None:
        target = self.output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _caption(record: dict) -> str:
    badge = " (holds your data)" if record["supplied"] else ""
    return f"<p><b>{html.escape(record['title'])}</b><br>{html.escape(record['unit'])}{badge}</p>"


def _directive(name: str, *arguments: str) -> str:
    return f"```{{{name}}} {' '.join(arguments)}\n```"

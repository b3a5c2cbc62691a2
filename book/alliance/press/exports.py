"""What an edition gives away beside its pages: facts and claims as JSON and CSV, tables as CSV, sources as BibTeX."""

from __future__ import annotations

import json
from pathlib import Path

from pybtex.database import BibliographyData, Entry, Person

from alliance.press.project import SHARED_TABLES, Project
from alliance.verdicts import VERDICTS
from alliance.writer import csv_text, guarded

CLAIM_COLUMNS = (
    "id",
    "chapter",
    "section",
    "quote",
    "claim",
    "claimed",
    "unit",
    "verdict",
    "at_the_time",
    "outcome",
    "confidence",
    "decided_by",
    "robust",
    "flips",
    "why",
    "sources",
    "checked",
)


def export(project: Project, book: dict, html: Path) -> None:
    """Put the files beside the pages.

    Parameters
    ----------
    project : whose tables are given away
    book : what ``gather`` made
    html : the folder of the pages
    """
    facts = [f for r in book["chapters"].values() for f in r["facts"]]
    _write_json(html / "facts.json", {"edition": book["edition"], "facts": facts})
    claims = [{k: v for k, v in c.items() if k != "why_parts"} for r in book["chapters"].values() for c in r["claims"]]
    _write_json(html / "claims.json", claims)
    (html / "claims.csv").write_text(claims_csv(claims), encoding="utf-8")
    downloads = html / "downloads"
    (downloads / "tables").mkdir(parents=True, exist_ok=True)
    (downloads / "references.bib").write_text(references(book["sources"]), encoding="utf-8")
    for name in (*book["tables"], *SHARED_TABLES, "disagreements"):
        (downloads / "tables" / f"{name}.csv").write_text(_table_csv(project, name), encoding="utf-8")


def references(sources: dict[str, dict]) -> str:
    """The sources as a BibTeX file."""
    entries = {}
    for name, source in sources.items():
        fields = {"title": _no_commands(source["title"]), "note": f"{source['tier']}; looked up {source['checked']}"}
        if source["url"]:
            fields["url"] = source["url"]
        if source["published"]:
            fields |= dict(zip(("year", "month"), source["published"].split("-"), strict=False))
        if source["language"]:
            fields["langid"] = source["language"]
        entries[name] = Entry("misc", fields=fields, persons={"author": [Person(last=f"{{{_no_commands(source['publisher'])}}}")]})
    return BibliographyData(entries).to_string("bibtex")


def _no_commands(text: str) -> str:
    """Text without the signs that TeX would obey."""
    return text.translate({ord("{"): "(", ord("}"): ")", ord("\\"): "/"})


def _write_json(file: Path, thing) -> None:
    file.write_text(json.dumps(thing, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _table_csv(project: Project, name: str) -> str:
    """A whole table as it was read, overlay included."""
    columns = [f["name"] for f in project.package.resources[name]["schema"]["fields"]]
    rows = [[guarded(row.fields[c]) for c in columns] for row in project.package.sheet(name).rows]
    return csv_text([columns, *rows])


def claims_csv(claims: list[dict]) -> str:
    """The claims with their verdicts, one a row; what holds several things separates them by semicolons."""
    assert all(c["verdict"] in VERDICTS for c in claims)
    rows = [[_claim_cell(claim[c]) for c in CLAIM_COLUMNS] for claim in claims]
    return csv_text([list(CLAIM_COLUMNS), *rows])


def _claim_cell(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return guarded(";".join(f"{v['what']} → {v['verdict']}" if isinstance(v, dict) else v for v in value))
    return "" if value is None else guarded(value) if isinstance(value, str) else f"{value:g}"

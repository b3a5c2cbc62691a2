"""Everything the pages need to know: the chapters' records, the sources, terms and tables they use, the edition."""

from __future__ import annotations

import json
from pathlib import Path

from alliance.data import digest_of
from alliance.editions import Edition, compare, latest_frozen, read_edition
from alliance.press.names import row_anchor
from alliance.press.project import DEFAULT_YEAR, SHARED_TABLES, Project
from alliance.reader import listed


def gather(project: Project, executed: dict[str, Path]) -> dict:
    """What the pages know of an edition, in the form that is staged beside them as JSON.

    Parameters
    ----------
    project : what to build
    executed : folder of the executed version of each chapter
    """
    records = {c: json.loads((f / "record.json").read_text(encoding="utf-8")) for c, f in executed.items()}
    read = sorted({t for r in records.values() for t in r["reads"]} - set(SHARED_TABLES))
    tables = {t: project.package.resources[t] | _counts(project.package.table(t).rows) for t in read}
    cited = sorted({s for r in records.values() for s in r["sources"]} | {s for t in read for s in _sources_of(project, t)})
    own = {s for t in read for row in project.package.table(t).rows if row.get("evidence") == "supplied" for s in listed(row["source_id"])}
    rows = _cited_rows(project, [i for r in records.values() for f in r["facts"] for i in f["inputs"]])
    inputs = [project.package.descriptor["version"], project.parameters, {t: project.package.digest(t) for t in project.package.resources}]
    return {
        "edition": {
            "focus_year": project.year,
            "written_for": DEFAULT_YEAR,
            "date": max((r["vintage"] for r in tables.values() if "/" in r["path"]), default=None),  # not of the book's own lists
            "version": project.package.descriptor["version"],
            "data": digest_of(inputs)[:16],
            "pdf": project.pdf_name,
            "licence": "CC BY 4.0",
        },
        "chapters": records,
        "sources": {s: project.package.sources[s] | {"supplied": s in own} for s in cited if s in project.package.sources},
        "glossary": {row["id"]: row for row in project.package.table("glossary").rows},
        "tables": tables,
        "rows": rows,
        "account": project.package.table("account").rows,
        "claims": [{k: row[k] for k in ("id", "bullet")} for row in project.package.table("claims").rows],
        "disagreements": _disagreements(project, rows, _behind_findings(records)),
        "corrections": project.package.table("corrections").rows,
        "since": _since_kept_edition(project, records),
    }


def _since_kept_edition(project: Project, records: dict[str, dict]) -> dict | None:
    """What moved since the last edition that is kept under ``data/editions/``."""
    version = project.package.descriptor["version"]
    kept = latest_frozen(project.root / "data" / "editions", version)
    if kept is None:
        return None
    facts = {f["id"]: f for r in records.values() for f in r["facts"]}
    claims = {c["id"]: c for r in records.values() for c in r["claims"]}
    old = read_edition(kept)
    return {"edition": kept.name, "date": old.date} | compare(old, Edition(facts, claims)).as_dict()


def _counts(rows: list[dict]) -> dict[str, int]:
    return {"rows": len(rows), "supplied": sum(row.get("evidence") == "supplied" for row in rows)}


def _sources_of(project: Project, table: str) -> set[str]:
    """Ids of all sources that the rows of a table name; the table can be downloaded, so they are listed."""
    columns = ("source_id", "other_source_ids")
    return {s for row in project.package.table(table).rows for c in columns for s in listed(row.get(c))}


def _cited_rows(project: Project, inputs: list[dict]) -> list[dict]:
    """The rows behind the facts, each once, in the order of the tables."""
    rows = []
    for table in sorted({i["table"] for i in inputs}):
        cited = [i["key"] for i in inputs if i["table"] == table]
        for row in project.package.table(table).rows:
            key = project.package.table(table).shown_key(row)
            if key in cited:
                known = {k: v for k, v in row.items() if v is not None}
                rows.append({"table": table, "anchor": row_anchor(table, key), "key": key, "row": known})
    return rows


def _behind_findings(records: dict[str, dict]) -> set[tuple]:
    """Table, key and column of every cell behind a fact that a finding rests on."""
    facts = {f["id"]: f for r in records.values() for f in r["facts"]}
    named = [name for r in records.values() for finding in r["findings"] for name in finding["facts"]]
    return {(c["table"], ";".join(c["key"].values()), c["column"]) for name in named for c in facts[name]["inputs"]}


def _disagreements(project: Project, rows: list[dict], finding_cells: set[tuple]) -> list[dict]:
    """What other sources say of the rows that facts cite, widest gap first; the gap is in percent of the value used."""
    cited = {(r["table"], tuple(r["key"].items())) for r in rows}
    found = []
    for d in project.package.disagreements:
        table = project.package.table(d["table"])
        if d["row"] is None or (d["table"], tuple(table.shown_key(d["row"]).items())) not in cited:
            continue
        numbers = d["used_value"] is not None and d["other_value"] is not None
        gap = abs(d["other_value"] / d["used_value"] - 1) * 100 if numbers and d["used_value"] * d["other_value"] > 0 else None  # not across nought
        finding = (d["table"], d["key"], d["column"]) in finding_cells
        found.append({k: v for k, v in d.items() if k != "row"} | {"gap": gap, "finding": finding})
    return sorted(found, key=lambda d: -1 if d["gap"] is None else d["gap"], reverse=True)

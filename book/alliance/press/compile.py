"""Compiling: executed chapters and pages are staged, Jupyter Book makes HTML and PDF from one reading of them."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pybtex.database import BibliographyData, Entry, Person

from alliance.data import digest_of
from alliance.editions import Edition, compare, latest_frozen, read_edition
from alliance.press.project import DEFAULT_YEAR, SHARED_TABLES, Project
from alliance.problems import BUILD_FAILED, ENVIRONMENT, AllianceError
from alliance.reader import listed
from alliance.verdicts import VERDICTS
from alliance.writer import csv_text, guarded

STAGED = "_alliance.json"  # what the Sphinx parts know about the edition, in the staged source folder
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


def compile_book(project: Project, executed: dict[str, Path], folder: Path, pages: list[str] | None = None) -> dict[str, float]:
    """Compile HTML and PDF into ``folder``.

    Parameters
    ----------
    project : what to build
    executed : folder of the executed version of each chapter
    folder : where ``html/`` and ``executed/`` are made
    pages : only these pages, for a preview; the first becomes the start page, and no PDF is made

    Returns
    -------
    dict
        Seconds of the HTML and PDF step.

    Raises
    ------
    AllianceError
        If a page prints what does not exist, or Jupyter Book fails or warns.
    """
    import time

    book = gather(project, executed)
    stage = folder / "stage"
    _stage(project, executed, book, stage)
    check_roles(stage, book)
    toc = stage / "_toc.yml"
    toc.write_text(_toc(pages) if pages else (project.root / "_toc.yml").read_text(encoding="utf-8"), encoding="utf-8")
    seconds = {}
    for step, options in {"html": ["--builder", "html"], "pdf": ["--builder", "custom", "--custom-builder", "paper"]}.items():
        if step == "pdf" and pages:
            continue
        started = time.perf_counter()
        _jupyter_book(project, stage, toc, folder / "sphinx", options)
        seconds[step] = round(time.perf_counter() - started, 2)
    _collect(project, executed, book, folder, pdf=not pages)
    return seconds


def gather(project: Project, executed: dict[str, Path]) -> dict:
    """Everything the pages need to know: the chapters' records, the sources, terms and tables they use, the edition."""
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


def row_anchor(table: str, key: dict) -> str:
    """The address of a cited row on the Sources page."""
    return "row-" + re.sub(r"[^a-z0-9]+", "-", f"{table} {' '.join(map(str, key.values()))}".lower()).strip("-")


def _stage(project: Project, executed: dict[str, Path], book: dict, stage: Path) -> None:
    ignore = shutil.ignore_patterns("alliance", "*.ipynb", ".*", "__pycache__")
    shutil.copytree(project.book, stage, ignore=ignore)
    for chapter, folder in executed.items():
        shutil.copyfile(folder / "notebook.ipynb", stage / f"{chapter}.ipynb")
        if (folder / "figures").is_dir():
            shutil.copytree(folder / "figures", stage / "figures" / chapter)
    (stage / STAGED).write_text(json.dumps(book, ensure_ascii=False), encoding="utf-8")


def _toc(pages: list[str]) -> str:
    chapters = "".join(f"  - file: {page}\n" for page in pages[1:])
    return f"format: jb-book\nroot: {pages[0]}\n" + (f"chapters:\n{chapters}" if chapters else "")


# Roles are checked before Sphinx runs, so that the message can name the cell and the nearest name that exists.

ROLE = re.compile(r"\{(fact|event|claimed|claim|confidence|term|native)\}`([^`]+)`")
GUARD = re.compile(r"\{\.guard-([\w-]+)\}")


def check_roles(stage: Path, book: dict) -> None:
    """Every name that a page prints exists.

    Raises
    ------
    AllianceError
        Listing each name that does not, with its place and the nearest name.
    """
    complaints = []
    for place, page, text in _prose(stage):
        for kind, name in [*ROLE.findall(text), *(("guard", g) for g in GUARD.findall(text))]:
            known = _names(book, kind)
            name = name.replace("--", ".") if kind == "guard" else name
            full = name if kind in ("term", "native", "claim", "claimed") or name in known else f"{page}.{name}"
            if full not in known:
                near = difflib.get_close_matches(full, known, n=1, cutoff=0.5)
                hint = f' Did you mean "{near[0]}"?' if near else ""
                complaints.append(f'{place}: there is no {kind} "{name}".{hint}')
    if complaints:
        raise AllianceError("Pages print what does not exist:\n" + "\n".join(f"  {c}" for c in complaints))


def _names(book: dict, kind: str) -> list[str]:
    if kind in ("term", "native"):
        return list(book["glossary"])
    part = {"fact": "facts", "event": "facts", "claim": "claims", "claimed": "claims", "confidence": "findings", "guard": "guards"}[kind]
    return [item["id"] for record in book["chapters"].values() for item in record[part]]


def _prose(stage: Path):
    for file in sorted(stage.glob("*.ipynb")):
        notebook = json.loads(file.read_text(encoding="utf-8"))
        cells = [c for c in notebook["cells"] if c["id"] != "injected-parameters"]
        for number, cell in enumerate(cells, start=1):
            if cell["cell_type"] == "markdown":
                yield f"book/{file.name}, cell {number} of {len(cells)}", file.stem, "".join(cell["source"])
    for file in sorted(stage.glob("*.md")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            yield f"book/{file.name}, line {number}", file.stem, line


def _jupyter_book(project: Project, stage: Path, toc: Path, output: Path, options: list[str]) -> None:
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(stage)]
    command += ["--config", str(project.root / "_config.yml"), "--toc", str(toc), "--path-output", str(output)]
    command += ["--warningiserror", "--keep-going", "--quiet", *options]
    environment = os.environ | {"PYTHONHASHSEED": "0", "TZ": "UTC", "PYTHONPATH": str(project.book), "NO_COLOR": "1"}
    environment.pop("SOURCE_DATE_EPOCH", None)  # it would rewrite the copyright line
    done = subprocess.run(command, env=environment, cwd=stage, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return
    log = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    if "No space left on device" in log or "Disk quota exceeded" in log:
        raise AllianceError("Jupyter Book could not write: the disk is full. Free some space, or give --out on another disk.", ENVIRONMENT)
    lines = [line for line in log.splitlines() if re.search(r"\b(WARNING|ERROR|CRITICAL)\b|Error\b", line)]
    told = "\n".join(f"  {_place_in_book(line, stage)}" for line in dict.fromkeys(lines)) or log[-3000:]
    raise AllianceError(
        f"Jupyter Book failed ({options[1] if len(options) == 2 else options[-1]}); its warnings are errors here:\n{told}", BUILD_FAILED
    )


def _place_in_book(line: str, stage: Path) -> str:
    """Turn Sphinx' place in a staged notebook (cell * 10000 + line, from 2) into a cell and line of the book."""
    line = line.replace(f"{stage}/", "book/")

    def place(match):
        cell, row = divmod(int(match[2]), 10000)
        if not cell:
            return match[0]
        ids = [c["id"] for c in json.loads((stage / match[1]).read_text(encoding="utf-8"))["cells"]]
        cell -= "injected-parameters" in ids[:cell]
        return f"book/{match[1]}, cell {cell}, line {row - 1}:"

    return re.sub(r"book/([\w-]+\.ipynb):(\d+):", place, line)


def _collect(project: Project, executed: dict[str, Path], book: dict, folder: Path, pdf: bool) -> None:
    """Put together what is published: pages, PDF, facts, claims, downloads, executed notebooks."""
    output = folder / "sphinx" / "_build"
    html = folder / "html"
    os.replace(output / "html", html)
    for scrap in (".buildinfo", "_sources", ".doctrees"):
        path = html / scrap
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if pdf:
        os.replace(output / "paper" / "book.pdf", html / project.pdf_name)
    facts = [f for r in book["chapters"].values() for f in r["facts"]]
    write_json(html / "facts.json", {"edition": book["edition"], "facts": facts})
    claims = [{k: v for k, v in c.items() if k != "why_parts"} for r in book["chapters"].values() for c in r["claims"]]
    write_json(html / "claims.json", claims)
    (html / "claims.csv").write_text(_claims_csv(claims), encoding="utf-8")
    (html / "downloads").mkdir(exist_ok=True)
    (html / "downloads" / "references.bib").write_text(references(book["sources"]), encoding="utf-8")
    (folder / "executed").mkdir()
    for chapter, source in executed.items():
        shutil.copyfile(source / "notebook.ipynb", folder / "executed" / f"{chapter}.ipynb")
        shutil.copyfile(source / "record.json", folder / "executed" / f"{chapter}.json")
        if (source / "downloads").is_dir():
            shutil.copytree(source / "downloads", html / "downloads" / chapter)
    for name in (*book["tables"], *SHARED_TABLES, "disagreements"):
        table = project.package.resources[name]
        target = html / "downloads" / "tables" / f"{name}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(table_csv(project, name, table), encoding="utf-8")
    shutil.rmtree(folder / "sphinx")
    shutil.rmtree(folder / "stage")


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


def write_json(file: Path, thing) -> None:
    file.write_text(json.dumps(thing, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def table_csv(project: Project, name: str, table: dict) -> str:
    """A whole table as it was read, overlay included."""
    columns = [f["name"] for f in table["schema"]["fields"]]
    rows = [[guarded(row.fields[c]) for c in columns] for row in project.package.sheet(name).rows]
    return csv_text([columns, *rows])


def _claims_csv(claims: list[dict]) -> str:
    assert all(c["verdict"] in VERDICTS for c in claims)
    rows = [[_claim_cell(claim[c]) for c in CLAIM_COLUMNS] for claim in claims]
    return csv_text([list(CLAIM_COLUMNS), *rows])


def _claim_cell(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ";".join(f"{v['what']} → {v['verdict']}" if isinstance(v, dict) else v for v in value)
    return "" if value is None else guarded(str(value)) if isinstance(value, str) else f"{value:g}"

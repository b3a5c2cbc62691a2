"""Where things are, what a build depends on, and what an executed chapter was made from.

Only the standard library: an unchanged build is recognised before anything heavy is imported.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alliance import journal
from alliance.data import ROOT, Package, digest_of
from alliance.problems import BAD_INPUT, AllianceError
from alliance.reader import MAX_BYTES

DEFAULT_YEAR = 2024
FOCUS_YEARS = range(2021, 2026)
SHARED_TABLES = ("sources", "claims", "measures")  # of which a chapter uses some rows
CACHE_ENTRIES = 12  # executed versions kept of each chapter
SHOWN = 5  # files that are named one by one


@dataclass(frozen=True)
class Project:
    """One build: the project at ``root`` with its parameters, and the output folder."""

    root: Path = ROOT
    out: Path = ROOT / "_build"
    year: int = DEFAULT_YEAR
    overlay: Path | None = None

    @property
    def book(self) -> Path:
        return self.root / "book"

    @property
    def work(self) -> Path:
        return self.out / "work"

    @property
    def current(self) -> Path:
        """The link to the published edition."""
        return self.out / "current"

    @property
    def pdf_name(self) -> str:
        return f"russia-china-alliance-{self.year}.pdf"

    @cached_property
    def package(self) -> Package:
        return Package(self.root / "data", self.overlay)

    @property
    def parameters(self) -> dict:
        return {"focus_year": self.year}

    @cached_property
    def pages(self) -> list[str]:
        """Names of the pages in the order of ``_toc.yml``."""
        toc = (self.root / "_toc.yml").read_text(encoding="utf-8")
        return re.findall(r"^\s*-?\s*(?:root|file):\s*([\w./-]+)\s*$", toc, flags=re.MULTILINE)

    @cached_property
    def chapters(self) -> list[str]:
        """Pages that are notebooks."""
        return [page for page in self.pages if self.notebook(page).exists()]

    @cached_property
    def digests(self) -> list[str]:
        """Notebooks made from the records of the others; their metadata say so."""
        return [c for c in self.chapters if _metadata(self.notebook(c)).get("alliance", {}).get("reads") == "records"]

    def records(self) -> dict[str, Path] | None:
        """The record of each chapter that digests are made from; None as long as one is stale."""
        found = {c: self.fresh(c) for c in self.chapters if c not in self.digests}
        return None if None in found.values() else {c: entry / "record.json" for c, entry in found.items()}

    def notebook(self, chapter: str) -> Path:
        return self.book / f"{chapter}.ipynb"

    @cached_property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of every file that a build reads, by path relative to the project, as they are when first asked for."""
        journal.finish(self.root / "data")  # else it would be finished, and files change, when the data are opened
        return self._hashed()

    def require_unchanged(self) -> None:
        """Make sure that what was read since ``inputs`` were hashed is what was hashed.

        Raises
        ------
        AllianceError
            Naming the files that are others now.
        """
        now = self._hashed()
        changed = [file for file in sorted(self.inputs.keys() | now) if self.inputs.get(file) != now.get(file)]
        if changed:
            more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
            listed = f"{', '.join(changed[:SHOWN])}{more}"
            raise AllianceError(f"Changed while the book was built: {listed}. Nothing was published; run the command again.", BAD_INPUT)

    def _hashed(self) -> dict[str, str]:
        files = [self.root / name for name in ("_config.yml", "_toc.yml", "requirements.lock")]
        files += [f for folder in (self.book, self.root / "data") for f in folder.rglob("*") if _counts(f, self.root)]
        hashes = {str(f.relative_to(self.root)): _sha256(f) for f in sorted(files)}
        if self.overlay and self.overlay.is_dir():
            hashes |= {f"overlay/{f.name}": _sha256(f) for f in sorted(self.overlay.iterdir())}
        return hashes

    @cached_property
    def edition_key(self) -> str:
        """Names the edition that these inputs make."""
        return digest_of([self.inputs, self.parameters, platform.python_version()])[:16]

    # what an executed chapter was made from

    def fingerprint(self, chapter: str, tables: list[str], sources: list[str]) -> dict:
        """Everything that decides what a chapter that reads these tables and sources computes."""
        package = {k: v for k, v in self.inputs.items() if k.startswith("book/alliance/")}
        rows = [self.package.sources.get(s) for s in sources]
        known = [t for t in tables if t in self.package.resources]
        return {
            "notebook": self.inputs[f"book/{chapter}.ipynb"],
            "package": digest_of(package),
            "lock": self.inputs["requirements.lock"],
            "python": platform.python_version(),
            "parameters": self.parameters,
            "tables": {t: self.package.digest(t) for t in known if t not in SHARED_TABLES},
            "claims": digest_of(self._judged_by(chapter, known)) if "claims" in tables else None,
            "sources": digest_of(rows),
            "records": self._digest_of_records() if chapter in self.digests else None,
        }

    def _digest_of_records(self) -> str | None:
        records = self.records()
        return records and digest_of({c: _sha256(file) for c, file in records.items()})

    def _judged_by(self, chapter: str, tables: list[str]) -> list:
        """The chapter's claims and measures, and the disagreements about tables that it reads."""
        package = self.package
        own = [[r for r in package.table(t).rows if r["chapter"] == chapter] for t in ("claims", "measures")]
        return [*own, [{k: v for k, v in d.items() if k != "row"} for d in package.disagreements if d["table"] in tables]]

    def cache_entries(self, chapter: str) -> list[Path]:
        """Executed versions of a chapter, newest first."""
        folder = self.out / "cache" / chapter
        entries = [e for e in folder.iterdir() if (e / "fingerprint.json").exists()] if folder.is_dir() else []
        return sorted(entries, key=lambda e: e.stat().st_mtime, reverse=True)

    def fresh(self, chapter: str) -> Path | None:
        """An executed version made from exactly today's inputs, if there is one."""
        return next((e for e in self.cache_entries(chapter) if not self._differences(chapter, e)), None)

    def why_stale(self, chapter: str) -> list[str]:
        """What changed since the version nearest to today's inputs; empty if one fits."""
        entries = self.cache_entries(chapter)
        if not entries:
            return ["never executed"]
        return min((self._differences(chapter, e) for e in entries), key=len)

    def _differences(self, chapter: str, entry: Path) -> list[str]:
        stored = json.loads((entry / "fingerprint.json").read_text(encoding="utf-8"))
        reads = json.loads((entry / "record.json").read_text(encoding="utf-8"))
        today = self.fingerprint(chapter, reads["reads"], reads["sources"])
        changed = [part for part in today if part != "tables" and today[part] != stored.get(part)]
        tables = set(today["tables"]) | set(stored["tables"])
        return changed + sorted(f"table {t}" for t in tables if today["tables"].get(t) != stored["tables"].get(t))


def check_year(year: int) -> int:
    """``year`` if it can be a focus year.

    Raises
    ------
    AllianceError
        Otherwise, with the years that can.
    """
    if year not in FOCUS_YEARS:
        raise AllianceError(f"--year {year}: the focus year lies between {FOCUS_YEARS[0]} and {FOCUS_YEARS[-1]}.", BAD_INPUT)
    return year


def _counts(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in file.relative_to(root).parts)
    return file.is_file() and not hidden and file.suffix != ".pyc"


def _metadata(notebook: Path) -> dict:
    return json.loads(notebook.read_text(encoding="utf-8")).get("metadata", {})


def _sha256(file: Path) -> str:
    if not file.is_file() or file.stat().st_size > MAX_BYTES:
        return "refused"  # by the check of the data, which must see it nevertheless
    return hashlib.sha256(file.read_bytes()).hexdigest()

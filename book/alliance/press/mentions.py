"""Whether every name that a page prints exists; asked before Sphinx runs, so that the answer names the cell and the nearest name."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from alliance.problems import AllianceError

ROLE = re.compile(r"\{(fact|event|claimed|claim|confidence|term|native)\}`([^`]+)`")
GUARD = re.compile(r"\{\.guard-([\w-]+)\}")


def check_mentions(stage: Path, book: dict) -> None:
    """Every name that a page prints exists.

    Parameters
    ----------
    stage : the staged source folder
    book : what ``gather`` made

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


def _prose(stage: Path) -> Iterator[tuple[str, str, str]]:
    """Place, page and text of every piece of prose."""
    for file in sorted(stage.glob("*.ipynb")):
        notebook = json.loads(file.read_text(encoding="utf-8"))
        cells = [c for c in notebook["cells"] if c["id"] != "injected-parameters"]
        for number, cell in enumerate(cells, start=1):
            if cell["cell_type"] == "markdown":
                yield f"book/{file.name}, cell {number} of {len(cells)}", file.stem, "".join(cell["source"])
    for file in sorted(stage.glob("*.md")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            yield f"book/{file.name}, line {number}", file.stem, line

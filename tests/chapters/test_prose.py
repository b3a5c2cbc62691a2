"""No number is typed: digits and number words in prose come from facts, claims, terms, or are plain years."""

from __future__ import annotations

import ast
import json
import re

import pytest
from workspace import CHAPTERS, ROOT

NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
PAGES = sorted((ROOT / "book").glob("*.md"))
ROLE = re.compile(r"\{[a-z-]+\}`[^`]*`")
GUARD = re.compile(r"\[([^\[\]]*)\]\{\.guard-[\w-]+\}")
FENCE = re.compile(r"^:::.*?^:::\s*$", re.MULTILINE | re.DOTALL)
YEAR = re.compile(r"(?<![\d.,])(19|20)\d\d(?![\d%]|[.,]\d)")
WORDS = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "half",
    "halved",
    "third",
    "thirds",
    "quarter",
    "doubled",
    "tripled",
    "twice",
    "dozen",
]
NUMBER_WORD = re.compile(rf"\b({'|'.join(WORDS)}|most of)\b(?!-way)", re.IGNORECASE)
TEXTS = ("title", "unit", "alt", "note")


def typed_numbers(text: str) -> list[str]:
    """Digits that are not years, and number words outside guards, in a piece of Markdown."""
    bare = ROLE.sub("", FENCE.sub("", text))
    digits = re.findall(r"\S*\d\S*", YEAR.sub("", bare))
    words = [m[0] for m in NUMBER_WORD.finditer(GUARD.sub("", bare))]
    return digits + words


def prose():
    for notebook in NOTEBOOKS:
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield f"{notebook.name} {cell['id']}", "".join(cell["source"])
    for page in PAGES:
        yield page.name, page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("place", "text"), list(prose()))
def test_prose_types_no_number(place, text):
    assert typed_numbers(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Trade rose 1.9% in 2024.", ["1.9%"]),
        ("Trade rose {fact}`x` in 2024, as in 2023.", []),
        ("It has doubled.", ["doubled"]),
        ("[It has doubled]{.guard-doubled} in two-way trade.", []),
        ("[It rose 5 points]{.guard-rise}", ["5"]),
        ("USD 2,024 bn", ["2,024"]),
        (":::{key-figures}\na.b | 12 | c\n:::", []),
    ],
)
def test_the_test_itself_finds_typed_numbers(text, found):
    assert typed_numbers(text) == found


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_titles_notes_and_alt_texts_type_no_number(notebook):
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        for call in ast.walk(ast.parse("".join(cell["source"]))):
            keywords = {k.arg: k.value for k in getattr(call, "keywords", []) if k.arg in TEXTS}
            for name, value in keywords.items():
                for part in _literals(value):
                    assert re.findall(r"\d+", YEAR.sub("", part)) == [], f"{cell['id']} {name}: {part}"


def _literals(value: ast.expr) -> list[str]:
    """String literals that print: not those inside the braces of an f-string."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.JoinedStr):
        return [v.value for v in value.values if isinstance(v, ast.Constant)]
    if isinstance(value, ast.IfExp):
        return _literals(value.body) + _literals(value.orelse)
    return []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_source_notebooks_are_clean_and_readable(notebook):
    source = json.loads(notebook.read_text(encoding="utf-8"))
    code = [c for c in source["cells"] if c["cell_type"] == "code"]
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    assert sum("parameters" in c["metadata"].get("tags", []) for c in code) == 1
    longest = max(code, key=lambda c: len("".join(c["source"]).splitlines()))
    assert len("".join(longest["source"]).splitlines()) <= 25, longest["id"]
    titles = [line for c in source["cells"] if c["cell_type"] == "markdown" for line in "".join(c["source"]).splitlines() if line.startswith("# ")]
    assert len(titles) == 1  # two would drop the page from the navigation


@pytest.mark.parametrize("notebook", [n for n in NOTEBOOKS if n.stem in CHAPTERS], ids=lambda n: n.stem)
def test_chapters_have_the_one_shape(notebook):
    source = json.loads(notebook.read_text(encoding="utf-8"))
    text = "\n".join("".join(c["source"]) for c in source["cells"] if c["cell_type"] == "markdown")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert headings[0] == "In brief"
    assert headings[-4:] == ["What the account says, and what the data say", "After 2024", "What we cannot see", "The numbers of this chapter"]

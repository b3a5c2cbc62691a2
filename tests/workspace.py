"""Copies of the project in which a test may run ``alliance`` and damage what it likes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = ("geopolitics", "economics", "military", "technology", "limitations")
PARTS = ("_config.yml", "_toc.yml", "requirements.lock", "pyproject.toml", "book", "data", "tests/expected")
IGNORED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")


class Workspace:
    """A copy of the project in which ``alliance`` runs with the copy's own package."""

    def __init__(self, root: Path):
        self.root = root
        self.out = root / "_build"
        self.html = self.out / "html"

    def run(self, *arguments: str, env: dict | None = None, timeout: float = 900) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "alliance", *map(str, arguments)]
        return subprocess.run(command, cwd=self.root, env=self.environment(env), capture_output=True, text=True, timeout=timeout)

    def start(self, *arguments: str, env: dict | None = None) -> subprocess.Popen:
        command = [sys.executable, "-m", "alliance", *map(str, arguments)]
        return subprocess.Popen(command, cwd=self.root, env=self.environment(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @contextmanager
    def held(self, step: str, *arguments: str):
        """A running build that waits before a step as long as the block lasts."""
        hook = self.root.parent / step
        process = self.start("build", *arguments, env={"ALLIANCE_STEP_HOOK": str(hook)})
        try:
            while not hook.exists():
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.02)
            yield process
        finally:
            hook.unlink(missing_ok=True)

    def environment(self, env: dict | None) -> dict:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("ALLIANCE_")}
        return clean | {"PYTHONPATH": str(self.root / "book")} | (env or {})

    def build(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Build and demand success."""
        done = self.run("build", *arguments, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.root / name
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def cell(self, chapter: str, old: str, new: str) -> None:
        """Replace text in the source of a notebook's cells."""
        file = self.root / "book" / f"{chapter}.ipynb"
        notebook = json.loads(file.read_text(encoding="utf-8"))
        found = 0
        for cell in notebook["cells"]:
            source = "".join(cell["source"])
            found += source.count(old)
            cell["source"] = source.replace(old, new).splitlines(keepends=True)
        assert found, f"{old!r} is in no cell of {chapter}"
        file.write_text(json.dumps(notebook), encoding="utf-8")

    def facts(self) -> dict[str, dict]:
        return {f["id"]: f for f in self.json("facts.json")["facts"]}

    def claims(self) -> dict[str, dict]:
        return {c["id"]: c for c in self.json("claims.json")}

    def json(self, name: str):
        return json.loads((self.html / name).read_text(encoding="utf-8"))

    def run_record(self) -> dict:
        return json.loads((self.out / "run.json").read_text(encoding="utf-8"))

    def pdf(self) -> Path:
        return next(self.html.glob("russia-china-alliance-*.pdf"))


def copy_project(target: Path, root: Path = ROOT) -> Workspace:
    for part in PARTS:
        source = root / part
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=IGNORED)
        else:
            shutil.copyfile(source, target / part)
    return Workspace(target)


SMALL_CHAPTER = [
    ("markdown", "# Small\n\nTrade was {fact}`total` bn. [It rose]{.guard-rose} ({confidence}`trade`)."),
    ("parameters", 'focus_year = 2024\ndata_dir = ""'),
    (
        "code",
        "import matplotlib.pyplot as plt\n\nfrom alliance.chapter import Chapter\n\nchapter = Chapter('NAME', focus_year, data_dir)\n"
        "annual = chapter.load('trade_annual')\ntotal = chapter.value('trade_annual', 'total_usd_bn', year=2024)\n"
        "chapter.fact('total', total, 'Two-way trade, 2024')\n"
        "before = chapter.value('trade_annual', 'total_usd_bn', year=2023)\nchapter.guard('rose', total > before, 'Trade rose', total, before)\n"
        "chapter.finding('trade', 'high', ['total'])",
    ),
    (
        "code",
        "figure, axes = plt.subplots()\naxes.plot(annual['year'], annual['total_usd_bn'])\n"
        "chapter.figure('NAME', figure, data=annual, title=f'Trade {total.value:.1f}', unit='USD bn', "
        "alt=f'A line of two-way trade by year that ends at {total.value:.1f} bn in the last year of the table')",
    ),
    ("code", "chapter.finish()"),
    ("markdown", "## Numbers\n\n:::{fact-table} NAME\n:::"),
]


def small_project(target: Path, chapters: tuple[str, ...] = ("small",)) -> Workspace:
    """The real press and data with chapters of a few cells, for tests that build many times."""
    workspace = copy_project(target)
    shorten(workspace, (), "# Small book\n\nTrade: {fact}`" + chapters[0] + ".total`.\n")
    for name in chapters:
        write_chapter(workspace, name, SMALL_CHAPTER)
    write_toc(workspace, (*chapters, "sources"))
    return workspace


def shorten(workspace: Workspace, kept: tuple[str, ...], index: str) -> None:
    """Leave only some notebooks in the book; other chapters become empty pages, so that links still lead somewhere."""
    book = workspace.root / "book"
    for file in [*book.glob("*.ipynb"), *book.glob("*.md")]:
        if file.stem not in (*kept, "sources"):
            file.unlink()
    empty = [name for name in CHAPTERS if name not in kept] if kept else []
    for name in empty:
        (book / f"{name}.md").write_text(f"# {name.capitalize()}\n", encoding="utf-8")
    (book / "index.md").write_text(index, encoding="utf-8")
    sources = (book / "sources.md").read_text(encoding="utf-8")
    (book / "sources.md").write_text(re.sub(r"## Kinds of source.*?(?=## Bibliography)", "", sources, flags=re.DOTALL), encoding="utf-8")
    write_toc(workspace, (*kept, *empty, "sources"))


def write_toc(workspace: Workspace, pages: tuple[str, ...]) -> None:
    toc = "format: jb-book\nroot: index\nchapters:\n" + "".join(f"  - file: {page}\n" for page in pages)
    (workspace.root / "_toc.yml").write_text(toc, encoding="utf-8")


def write_chapter(workspace: Workspace, name: str, cells: list[tuple[str, str]]) -> None:
    written = []
    for number, (kind, source) in enumerate(cells, start=1):
        cell = {"cell_type": "markdown" if kind == "markdown" else "code", "id": f"{name}-{number:02d}", "metadata": {}}
        cell["source"] = source.replace("NAME", name).splitlines(keepends=True)
        if kind == "parameters":
            cell["metadata"]["tags"] = ["parameters"]
        if kind != "markdown":
            cell |= {"execution_count": None, "outputs": []}
        written.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": written, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (workspace.root / "book" / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def unprivileged(command: list[str]) -> list[str]:
    """The command without root's right to write where the permissions say no; everything else stays as it is."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]


def tree_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, links followed."""
    root = folder.resolve()
    return {str(f.relative_to(root)): f.read_bytes() for f in sorted(root.rglob("*")) if f.is_file()}

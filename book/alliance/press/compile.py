"""Compiling: executed chapters and pages are staged, Jupyter Book makes HTML and PDF from one reading of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from alliance.press.exports import export
from alliance.press.gather import gather
from alliance.press.mentions import check_mentions
from alliance.press.names import STAGED
from alliance.press.project import Project
from alliance.problems import BUILD_FAILED, ENVIRONMENT, FULL, AllianceError, describe_os_error


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
    book = gather(project, executed)
    stage = folder / "stage"
    stage_book(project, executed, book, stage)
    check_mentions(stage, book)
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


def stage_book(project: Project, executed: dict[str, Path], book: dict, stage: Path) -> None:
    """Lay down what Jupyter Book reads: pages, executed notebooks, figures, and what ``gather`` made."""
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
    full = next((number for number in FULL if os.strerror(number) in log), None)
    if full:
        raise AllianceError(f"Jupyter Book could not write: {describe_os_error(OSError(full, os.strerror(full)))}", ENVIRONMENT)
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
    """Put together what is published: pages, PDF, exports, downloads, executed notebooks."""
    output = folder / "sphinx" / "_build"
    html = folder / "html"
    os.replace(output / "html", html)
    for scrap in (".buildinfo", "_sources", ".doctrees"):
        path = html / scrap
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if pdf:
        os.replace(output / "paper" / "book.pdf", html / project.pdf_name)
    export(project, book, html)
    (folder / "executed").mkdir()
    for chapter, source in executed.items():
        shutil.copyfile(source / "notebook.ipynb", folder / "executed" / f"{chapter}.ipynb")
        shutil.copyfile(source / "record.json", folder / "executed" / f"{chapter}.json")
        if (source / "downloads").is_dir():
            shutil.copytree(source / "downloads", html / "downloads" / chapter)
    shutil.rmtree(folder / "sphinx")
    shutil.rmtree(folder / "stage")

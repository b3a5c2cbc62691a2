"""The one report of all problems: a table on a terminal, one line a problem elsewhere, JSON for machines."""

from __future__ import annotations

import json
import os
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import TextIO

from alliance.problems import Problem, printable, shorten

VALUE = 24  # characters of a value that the table shows
NARROW = 96  # columns below which a problem is told in lines instead
HEAD = ("line", "column", "value", "rule")


def text(problems: list[Problem], stream: TextIO) -> str:
    """The report as ``stream`` can show it: aligned and wrapped on a terminal, else a line a problem.

    Problems stand in the order of their files and lines, those that stop a build first.
    """
    if not stream.isatty():
        return "\n".join([*(f"{p.severity}: {p}" for p in problems), summary(problems)])
    width = shutil.get_terminal_size().columns
    layout = _stacked if width < NARROW else _table
    parts = []
    for file, group in groupby(sorted(problems, key=lambda p: p.file), key=lambda p: p.file):
        parts += [_bold(printable(file)), *layout(sorted(group, key=lambda p: (p.line, p.column)), width), ""]
    return "\n".join([*parts, *textwrap.wrap(summary(problems), width)])


def summary(problems: list[Problem]) -> str:
    """How much is wrong, and where to read on."""
    if not problems:
        return "The data keep every rule."
    errors = sum(p.severity == "error" for p in problems)
    counts = f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')} in {_count(len({p.file for p in problems}), 'file')}"
    return f"{counts}. `alliance check --explain RULE` says what a rule demands."


def as_json(problems: list[Problem]) -> str:
    """The problems as a JSON list, each with all its fields; what a terminal would obey is escaped."""
    plain = json.dumps([p.as_dict() for p in problems], ensure_ascii=False, indent=1)
    return re.sub(r"[^\n -~]", lambda m: m[0] if m[0].isprintable() else json.dumps(m[0])[1:-1], plain)


def _table(problems: list[Problem], width: int) -> Iterable[str]:
    rows = [(str(p.line or ""), printable(p.column), shorten(p.value, VALUE), p.rule) for p in problems]
    widths = [max(_width(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD))]
    indent = 2 + sum(widths) + 2 * len(widths)
    yield _line(HEAD, widths) + "what is wrong, and what to write"
    for problem, row in zip(problems, rows, strict=True):
        first, *more = textwrap.wrap(_told(problem), max(30, width - indent))
        yield _line(row, widths) + first
        yield from (" " * indent + line for line in more)


def _line(cells: Iterable[str], widths: list[int]) -> str:
    line, *others = cells
    padded = [line.rjust(widths[0]), *(_pad(cell, size) for cell, size in zip(others, widths[1:], strict=True))]
    return "  " + "  ".join(padded) + "  "


def _stacked(problems: list[Problem], width: int) -> Iterable[str]:
    for problem in problems:
        line = f"line {problem.line}" if problem.line else "the file"
        place = f"{line}, {printable(problem.column)}" if problem.column else line
        seen = f': "{shorten(problem.value, VALUE)}"' if problem.value else ""
        for indent, words in (("  ", f"{place}{seen} [{problem.rule}]"), ("    ", _told(problem))):
            yield from textwrap.wrap(words, max(20, width), initial_indent=indent, subsequent_indent=indent)


def _told(problem: Problem) -> str:
    start = "warning: " if problem.severity == "warning" else ""
    return printable(f"{start}{problem.message}. {problem.remedy}")


def _width(text: str) -> int:
    """Columns of a terminal that a text takes; Chinese characters take two, accents of their own none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, size: int) -> str:
    return text + " " * (size - _width(text))


def _bold(text: str) -> str:
    return text if os.environ.get("NO_COLOR") else f"\033[1m{text}\033[0m"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"

"""Checking the data: all rules on all tables, and one report of everything that is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from alliance.data import Package, Table
from alliance.problems import BAD_INPUT, AllianceError, DataError, Problem
from alliance.reader import RULES as FORM_RULES
from alliance.rules import EXCUSABLE, RULES, Rule, Tables, at

FAILED = "rule-failed"
OWN_RULES = {FAILED: "Every rule can be applied to every table. One that cannot has an error of the program in it, not of the data."}


def check(package: Package) -> list[Problem]:
    """Every problem of the data package: of form first, then of content for the tables whose form is right."""
    problems = package.problems_of_form()
    broken = {p.file for p in problems if p.severity == "error"}
    tables = {n: package.table(n) for n in package.resources if package.sheet(n).problems == [] and package.sheet(n).file not in broken}
    found = list(dict.fromkeys(problem for name, function in RULES.items() for problem in _apply(name, function, package, tables)))
    problems += _not_excused(package, found, tables)
    return sorted(problems, key=lambda p: (p.severity, p.file, p.line, p.column, p.rule))


def _apply(name: str, function: Rule, package: Package, tables: Tables) -> list[Problem]:
    """What a rule finds; where it fails on tables, that it does, and what it finds in all others."""
    try:
        return list(function(package, tables))
    except DataError as error:
        return error.problems  # of a table that the rule reads on the way, such as the book's own beneath an overlay
    except OSError:
        raise  # a disk that fails is no error of the rule
    except Exception as error:
        failed = error
    fit: Tables = {}
    found, failures = [], []
    for table in tables:
        try:
            found = list(function(package, fit | {table: tables[table]}))
            fit[table] = tables[table]
        except Exception as error:
            failures.append(_failure(name, package.sheet(table).file, error))
    return [*found, *failures] if fit else [_failure(name, package.show(package.path), failed)]


def _failure(name: str, file: str, error: Exception) -> Problem:
    own = Path(__file__).parent
    place = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(own)][-1]
    where = f"{Path(place.filename).relative_to(own)}, line {place.lineno}"
    message = f'the rule "{name}" cannot be applied here ({type(error).__name__}: {error}; {where} of the program)'
    remedy = "This is an error of the program: report it with this file, and take back the last change here until it is mended."
    return Problem(file, 0, "", "", FAILED, message, remedy)


def _not_excused(package: Package, problems: list[Problem], tables: dict) -> Iterator[Problem]:
    """The problems that no named exception covers, and the exceptions that cover none."""
    # Exceptions count even if another row of theirs is broken, so that one mistake does not look like many.
    rows = package.sheet("exceptions").rows if "exceptions" in package.resources else []
    named = {tuple(row.fields[c] for c in ("rule", "table", "key", "column")): i for i, row in enumerate(rows) if row.fields["rule"] in EXCUSABLE}
    unreadable = "exceptions" in package.resources and not rows  # what they excuse is told when they can be read again
    met = set()
    for problem in problems:
        name = (problem.rule, *(problem.cell or ()))
        if name in named:
            met.add(name)
        elif not (unreadable and problem.rule in EXCUSABLE):
            yield problem
    table = tables.get("exceptions")
    for name in sorted(named.keys() - met) if table else ():
        if _is_in_use(package, table, named[name], tables):
            message = "the value keeps the rule without it"
            yield at(table, named[name], "rule", name[0], "exception", message, "Remove the exception.", "warning")


def _is_in_use(package: Package, exceptions: Table, position: int, tables: dict[str, Table]) -> bool:
    """Whether an exception names a row that was examined; the book's own may rest while other data are in use."""
    row = exceptions.rows[position]
    excused = tables.get(row["table"])
    if excused is None or excused.find_shown(row["key"]) is None or row["column"] not in [*excused.fields, *excused.derived]:
        return False  # which the rule "exception" tells
    return package.overlay is None or not package.is_own(exceptions, position)


def require_valid(package: Package) -> list[Problem]:
    """The warnings of a valid package.

    Raises
    ------
    DataError
        If there is any error.
    """
    problems = check(package)
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        raise DataError(errors)
    return problems


def explain(rule_id: str) -> str:
    """What a rule demands.

    Raises
    ------
    AllianceError
        If there is no such rule.
    """
    described = FORM_RULES | OWN_RULES
    if rule_id in described:
        return described[rule_id]
    if rule_id in RULES:
        return " ".join((RULES[rule_id].__doc__ or "").split())
    raise AllianceError(f'There is no rule "{rule_id}". Rules: {", ".join([*described, *RULES])}.', BAD_INPUT)

"""Checking the data: all rules on all tables, and one report of everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator

from alliance.data import Package
from alliance.problems import BAD_INPUT, AllianceError, DataError, Problem
from alliance.reader import RULES as FORM_RULES
from alliance.rules import RULES, at


def check(package: Package) -> list[Problem]:
    """Every problem of the data package: of form first, then of content for the tables whose form is right."""
    problems = package.problems_of_form()
    broken = {p.file for p in problems if p.severity == "error"}
    tables = {n: package.table(n) for n in package.resources if package.sheet(n).problems == [] and package.sheet(n).file not in broken}
    found = [problem for function in RULES.values() for problem in function(package, tables)]
    problems += [*_not_excused(found, tables), *_strangers(package)]
    return sorted(problems, key=lambda p: (p.severity, p.file, p.line, p.column, p.rule))


def _not_excused(problems: list[Problem], tables: dict) -> Iterator[Problem]:
    """The problems that no named exception covers, and the exceptions that cover none."""
    table = tables.get("exceptions")
    named = {(r["rule"], r["table"], r["key"], r["column"]): i for i, r in enumerate(table.rows)} if table else {}
    met = set()
    for problem in problems:
        name = (problem.rule, *(problem.cell or ()))
        if name in named:
            met.add(name)
        else:
            yield problem
    for name in named.keys() - met:
        row = table.rows[named[name]]
        yield at(table, named[name], "rule", row["rule"], "exception", "the value keeps the rule without it", "Remove the exception.", "warning")


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
    if rule_id in FORM_RULES:
        return FORM_RULES[rule_id]
    if rule_id in RULES:
        return " ".join((RULES[rule_id].__doc__ or "").split())
    raise AllianceError(f'There is no rule "{rule_id}". Rules: {", ".join([*FORM_RULES, *RULES])}.', BAD_INPUT)


def as_json(problems: list[Problem]) -> str:
    return json.dumps([p.as_dict() for p in problems], ensure_ascii=False, indent=1)


def _strangers(package: Package) -> Iterator[Problem]:
    """Files under the data folder, or in the overlay, that no description knows."""
    described = {(package.path / r["path"]).resolve() for r in package.resources.values()}
    for file in sorted(package.path.rglob("*.csv")):
        if file.resolve() not in described:
            remedy = "Describe it in the tables.toml of its folder, or remove it."
            yield Problem(package.show(file), 0, "", "", "file-missing", "no description knows this file", remedy)
    if package.overlay is None:
        return
    if not package.overlay.is_dir():
        remedy = "Give a folder that holds the tables that changed."
        yield Problem(str(package.overlay), 0, "", "", "file-missing", "this is not a folder", remedy)
        return
    known = {f"{name}{ending}" for name in package.resources for ending in (".csv", ".append.csv")}
    for file in sorted(package.overlay.iterdir()):
        if file.name not in known and not file.name.startswith("."):
            remedy = f"Name it after a table: {', '.join(sorted(package.resources))}."
            yield Problem(package.show(file), 0, "", "", "file-missing", "no table has this name", remedy)

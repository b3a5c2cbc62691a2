"""The rules that the data must satisfy beyond the grammar: of files, tables, series, and the record that holds them together.

A rule is a function of the package and its tables that yields problems; its docstring is what ``alliance check
--explain`` prints. Rules use the standard library, and all of them run: one report for all problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alliance.data import Package, Table
from alliance.problems import Problem

Tables = dict[str, Table]
Rule = Callable[[Package, Tables], Iterator[Problem]]
RULES: dict[str, Rule] = {}
EXCUSABLE: set[str] = set()  # rules that judge a value, which may be right all the same


def rule(rule_id: str, excusable: bool = False) -> Callable[[Rule], Rule]:
    """Register a rule under the id that problems print; an exception may name it if it is ``excusable``."""

    def register(function: Rule) -> Rule:
        RULES[rule_id] = function
        if excusable:
            EXCUSABLE.add(rule_id)
        return function

    return register


def at(table: Table, position: int, column: str, value, rule_id: str, message: str, remedy: str, severity: str = "error") -> Problem:
    """A problem with one cell of a table; ``position`` counts its rows from zero."""
    file, line = table.lines[position]
    key = ";".join(table.shown_key(table.rows[position]).values())
    shown = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return Problem(file, line, column, shown, rule_id, message, remedy, severity, (table.name, key, column))


from alliance.rules import files, record, series, tables  # noqa: E402, F401  (importing them registers their rules)

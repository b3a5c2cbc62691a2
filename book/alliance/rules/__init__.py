"""The rules that the data must satisfy beyond the grammar: of tables, and of the record that holds them together.

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


def rule(rule_id: str) -> Callable[[Rule], Rule]:
    """Register a rule under the id that problems print."""

    def register(function: Rule) -> Rule:
        RULES[rule_id] = function
        return function

    return register


def at(table: Table, position: int, column: str, value, rule_id: str, message: str, remedy: str, severity: str = "error") -> Problem:
    """A problem with one cell of a table; ``position`` counts its rows from zero."""
    file, line = table.lines[position]
    key = ";".join(table.shown_key(table.rows[position]).values())
    shown = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return Problem(file, line, column, shown, rule_id, message, remedy, severity, (table.name, key, column))


from alliance.rules import record, tables  # noqa: E402, F401  (importing them registers their rules)

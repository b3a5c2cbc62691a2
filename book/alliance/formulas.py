"""The language of formulas: how derived columns and measures say what they compute.

Arithmetic (``+ - * / **``), numbers and names, with functions for what tables need. Formulas are evaluated to
quantities, so a result carries its cells; nothing here runs Python code of a data file.

In any formula: ``coalesce(a, b)`` the first that is known, ``distance(a, b)`` the absolute difference, ``min``,
``max``, ``share(part, whole)`` and ``change(new, old)`` in percent.

In a derived column: columns of the row by name, ``previous(column)`` a year before, ``within(column, other="value")``
the row that differs in that key column only.

In a measure: other measures by name, one value as ``table[key, ...].column``, and over the rows that fulfil
conditions such as ``date >= '2011'`` or ``topic in ('Syria', 'Iran')``: ``count(table, ...)``,
``total``, ``mean``, ``highest``, ``lowest``, ``earliest`` and ``latest(table.column, ...)``. Rows from memory are left out.
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable
from typing import Protocol

from alliance.quantity import Quantity, change_pct, combine, share_pct

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
COMPARISONS = {
    ast.Eq: (operator.eq, "="),
    ast.NotEq: (operator.ne, "≠"),
    ast.Lt: (operator.lt, "<"),
    ast.LtE: (operator.le, "≤"),
    ast.Gt: (operator.gt, ">"),
    ast.GtE: (operator.ge, "≥"),
    ast.In: (lambda value, words: value in words, "in"),
}
AGGREGATES: dict[str, Callable[[list], float]] = {
    "total": sum,
    "mean": lambda values: sum(values) / len(values),
    "highest": max,
    "lowest": min,
    "earliest": min,
    "latest": max,
}


class FormulaError(ValueError):
    """A formula that cannot be evaluated; the message says which part and why."""


class Scope(Protocol):
    """Where a formula finds what it names."""

    def name(self, name: str) -> Quantity:
        """The column or measure of this name."""

    def call(self, node: ast.Call) -> Quantity:
        """A function that only formulas of this kind know."""

    def item(self, table: str, key: tuple, column: str) -> Quantity:
        """One value of a table."""


@functools.lru_cache(maxsize=4096)
def parse(formula: str) -> ast.expr:
    """The syntax tree of a formula.

    Raises
    ------
    FormulaError
        If it is none.
    """
    try:
        return ast.parse(formula, mode="eval").body
    except SyntaxError as error:
        raise FormulaError(f"this is not a formula: {error.msg} at character {error.offset}") from None
    except (MemoryError, RecursionError, ValueError):
        raise FormulaError("this is not a formula that can be read") from None


def evaluate(node: ast.expr, scope: Scope) -> Quantity:
    """Evaluate a parsed formula.

    Raises
    ------
    FormulaError
        If it holds something the language does not know, or makes no number.
    """
    try:
        return _evaluate(node, scope)
    except (ArithmeticError, AttributeError, IndexError, RecursionError, TypeError) as error:
        raise FormulaError(f"the formula cannot be computed: {error}") from None


def _evaluate(node: ast.expr, scope: Scope) -> Quantity:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Quantity(float(node.value), expression=f"{node.value:g}")
    if isinstance(node, ast.Name):
        return scope.name(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _evaluate(node.operand, scope) * -1
    if isinstance(node, ast.BinOp):
        a, b = _evaluate(node.left, scope), _evaluate(node.right, scope)
        if isinstance(node.op, ast.Pow):
            return combine(lambda v: v[0] ** v[1], (a, b), f"({a.expression}) ^ ({b.expression})", a.unit)
        if type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](a, b)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Subscript):
        table, key = node.value.value, constant(node.value.slice)
        return scope.item(table.id, key if isinstance(key, tuple) else (key,), node.attr)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = FUNCTIONS.get(node.func.id)
        if function is None:
            return scope.call(node)
        return function(*[_evaluate(argument, scope) for argument in node.args])
    raise FormulaError(f"a formula cannot hold `{ast.unparse(node)}`")


def _coalesce(*options: Quantity) -> Quantity:
    return next((o for o in options if o.known), options[-1])


def _distance(a: Quantity, b: Quantity) -> Quantity:
    return combine(lambda v: abs(v[0] - v[1]), (a, b), f"|{a.expression} − {b.expression}|", a.unit)


def _extreme(function: Callable, word: str) -> Callable[..., Quantity]:
    return lambda *parts: combine(function, parts, f"{word} of: {'; '.join(p.expression for p in parts)}", parts[0].unit)


FUNCTIONS: dict[str, Callable[..., Quantity]] = {
    "coalesce": _coalesce,
    "distance": _distance,
    "min": _extreme(min, "lowest"),
    "max": _extreme(max, "highest"),
    "share": share_pct,
    "change": change_pct,
}


def constant(node: ast.expr):
    """A literal of a formula: a text, a number or several of them."""
    try:
        return ast.literal_eval(node)
    except (TypeError, ValueError, MemoryError, RecursionError):
        raise FormulaError(f"`{ast.unparse(node)}` is not a text or a number") from None


def condition(node: ast.expr, scope: Scope) -> tuple[str, Callable[[dict], bool], str]:
    """A condition on rows: the column, a test of a row, and how it reads.

    Texts are compared as far as the shorter one goes, so ``date <= '2024'`` includes all of 2024.
    """
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.left, ast.Name) and type(node.ops[0]) in COMPARISONS):
        raise FormulaError(f"`{ast.unparse(node)}` is not a condition such as year >= 2011")
    compare, sign = COMPARISONS[type(node.ops[0])]
    column, right = node.left.id, node.comparators[0]
    bound = evaluate(right, scope).value if isinstance(right, ast.Name | ast.Attribute) else constant(right)

    def holds(row: dict) -> bool:
        value = row[column]
        if value is None or bound is None:
            return False
        if isinstance(value, str) and isinstance(bound, str) and sign in "<≤>≥":
            size = min(len(value), len(bound))
            return compare(value[:size], bound[:size])
        return compare(value, bound)

    shown = " or ".join(map(str, bound)) if isinstance(bound, tuple) else bound
    return column, holds, f"{column} {sign} {shown}"


@functools.lru_cache(maxsize=4096)
def names(formula: str) -> tuple[frozenset[str], frozenset[str]]:
    """The tables that a measure reads by itself, and the other measures that it names."""
    tree = parse(formula)
    tables = {n.value.id for n in ast.walk(tree) if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)}
    tables |= {n.value.id for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)}
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    tables |= {c.args[0].id for c in calls if c.func.id == "count" and c.args and isinstance(c.args[0], ast.Name)}
    columns = {n.left.id for n in ast.walk(tree) if isinstance(n, ast.Compare) and isinstance(n.left, ast.Name)}
    functions = {c.func.id for c in calls}
    every = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return frozenset(tables), frozenset(every - tables - columns - functions)

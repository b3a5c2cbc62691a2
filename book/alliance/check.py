"""Every rule the data must satisfy beyond the grammar, and the report of what does not.

Rules run on the rows as text and as typed values, with the standard library only, and all of them run: one report for
all problems of all files.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator

from alliance.data import Package, Table
from alliance.problems import BAD_INPUT, AllianceError, Problem
from alliance.reader import RULES as FORM_RULES

Check = Callable[[Package, dict[str, Table]], Iterator[Problem]]
CHECKS: dict[str, Check] = {}


def rule(rule_id: str) -> Callable[[Check], Check]:
    """Register a rule; its docstring is what ``alliance check --explain`` prints."""

    def register(function: Check) -> Check:
        CHECKS[rule_id] = function
        return function

    return register


def check(package: Package) -> list[Problem]:
    """Every problem of the data package: of form first, then of content for the tables whose form is right."""
    problems = package.problems_of_form()
    broken = {p.file for p in problems if p.severity == "error"}
    tables = {n: package.table(n) for n in package.resources if package.sheet(n).problems == [] and package.sheet(n).file not in broken}
    for function in CHECKS.values():
        problems += function(package, tables)
    problems += _strangers(package)
    return sorted(problems, key=lambda p: (p.severity, p.file, p.line, p.column, p.rule))


def require_valid(package: Package) -> list[Problem]:
    """The warnings of a valid package.

    Raises
    ------
    DataError
        If there is any error.
    """
    from alliance.problems import DataError

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
    if rule_id in CHECKS:
        return " ".join((CHECKS[rule_id].__doc__ or "").split())
    raise AllianceError(f'There is no rule "{rule_id}". Rules: {", ".join([*FORM_RULES, *CHECKS])}.', BAD_INPUT)


def as_json(problems: list[Problem]) -> str:
    return json.dumps([p.as_dict() for p in problems], ensure_ascii=False, indent=1)


def _at(table: Table, position: int, column: str, value, rule_id: str, message: str, remedy: str, severity: str = "error") -> Problem:
    file, line = table.lines[position]
    return Problem(file, line, column, "" if value is None else str(value), rule_id, message, remedy, severity)


def _strangers(package: Package) -> Iterator[Problem]:
    """Files under the data folder, or in the overlay, that no description knows."""
    described = {(package.path / r["path"]).resolve() for r in package.resources.values()}
    for file in sorted(package.path.rglob("*.csv")):
        if file.resolve() not in described:
            remedy = "Describe it in datapackage.json, or remove it."
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


@rule("key")
def _keys(package, tables):
    """The key of a table names each row once, and no part of it is empty."""
    for table in tables.values():
        seen: dict[tuple, int] = {}
        for i, row in enumerate(table.rows):
            key = table.key_of(row)
            shown = ", ".join("" if k is None else str(k) for k in key)
            if None in key:
                column = table.key_columns[key.index(None)]
                yield _at(table, i, column, shown, "key", "a part of the key is empty", "Fill it in.")
            elif key in seen:
                file, line = table.lines[seen[key]]
                message = f"the key ({', '.join(table.key_columns)}) stands already in {file}, line {line}"
                yield _at(table, i, table.key_columns[0], shown, "key", message, "Keep one of the rows; an overlay replaces a table as a whole.")
            else:
                seen[key] = i


@rule("source")
def _sources(package, tables):
    """Every source that a row cites is described in sources.csv, and a row of evidence "read" or "supplied" cites one."""
    if "sources" not in tables:
        return
    known = set(package.sources)
    for table in tables.values():
        for i, row in enumerate(table.rows):
            for column in ("source_id", "other_source_ids", "source_ids"):
                for source in (row.get(column) or "").split(";"):
                    if source and source not in known:
                        remedy = "Add it to sources.csv, or correct the id (ids are separated by semicolons)."
                        yield _at(table, i, column, source, "source", "no such source in sources.csv", remedy)
            if "evidence" in row and row["evidence"] != "recalled" and not row["source_id"]:
                remedy = "Name the source, or mark the row as recalled."
                yield _at(table, i, "source_id", "", "source", f'a row of evidence "{row["evidence"]}" names no source', remedy)


@rule("printed-total")
def _printed_totals(package, tables):
    """Where a source printed a total and both flows, they agree to within half a percent."""
    for table in tables.values():
        if "published_total_usd_bn" not in table.measures:
            continue
        for i, row in enumerate(table.rows):
            flows, printed = (row["china_exports_usd_bn"], row["china_imports_usd_bn"]), row["published_total_usd_bn"]
            if None not in flows and printed is not None and abs(sum(flows) - printed) > 0.005 * printed:
                message = f"the flows add up to {sum(flows):.6g}, the printed total is another"
                remedy = "Correct the flow or the total that is wrong; leave the total empty where the flows make it."
                yield _at(table, i, "published_total_usd_bn", printed, "printed-total", message, remedy)


@rule("printed-rate")
def _printed_rates(package, tables):
    """A growth rate that a source printed agrees with the computed one to within 1.5 points (a warning: offices revise)."""
    for name, computed in (("trade_annual", "yoy_pct"),):
        table = tables.get(name)
        for i, row in enumerate(table.rows if table else ()):
            rate = table.quantity(row, computed)
            if rate.known and rate.evidence == "read" and row["published_yoy_pct"] is not None and abs(rate.value - row["published_yoy_pct"]) > 1.5:
                message = f"the values make {rate.value:.1f}"
                remedy = "Check this value and the one of the year before; correct the printed rate if the source revised it."
                yield _at(table, i, "published_yoy_pct", row["published_yoy_pct"], "printed-rate", message, remedy, "warning")


@rule("parts")
def _parts(package, tables):
    """The parts of a total that is stated in the same table do not exceed it by more than half a percent."""
    totals = (
        ("crude_imports", "supplier", ("mt", "mbd", "usd_bn")),
        ("crude_destinations", "destination", ("mt",)),
        ("china_gas_suppliers", "supplier", ("bcm",)),
    )
    for name, column, measures in totals:
        table = tables.get(name)
        for measure in measures if table else ():
            sums: dict[tuple, float] = defaultdict(float)
            for row in table.rows:
                if row[column] != "World":
                    sums[_rest(table, row, column)] += row[measure] or 0
            for i, row in enumerate(table.rows):
                parts = sums.get(_rest(table, row, column), 0)
                if row[column] == "World" and row[measure] is not None and parts > 1.005 * row[measure]:
                    message = f"the parts add up to {parts:.6g}, more than the total"
                    yield _at(table, i, measure, row[measure], "parts", message, "Correct the part or the total that is wrong.")


def _rest(table: Table, row: dict, column: str) -> tuple:
    return tuple(row[c] for c in table.key_columns if c != column)


@rule("year-to-date")
def _year_to_date(package, tables):
    """A sum from January never falls within the year and does not exceed the full year."""
    table, annual = tables.get("trade_monthly"), tables.get("trade_annual")
    if table is None:
        return
    rows = sorted((r["period_end"], i) for i, r in enumerate(table.rows) if r["basis"] == "ytd")
    best: dict[str, float] = {}
    for period, i in rows:
        total = table.quantity(table.rows[i], "total_usd_bn")
        if not total.known:
            continue
        year = period[:4]
        if total.value < best.get(year, 0):
            message = "the sum from January is lower than that of an earlier month"
            yield _at(table, i, "published_total_usd_bn", f"{total.value:g}", "year-to-date", message, "Correct this row or the earlier one.")
        best[year] = max(total.value, best.get(year, 0))
        full = annual.quantity(annual.find(year=int(year)), "total_usd_bn") if annual else None
        if full is not None and full.known and total.value > full.value * 1.005:
            message = f"the sum from January exceeds the full year ({full.value:g} in trade_annual)"
            yield _at(table, i, "published_total_usd_bn", f"{total.value:g}", "year-to-date", message, "Correct this row or the full year.")


NEEDS = {
    "claimed": ("within", "worded_or_meant", "forecast", "estimate"),
    "threshold": ("within", "at_least", "worded_or_meant", "estimate"),
}


@rule("claim")
def _claims(package, tables):
    """A claim decided by review stores its verdict; one decided by a rule stores none and names facts and a value."""
    table = tables.get("claims")
    for i, row in enumerate(table.rows if table else ()):
        review = row["rule"] == "review"
        if review and row["verdict"] is None:
            yield _at(table, i, "verdict", "", "claim", "a claim decided by review has no verdict", "Write the reviewer's verdict.")
        if not review and (row["verdict"] or row["at_the_time"] or row["outcome"]):
            remedy = "Leave it empty: the verdict is computed. To decide by hand, set the rule to review."
            yield _at(table, i, "verdict", row["verdict"], "claim", "a claim decided by a rule stores a verdict", remedy)
        if not review and not row["facts"]:
            yield _at(table, i, "facts", "", "claim", "a claim decided by a rule names no facts", "Name the facts of the chapter that decide it.")
        for column in ("claimed", "threshold"):
            needed = (
                row["rule"]
                in {
                    "claimed": ("within", "worded_or_meant", "forecast", "estimate"),
                    "threshold": ("within", "at_least", "worded_or_meant", "estimate"),
                }[column]
            )
            if needed and row[column] is None:
                yield _at(table, i, column, "", "claim", f'the rule "{row["rule"]}" needs this value', "Write the number.")

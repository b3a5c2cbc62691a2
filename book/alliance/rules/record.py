"""Rules of the record that holds the tables together: sources, measures, claims, disagreements, exceptions."""

from __future__ import annotations

import functools
import re

from alliance import describe, hints
from alliance.formulas import FormulaError, names
from alliance.problems import AllianceError, Problem
from alliance.reader import listed
from alliance.rules import EXCUSABLE, at, rule
from alliance.verdicts import NEEDS, REVIEW, measures_of, takes

SOURCE_COLUMNS = ("source_id", "other_source_ids", "source_ids", "used_source_id", "other_source_id")


@rule("description")
def description(package, tables):
    """datapackage.json is what the descriptions beside the tables make: `alliance describe` writes it."""
    file = package.path / describe.PACKAGE
    try:
        current = describe.text(describe.descriptor(package.path))
    except AllianceError as error:
        yield Problem(package.show(file), 0, "", "", "description", str(error), "Correct the description.")
        return
    if current != file.read_text(encoding="utf-8"):
        message = "it is not what columns.toml and the tables.toml make"
        yield Problem(package.show(file), 0, "", "", "description", message, "Run `alliance describe`.")


@rule("source")
def sources(package, tables):
    """Every source that a row cites is described in sources.csv, and a row of evidence "read" or "supplied" cites one."""
    if "sources" not in package.resources:
        return
    known = {row.fields["id"] for row in package.sheet("sources").rows}  # ids are known even if another column is broken
    for table in tables.values() if known else ():
        for i, row in enumerate(table.rows):
            for column in SOURCE_COLUMNS:
                for source in listed(row.get(column)):
                    if source not in known:
                        meant = hints.near(source, list(known))
                        remedy = "Add it to sources.csv, or correct the id (ids are separated by semicolons)."
                        remedy += f' Did you mean "{meant}"?' if meant else ""
                        yield at(table, i, column, source, "source", "no such source in sources.csv", remedy)
            if "evidence" in row and row["evidence"] != "recalled" and not row["source_id"]:
                remedy = "Name the source, or mark the row as recalled."
                yield at(table, i, "source_id", "", "source", f'a row of evidence "{row["evidence"]}" names no source', remedy)


@rule("source-unused")
def unused_sources(package, tables):
    """A source that no row, claim or disagreement cites says nothing for the book (a warning), and an address has one id."""
    table = tables.get("sources")
    if table is None or set(package.resources) - set(tables):
        return  # what a table of broken form cites is not known
    cited = {s for t in tables.values() for row in t.rows for column in SOURCE_COLUMNS for s in listed(row.get(column))}
    seen: dict[str, str] = {}
    for i, row in enumerate(table.rows):
        if row["id"] not in cited and not (package.overlay and package.is_own(table, i)):
            yield at(table, i, "id", row["id"], "source-unused", "no row cites this source", "Remove it, or cite it.", "warning")
        if row["url"] and row["url"] in seen:
            remedy = "Keep one id for one address, and write it wherever the other is cited."
            yield at(table, i, "url", row["url"], "source-unused", f'the address stands already under "{seen[row["url"]]}"', remedy)
        seen[row["url"]] = row["id"]


@rule("tier")
def tiers(package, tables):
    """The tier of a source is the one that tier_rules.csv gives it: the first rule whose word fits, else press.

    Words are looked for in the publisher's name and in brackets at the end of the title, which name an agency relayed.
    A source that only rows of evidence "supplied" cite may be "own" instead.
    """
    table, rules = tables.get("sources"), tables.get("tier_rules")
    if table is None or rules is None:
        return
    read = {s for t in tables.values() for r in t.rows if r.get("evidence") != "supplied" for c in SOURCE_COLUMNS for s in listed(r.get(c))}
    for i, row in enumerate(table.rows):
        due, because = tier_of(row["publisher"], row["title"], rules.rows)
        if row["tier"] == "own" and row["id"] not in read:
            continue
        if row["tier"] != due:
            remedy = f'Write "{due}", or add a rule for the publisher to tier_rules.csv.'
            yield at(table, i, "tier", row["tier"], "tier", f'the publisher "{row["publisher"]}" is {due} {because}', remedy)


def tier_of(publisher: str, title: str, rules: list[dict]) -> tuple[str, str]:
    """The tier of a source, and the reason in words."""
    relayed = re.search(r"\([^()]*\)$", title)
    names = f"{publisher} {relayed[0] if relayed else ''}"
    for row in rules:
        if _whole_word(row["word"]).search(names):
            return row["tier"], f'by the rule "{row["word"]}"'
    return "press", "since no rule knows it"


@functools.cache
def _whole_word(word: str) -> re.Pattern:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


@rule("measure")
def measures(package, tables):
    """Every measure can be computed from rows that were read or supplied; one that no claim uses or builds on is named (a warning)."""
    table, claims = tables.get("measures"), tables.get("claims")
    if table is None:
        return
    used = {m for row in claims.rows for m in _measures_of(row)} if claims else set()
    broken = set(package.resources) - set(tables)
    used |= {other for row in table.rows for other in _others(row["formula"])}
    for i, row in enumerate(table.rows):
        remedy = "Correct the formula, or the table it reads."
        try:
            if package.tables_of(row["id"]) & broken:
                continue  # a table whose form is wrong is reported as that
            quantity = package.measure(row["id"])
        except (FormulaError, KeyError, ValueError, AllianceError) as error:
            yield at(table, i, "formula", row["formula"], "measure", str(error).strip("'\""), remedy)
            continue
        if not quantity.known and not quantity.inputs:
            message = "the data hold no value for it; claims that need it become not checkable"
            yield at(table, i, "formula", row["formula"], "measure", message, remedy, "warning")
        elif quantity.evidence == "recalled":
            remedy = "Find a source that was read, or drop the measure."
            yield at(table, i, "formula", row["formula"], "measure", "it rests on a recalled row", remedy)
        if row["id"] not in used:
            yield at(table, i, "id", row["id"], "measure", "no claim uses it", "Remove it, or use it.", "warning")


def _others(formula: str) -> frozenset[str]:
    try:
        return names(formula)[1]
    except FormulaError:
        return frozenset()


def _measures_of(row: dict) -> set[str]:
    alternatives = {part for pair in listed(row["alternatives"]) for part in pair.split("=")}
    return {*measures_of(row), *alternatives}


@rule("claim")
def claims(package, tables):
    """A claim decided by review stores its verdict; one decided by a rule stores none and names measures of its chapter."""
    table = tables.get("claims")
    # Names can be looked up even if other columns of these tables are broken; if no row can be read, nothing is told of them.
    known = {row.fields["id"]: row.fields["chapter"] for row in package.sheet("measures").rows}
    bullets = {row.fields["id"] for row in package.sheet("account").rows}
    for i, row in enumerate(table.rows if table else ()):
        review = row["rule"] == REVIEW
        if review and row["verdict"] is None:
            yield at(table, i, "verdict", "", "claim", "a claim decided by review has no verdict", "Write the reviewer's verdict.")
        if not review and (row["verdict"] or row["at_the_time"] or row["outcome"]):
            remedy = "Leave it empty: the verdict is computed. To decide by hand, set the rule to review."
            yield at(table, i, "verdict", row["verdict"], "claim", "a claim decided by a rule stores a verdict", remedy)
        if not review and not row["measures"]:
            yield at(table, i, "measures", "", "claim", "a claim decided by a rule names no measures", "Name the measures that decide it.")
        if bullets and row["bullet"] not in bullets:
            yield at(table, i, "bullet", row["bullet"], "claim", "no such sentence in account.csv", "Write its id, or add the sentence.")
        for name in sorted(_measures_of(row)) if known else ():
            if known.get(name) != row["chapter"]:
                message = f"there is no measure of chapter {row['chapter']} with this name"
                yield at(table, i, "measures", name, "claim", message, "Define it in measures.csv, or correct the name.")
        for column in ("claimed", "threshold"):
            if row["rule"] in NEEDS[column] and row[column] is None:
                yield at(table, i, column, "", "claim", f'the rule "{row["rule"]}" needs this value', "Write the number.")
        if not review and not takes(row["rule"], len(listed(row["measures"]))):
            message = f'the rule "{row["rule"]}" does not take {len(listed(row["measures"]))} measures'
            yield at(table, i, "measures", row["measures"], "claim", message, "Name the measures that it compares, in order.")


@rule("account")
def account(package, tables):
    """Every sentence of the account has its claims or a reason why it makes none, and never both."""
    table, claims = tables.get("account"), tables.get("claims")
    if table is None or claims is None:
        return
    judged = {row["bullet"] for row in claims.rows}
    for i, row in enumerate(table.rows):
        if row["id"] not in judged and not row["no_claim"]:
            remedy = "Add its claims to claims.csv, or say here why it makes none."
            yield at(table, i, "no_claim", "", "account", "the sentence has neither a claim nor a reason", remedy)
        if row["id"] in judged and row["no_claim"]:
            yield at(table, i, "no_claim", row["no_claim"], "account", "the sentence has claims, and a reason why it has none", "Keep one.")


@rule("disagreement")
def disagreements(package, tables):
    """A disagreement names a cell that exists and what another source says of it: two numbers, or two dates or words.

    It repeats the value and the source of the cell; where the cell has moved on, that only warns.
    """
    table = tables.get("disagreements")
    for i, row in enumerate(table.rows if table else ()):
        lacking = _lacking(row)
        for column in lacking:
            remedy = "Fill in used_value and other_value where both are numbers, used_text and other_text where they are dates or words."
            yield at(table, i, column, "", "disagreement", "the two sides of the disagreement are not both given", remedy)
        other = tables.get(row["table"])
        if other is None and row["table"] in package.resources:
            continue  # a table whose form is wrong is reported as that
        found = other.find_shown(row["key"]) if other else None
        if other and found is None and package.replaces(other.name):
            continue  # the user's table may be shorter than the book's
        if other is None or found is None or row["column"] not in [*other.fields, *other.derived]:
            message = f"there is no cell {row['table']}, {row['key']}, {row['column']}"
            yield at(table, i, "key", row["key"], "disagreement", message, "Write the key's parts separated by semicolons.")
            continue
        value = other.quantity(found, row["column"]).value if row["column"] in other.measures else found[row["column"]]
        stated = row["used_text"] if isinstance(value, str) else row["used_value"]
        close = isinstance(value, float) and stated is not None and abs(stated - value) <= 1e-3 * abs(value)
        column = "used_text" if isinstance(value, str) else "used_value"
        if stated != value and not close and column not in lacking:
            message = "the cell is empty" if value is None else f"the cell holds {value}"
            yield at(table, i, column, stated, "disagreement", message, "Repeat the value of the cell, or drop the row.", "warning")
        sources = listed(found.get("source_id")) + listed(found.get("other_source_ids"))
        if row["used_source_id"] not in sources:
            message = "the row of the cell does not cite it"
            yield at(table, i, "used_source_id", row["used_source_id"], "disagreement", message, "Write the row's source.", "warning")


def _lacking(row: dict) -> list[str]:
    """The fields that a disagreement must fill and does not: a number needs a number on the other side, words need words."""
    kinds = [kind for kind in ("value", "text") if row[f"used_{kind}"] is not None or row[f"other_{kind}"] is not None]
    return [f"{side}_{kind}" for kind in kinds or ["value"] for side in ("used", "other") if row[f"{side}_{kind}"] is None]


@rule("exception")
def exceptions(package, tables):
    """A named exception is for an existing cell and for a rule that judges values; one that excuses nothing any more is named (a warning).

    A folder of your own may hold an exceptions.csv; its exceptions are added to the book's own. The rules of form, and
    those of names, keys, sources and formulas, know no exception.
    """
    table = tables.get("exceptions")
    for i, row in enumerate(table.rows if table else ()):
        other = tables.get(row["table"])
        if other is None and row["table"] in package.resources:
            continue  # a table whose form is wrong is reported as that
        if package.overlay is not None and package.is_own(table, i):
            continue  # the row that it excuses may be gone from the tables in use
        if row["rule"] not in EXCUSABLE:
            remedy = f"Rules that know exceptions: {', '.join(sorted(EXCUSABLE))}."
            yield at(table, i, "rule", row["rule"], "exception", "there is no such rule, or it knows no exceptions", remedy)
        elif other is None or other.find_shown(row["key"]) is None:
            yield at(table, i, "key", row["key"], "exception", "there is no such table or row", "Correct or remove it.")
        elif row["column"] not in [*other.fields, *other.derived]:
            yield at(table, i, "column", row["column"], "exception", "the table has no such column", "Correct or remove it.")

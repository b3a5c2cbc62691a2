"""Bad input, one kind at a time, two at a time and at random: it is refused where it stands, with what to write instead."""

from __future__ import annotations

import csv
import functools
import io
import json
import os
import pty
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from alliance import check, report
from alliance.data import DATA, Package
from alliance.problems import AllianceError, Problem
from alliance.reader import MAX_BYTES, read_sheet
from alliance.rules import EXCUSABLE, RULES
from alliance.verdicts import VERDICTS, judge
from alliance.words import measured
from hypothesis import given, settings
from hypothesis import strategies as st
from workspace import Workspace, small_project, tree_bytes

BOOK = Package()


@functools.cache
def text_of(table: str) -> str:
    return (DATA / BOOK.resources[table]["path"]).read_text(encoding="utf-8")


class Damaged(Package):
    """The book's data with some tables in other bytes; the rest is shared, so that a check is quick."""

    def __init__(self, damage: dict[str, bytes]):
        super().__init__()
        self.damage = damage

    def sheet(self, name):
        if name not in self.damage:
            return BOOK.sheet(name)
        if name not in self._sheets:
            file = self.show(self.path / self.resources[name]["path"])
            self._sheets[name] = read_sheet(file, self.damage[name], self.resources[name]["schema"]["fields"])
            for row in self._sheets[name].rows:
                row.fields[""] = file
        return self._sheets[name]

    def table(self, name):
        return super().table(name) if name in self.damage else BOOK.table(name)


# How a table is damaged: each function takes its text and gives the bytes of the damaged file and the line to name.

Damage = Callable[[str], tuple[bytes, int]]


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def line_of(row: list[str], raw: dict[int, str]) -> str:
    """A row as CSV, with some of its fields exactly as given."""
    quoted = (f'"{f.replace(chr(34), chr(34) * 2)}"' if re.search('[,"\n]', f) else f for f in row)
    return ",".join(raw.get(i, f) for i, f in enumerate(quoted))


def cell(key: str, column: str, raw: str) -> Damage:
    """Write ``raw`` in place of one field of the row whose first fields are ``key``."""

    def damage(text):
        lines, rows = text.splitlines(), rows_of(text)
        at = next(i for i, row in enumerate(rows) if ";".join(row).startswith(f"{key};"))
        lines[at] = line_of(rows[at], {rows[0].index(column): raw})
        return ("\n".join(lines) + "\n").encode(), at + 1

    return damage


def replaced(old: str, new: str) -> Damage:
    def damage(text):
        assert old in text
        return text.replace(old, new, 1).encode(), text[: text.index(old)].count("\n") + 1

    return damage


def file(change: Callable[[str], bytes], line: int = 0) -> Damage:
    return lambda text: (change(text), line)


def without(key: str) -> Damage:
    """Take the row away; the row that now stands in its line is named."""

    def damage(text):
        lines = text.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{key},"))
        return ("\n".join(lines[:at] + lines[at + 1 :]) + "\n").encode(), at + 1

    return damage


def appended(*lines: str) -> Damage:
    """Add rows; the last of them is the bad one."""
    return lambda text: ((text + "\n".join(lines) + "\n").encode(), text.count("\n") + len(lines))


@dataclass(frozen=True)
class Case:
    name: str
    table: str
    damage: Damage
    rule: str
    column: str
    words: str
    value: str | None = None

    def __str__(self) -> str:
        return self.name


def number(name: str, raw: str, words: str, value: str | None = None) -> Case:
    return Case(name, "trade_annual", cell("2023", "china_exports_usd_bn", raw), "number", "china_exports_usd_bn", words, value)


def year(name: str, raw: str, rule: str, words: str) -> Case:
    return Case(name, "trade_annual", cell("2023", "year", raw), rule, "year", words, raw)


def day(name: str, raw: str, words: str) -> Case:
    return Case(name, "gas_projects", cell("Power of Siberia;;38;38;first gas", "status_date", raw), "date", "status_date", words)


def month(name: str, raw: str, words: str) -> Case:
    return Case(name, "trade_monthly", cell("2021-06;ytd", "period_end", raw), "date", "period_end", words, raw)


def note(name: str, raw: str, words: str) -> Case:
    return Case(name, "trade_annual", cell("2022", "note", raw), "characters", "note", words)


def source(name: str, raw: str, words: str) -> Case:
    return Case(name, "sources", cell("24kg-2025-01-24", "url", raw), "address", "url", words, raw)


def country(name: str, raw: str, words: str) -> Case:
    return Case(name, "crude_imports", cell("2024;Russia", "supplier", raw), "country", "supplier", words, raw)


def whole(name: str, change: Callable[[str], bytes], rule: str, words: str, line: int = 0, column: str = "") -> Case:
    return Case(name, "gas_trade", file(change, line), rule, column, words)


HEADER = text_of("trade_annual").splitlines()[0]
SHARES = "2023-03;Russian exports, all partners;Bank of Russia"
CASES = [
    number("decimal comma, quoted", '"110,97"', "The decimal sign is a point; write 110.97", "110,97"),
    Case("decimal comma, not quoted", "trade_annual", cell("2020", "china_exports_usd_bn", "50,58"), "fields", "china_exports_usd_bn", "write 50.58"),
    number("thousands separator, quoted", '"1,110.97"', "write 1110.97"),
    Case(
        "thousands separator, not quoted",
        "trade_annual",
        cell("2023", "china_exports_usd_bn", "1,110.97"),
        "fields",
        "china_exports_usd_bn",
        "write 1110.97",
    ),
    number("thousands and decimals the German way", '"1.110,97"', "write 1110.97"),
    number("a comma that may be either", '"1,110"', "write 1110, or 1.110 if the comma is a decimal sign"),
    number("thousands by points", "1.110.970", "write 1110970"),
    number("thousands by spaces", "1 110.97", "write 1110.97"),
    number("thousands by narrow spaces and a decimal comma", '"1\u202f110,97"', "write 1110.97"),
    number("thousands by apostrophes", "1’110.97", "write 1110.97"),
    number("thousands by underscores", "1_110", "write 1110"),
    whole("semicolons", lambda t: t.replace(",", ";").encode(), "file-delimiter", "Separate fields with commas", 1),
    whole("tabs", lambda t: t.replace(",", "\t").encode(), "file-delimiter", "Separate fields with commas", 1),
    Case(
        "semicolons in a row",
        "trade_annual",
        replaced("2023,110.97,129.14,,26.3,GACC,teller-2024-01-12,,,read,", "2023;110.97;129.14;;26.3;GACC;teller-2024-01-12;;;read;"),
        "fields",
        "",
        "separated by semicolons",
    ),
    whole("UTF-16", lambda t: t.encode("utf-16"), "file-encoding", "UTF-16"),
    whole("UTF-16 without its mark", lambda t: t.encode("utf-16-be"), "file-encoding", "UTF-16"),
    whole(
        "cp1251",
        lambda t: t.replace(",read,", ",read,Сила Сибири", 1).encode("cp1251", "ignore"),
        "file-encoding",
        "reads as cp1251; save it as UTF-8",
        2,
    ),
    whole(
        "GB18030", lambda t: t.replace(",read,", ",read,西伯利亚力量", 1).encode("gb18030"), "file-encoding", "reads as gb18030; save it as UTF-8", 2
    ),
    whole(
        "cp1252", lambda t: t.replace(",read,", ",read,Müller und Söhne", 1).encode("cp1252"), "file-encoding", "reads as cp1252; save it as UTF-8", 2
    ),
    whole("an encoding that was lost", lambda t: t.replace(",read,", ",read,M\ufffdller", 1).encode(), "characters", "Remove it", 2, "note"),
    whole("empty", lambda t: b"", "file-empty", "write the header and the rows"),
    whole("blank lines only", lambda t: b"\xef\xbb\xbf\r\n \r\n", "file-empty", "write the header and the rows"),
    whole("header only", lambda t: t.splitlines(keepends=True)[0].encode(), "file-empty", "Add the rows", 1),
    whole("rows only", lambda t: t.split("\n", 1)[1].encode(), "header", "Write the names of the columns above the rows", 1),
    Case(
        "a field too many",
        "trade_annual",
        replaced("2023,110.97,129.14,,26.3,GACC,", "2023,110.97,129.14,,26.3,GACC,GACC,"),
        "fields",
        "note",
        "remove the comma",
    ),
    Case(
        "a field too few",
        "trade_annual",
        replaced("2020,50.58,57.18,,-2.9,GACC,urdu-2021-01-14,,,read,", "2020,50.58,57.18,,-2.9,GACC,urdu-2021-01-14,,,read"),
        "fields",
        "evidence",
        "missing commas",
    ),
    Case("blank line", "trade_annual", replaced("2023,110", "\n2023,110"), "fields", "", "Remove it"),
    Case("unclosed quote", "trade_annual", cell("2020", "note", '"open'), "quotes", "note", "Close the quote"),
    Case("quote in the middle", "trade_annual", cell("2020", "note", '"a"b'), "quotes", "", "Close the quote"),
    note("NUL", "a\0b", "U+0000"),
    number("NUL in a number", "110.97\0", "write 110.97"),
    note("control character", "a\x07b", "U+0007"),
    note("escape sequence", "\x1b[31mred", "U+001B"),
    Case("carriage return", "trade_annual", cell("2022", "note", "a\rb"), "characters", "", "ends with LF"),
    Case("duplicate header", "trade_annual", replaced("year,china_exports_usd_bn", "year,year"), "header", "year", "Keep one"),
    Case(
        "look-alike letter in the header",
        "trade_annual",
        replaced("evidence", "evid\u0435nce"),
        "header",
        "evid\u0435nce",
        'cyrillic small letter ie. Write "evidence"',
    ),
    Case("capital in the header", "trade_annual", replaced("year,", "Year,"), "header", "Year", 'Write "year"'),
    Case(
        "missing column",
        "trade_annual",
        file(lambda t: "\n".join(line.split(",", 1)[1] for line in t.splitlines()).encode(), 1),
        "header",
        "year",
        "Add it",
    ),
    Case("unknown column", "trade_annual", file(lambda t: re.sub("(?m)$", ",x", t.strip()).encode(), 1), "header", "x", "Remove it, or describe it"),
    Case("duplicate key", "trade_annual", lambda t: cell("2023", "year", "2022")(t), "key", "year", "Keep one of the rows", "2022"),
    Case("missing year", "trade_annual", without("2015"), "gap", "year", "lacks 2015, before this row. Add a row", "2016"),
    year("blank key", "", "required", "Fill it in"),
    year("year of five digits", "20233", "year", "four ASCII digits"),
    year("year out of range", "1023", "year", "between 1900 and 2100"),
    year("year as a day's number", "45000", "year", "spreadsheet's number of a day; write 2023"),
    year("year as a day", "2023-01-01", "year", "four ASCII digits: 2023"),
    year("year with decimals", "2023.0", "year", "four ASCII digits: 2023"),
    year("year of two digits", "23", "year", "as in 2023"),
    year("full-width year", "２０２３", "year", "four ASCII digits: 2023"),
    Case(
        "future date as actual",
        "gas_projects",
        cell("Power of Siberia;;38;38;first gas", "status_date", "2035-12"),
        "dates",
        "status_date",
        "after the newest information",
        "2035-12",
    ),
    Case(
        "supplied before it could be known",
        "trade_annual",
        appended("2026,100,120,,,me,bne-2025-01-13,,,supplied,", "2027,100,120,,,me,bne-2025-01-13,,,supplied,"),
        "dates",
        "year",
        "looked up",
    ),
    Case(
        "thousandfold",
        "trade_annual",
        cell("2023", "china_exports_usd_bn", "110970"),
        "jump",
        "china_exports_usd_bn",
        "factor of a thousand: 110.97 USD bn",
        "110970",
    ),
    Case(
        "thousandth",
        "trade_annual",
        cell("2023", "china_exports_usd_bn", "0.11097"),
        "jump",
        "china_exports_usd_bn",
        "factor of a thousand: 110.97 USD bn",
    ),
    Case(
        "thousandfold without a year before",
        "settlement_currency",
        cell(SHARES, "yuan_pct", "0.18"),
        "unit",
        "yuan_pct",
        "A share is written in percent: probably 18",
        "0.18",
    ),
    Case("thousandfold in a part of a year", "crude_monthly", cell("2015-04;Russia", "mt", "3153.3"), "unit", "mt", "factor of a thousand"),
    Case(
        "negative volume", "crude_imports", cell("2024;Russia", "mt", "-108.47"), "range", "mt", "write 108.47 if only the sign is wrong", "-108.47"
    ),
    Case("share over 100", "settlement_currency", cell(SHARES, "yuan_pct", "180"), "range", "yuan_pct", "between 0 and 100 percent", "180"),
    Case("parts over their total", "crude_imports", cell("2024;World", "mt", "253.4"), "parts", "mt", "Correct the part or the total", "253.4"),
    Case(
        "printed total",
        "trade_annual",
        cell("2007", "published_total_usd_bn", "84.2"),
        "printed",
        "published_total_usd_bn",
        "Correct the printed value",
    ),
    *(
        number(f"missing as {word}", word, "empty field")
        for word in ("NaN", "nan", "N/A", "n/a", "#N/A", "NULL", "None", "..", "...", "-", "—", "?", "inf", "-Infinity")
    ),
    number("error of a spreadsheet", "#DIV/0!", "error of a spreadsheet's formula"),
    number("Unicode minus", "\u2212110.97", "ASCII hyphen, before the number; write -110.97"),
    number("no-break space", "110.97\u00a0", "write 110.97"),
    number("percent sign", "110.97 %", "unit belongs to the column (USD bn); write 110.97"),
    number("currency", "$110.97", "unit belongs to the column (USD bn); write 110.97"),
    number("unit", "110.97 bn", "unit belongs to the column (USD bn); write 110.97"),
    number("brackets for a negative", "(110.97)", "write -110.97"),
    number("footnote", "110.97*", "A footnote belongs in the note; write 110.97"),
    number("qualifier", "~110.97", "A qualifier belongs in the note; write 110.97"),
    number("full-width digits", "１１０．９７", "write 110.97"),
    number("Arabic digits", "١١٠٫٩٧", "write 110.97"),
    number("power of ten", "1.1e2", "write 110"),
    number("plus", "+110.97", "write 110.97"),
    number("two faults", '"−110,97 %"', "write -110.97"),
    number("more digits than a number holds", "110.970000000000001", "Round it"),
    number("a third", "0." + "3" * 400, "Round it"),
    number("zeros without end", "1" + "0" * 400, "Write it in the unit of the column (USD bn), without zeros"),
    Case(
        "zeros before a count",
        "un_ga_constant_agenda",
        cell("2014", "titles_both_years_n", "0" * 5000 + "70"),
        "number",
        "titles_both_years_n",
        "more than 30 characters",
    ),
    number("date in place of a number", "11-Oct", "made a date of the number"),
    number("TRUE in a number column", "TRUE", "not TRUE or FALSE"),
    number("formula in a number column", "=A1+B1", "Write the value that the formula gives"),
    number("words in a number column", "about 110", "put words into the note"),
    day("Excel date", "31.12.2019", "YYYY-MM-DD: 2019-12-31"),
    day("date with an unclear order", "10/11/2019", "2019-10-11 or 2019-11-10, whichever is meant"),
    day("Excel serial", "43800", "number of a day. Write YYYY, YYYY-MM or YYYY-MM-DD: 2019-12-01"),
    day("date with a time", "2019-12-02 00:00:00", "2019-12-02"),
    day("month in words", "Dec-19", "2019-12"),
    day("date that does not exist", "2019-02-29", "YYYY-MM"),
    day("year before history", "0019-12", "as in 2024-10-31"),
    month("year where a month is wanted", "2021", "form YYYY-MM. Say it more exactly, as in 2024-10"),
    Case(
        "month where a year is wanted",
        "arms_transfers_5y",
        cell("1992;1996", "period_end", "1996-12"),
        "date",
        "period_end",
        "form YYYY. Write 1996.",
        "1996-12",
    ),
    month("day where a month is wanted", "2021-06-28", "form YYYY-MM. Write 2021-06."),
    country("country under its official name", "Russian Federation", 'Did you mean "Russia"'),
    country("country by its code", "RUS", 'Did you mean "Russia"'),
    country("country in Russian", "Россия", 'Did you mean "Russia"'),
    country("country in Chinese", "俄罗斯", 'Did you mean "Russia"'),
    country("country misspelled", "Rusia", 'Did you mean "Russia"'),
    Case(
        "look-alike letter in a country",
        "crude_imports",
        cell("2024;Russia", "supplier", "Russi\u0430"),
        "characters",
        "supplier",
        "joins letters of two scripts; it holds U+0430",
    ),
    source("javascript: address", "javascript:alert(1)", "begins with javascript: cannot be followed safely"),
    source("file: address", "file:///etc/passwd", "begins with file: cannot be followed safely"),
    source("data: address", "data:text/html;base64;x", "begins with data: cannot be followed safely"),
    source("address with a password", "https://me:secret@example.org/", "Leave the user name"),
    source("address of this machine", "http://127.0.0.1:8000/", "Write the whole address"),
    source("address without its scheme", "www.24.kg/english/1", "Write https://www.24.kg/english/1"),
    Case(
        "unknown source",
        "trade_annual",
        cell("2023", "source_id", "teller-2024-01-21"),
        "source",
        "source_id",
        'Did you mean "teller-2024-01-12"',
        "teller-2024-01-21",
    ),
    Case("no source", "trade_annual", cell("2023", "source_id", ""), "source", "source_id", "Name the source"),
    note("right-to-left override", "a\u202eb", "U+202E"),
    note("zero-width space", "a\u200bb", "U+200B"),
    note("soft hyphen", "a\u00adb", "U+00AD"),
    note("tag characters", "a\U000e0041b", "U+E0041"),
    note("no-break space in text", "a\u00a0b", 'Write a plain space: "a b"'),
    note("accent apart from its letter", "Tu\u0308rkiye", "composed"),
    note("space at the end", "a ", 'Write "a"'),
    Case("word that is not of the vocabulary", "trade_annual", cell("2023", "evidence", "raed"), "enum", "evidence", 'Did you mean "read"'),
    whole("over 50 MB", lambda t: t.encode() + b" " * MAX_BYTES, "file-size", "Keep only the rows"),
    whole("xlsx", lambda t: b"PK\x03\x04\x14\x00\x06\x00", "file-encoding", "a spreadsheet (xlsx"),
    whole("xls", lambda t: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file-encoding", "a spreadsheet of the old format"),
    whole("parquet", lambda t: b"PAR1\x15\x04\x15", "file-encoding", "a Parquet file"),
    whole("pickle", lambda t: b"\x80\x04\x95\x10", "file-encoding", "a Python pickle"),
    whole("pickle of the old format", lambda t: b"cos\nsystem\n(S'true'\ntR.", "file-encoding", "a Python pickle"),
    whole("web page", lambda t: b"<!DOCTYPE html><html>", "file-encoding", "a web page"),
    whole("JSON", lambda t: b'[{"year": 2024}]', "file-encoding", "a JSON file"),
    Case(
        "formula of a measure that is none",
        "measures",
        cell("trade_2023", "formula", "trade_annual[2023"),
        "measure",
        "formula",
        "Correct the formula",
    ),
    Case("formula that no machine can finish", "measures", cell("trade_2023", "formula", "9**9**9**9"), "measure", "formula", "cannot be computed"),
    Case(
        "formula with Python in it",
        "measures",
        cell("trade_2023", "formula", "__import__('os').system('true')"),
        "measure",
        "formula",
        "Correct the formula",
    ),
    Case(
        "claim with measures too few",
        "claims",
        replaced("goods_2023;goods_2024,goods_2023=goods_2022", "goods_2023,"),
        "claim",
        "measures",
        "does not take 1 measures",
    ),
]


def found(package: Package) -> list[Problem]:
    return check.check(package)


def names(problem: Problem, case: Case, line: int) -> bool:
    """Whether the problem is the one that the case expects, in its place and with its hint."""
    place = (problem.file, problem.line, problem.column, problem.rule)
    expected = (f"data/{BOOK.resources[case.table]['path']}", line, case.column, case.rule)
    return place == expected and case.words in f"{problem.message}. {problem.remedy}" and case.value in (None, problem.value)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_kind_is_refused_where_it_stands_with_what_to_write(case):
    content, line = case.damage(text_of(case.table))
    problems = found(Damaged({case.table: content}))
    assert [p for p in problems if names(p, case, line) and p.severity == "error"], "\n".join(map(str, problems))


def test_names_of_cases_are_their_own():
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.rule for case in CASES} <= {*check.FORM_RULES, *RULES}


# two at a time


@given(st.lists(st.sampled_from(CASES), min_size=2, max_size=2, unique_by=lambda c: c.name))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_two_kinds_at_once_are_both_refused(pair):
    damage = {}
    for case in pair:
        damage.setdefault(case.table, case.damage(text_of(case.table)))
    problems = found(Damaged({table: content for table, (content, _) in damage.items()}))
    for case in pair if len(damage) == 2 else pair[:1]:  # of two whole files for one table there can be but one
        assert [p for p in problems if names(p, case, damage[case.table][1])], f"{case}\n" + "\n".join(map(str, problems))


CELLS = [case for case in CASES if case.rule == "number"]


@given(st.sampled_from(CELLS), st.sampled_from(["2019", "2020", "2022", "2024"]), st.sampled_from(CELLS))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_two_kinds_in_one_table_are_both_refused(first, other_year, second):
    raw = line_at(second, "2023")[len("2023,") :].rsplit(",129.14", 1)[0]
    once = first.damage(text_of("trade_annual"))[0].decode()
    content, line = cell(other_year, "china_exports_usd_bn", raw)(once)
    problems = read_sheet("t.csv", content, BOOK.resources["trade_annual"]["schema"]["fields"]).problems
    places = {(p.line, p.rule) for p in problems}
    assert {(first.damage(text_of("trade_annual"))[1], first.rule), (line, second.rule)} <= places


def line_at(case: Case, key: str) -> str:
    """The damaged line whose first field is ``key``."""
    content, line = case.damage(text_of(case.table))
    damaged = content.decode().splitlines()[line - 1]
    assert damaged.startswith(f"{key},")
    return damaged


NAMED_BY_OTHERS = [name for name, r in BOOK.resources.items() if "/" not in r["path"]] + [
    "crude_imports",
    "trade_annual",
    "gas_trade",
    "trade_monthly",
]


@pytest.mark.parametrize("table", NAMED_BY_OTHERS)
def test_one_mistake_does_not_look_like_many(table):
    """A file in another encoding, and a row that lacks a field, are told once, whatever else names the table."""
    for content in (text_of(table).encode("utf-16"), (text_of(table) + "x\n").encode()):
        errors = [p for p in found(Damaged({table: content})) if p.severity == "error"]
        assert len(errors) == 1, "\n".join(map(str, errors))


# at random

JUNK = [
    "",
    "0",
    "-1",
    "1e9",
    "NaN",
    "..",
    "1,5",
    '"1,5"',
    '"',
    "\0",
    "\r",
    "\ufeff",
    "２",
    "\u2212",
    "9" * 400,
    "0" * 5000,
    "TRUE",
    "=1+1",
    "<b>",
    "x",
    " ",
    "\u202e",
]
JUNK += ["2024-13-45", "{", "}", "\\", ";", "'", "__import__('os')", "(" * 400, "1970", "2100", "Russia", "\U0001f600"]
ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "cp1251", "cp1252", "gb18030", "utf-7", "utf-8-sig", "utf-8"]


@st.composite
def damages(draw) -> tuple[str, bytes]:
    """A table of the book and its bytes after random damage to cells, rows, columns, bytes or encoding."""
    table = draw(st.sampled_from(sorted(BOOK.resources)))
    text = text_of(table)
    lines, rows = text.splitlines(), rows_of(text)
    kind = draw(
        st.sampled_from(["cell", "cell", "cell", "cells", "drop row", "double row", "swap columns", "drop column", "bytes", "cut", "encoding"])
    )
    at = draw(st.integers(0, len(rows) - 1))
    column = draw(st.integers(0, len(rows[0]) - 1))
    if kind in ("cell", "cells"):
        junk = st.sampled_from(JUNK) | st.text(max_size=4) | st.floats().map(repr) | st.integers(-3000, 3000).map(str)
        for _ in range(1 if kind == "cell" else 4):
            lines[at] = line_of(rows[at], {column: draw(junk)})
            at, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, len(rows[0]) - 1))
    elif kind == "drop row":
        del lines[at]
    elif kind == "double row":
        lines.insert(at, lines[at])
    elif kind in ("swap columns", "drop column"):
        other = draw(st.integers(0, len(rows[0]) - 1))
        for row in rows[draw(st.integers(0, 1)) :]:
            row[column], row[other] = row[other], row[column]
            if kind == "drop column":
                del row[column]
        lines = [line_of(row, {}) for row in rows]
    text = "\n".join(lines) + "\n"
    content = text.encode(draw(st.sampled_from(ENCODINGS)) if kind == "encoding" else "utf-8", "replace" if kind == "encoding" else "surrogatepass")
    if kind == "bytes":
        place = draw(st.integers(0, len(content)))
        content = content[:place] + draw(st.binary(max_size=4)) + content[place + draw(st.integers(0, 4)) :]
    return table, content[: draw(st.integers(0, len(content)))] if kind == "cut" else content


def plain_values(content: bytes) -> list[dict[str, str]]:
    """The rows as any reader of CSV sees them."""
    text = content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text.replace("\r", "\n") if "\n" not in text else text, newline="")))


def is_honest(package: Package, table: str, content: bytes) -> None:
    """Every value of a table that was not refused is exactly what stands in its file, in the grammar of the book."""
    fields = BOOK.resources[table]["schema"]["fields"]
    loaded, plain = package.table(table).rows, plain_values(content)
    assert len(loaded) == len(plain)
    for row, seen in zip(loaded, plain, strict=True):
        assert set(seen) == set(row)
        for field in fields:
            value, text = row[field["name"]], seen[field["name"]]
            assert (value is None) == (text == "")
            if value is not None and field["type"] in ("number", "integer", "year"):
                assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
                assert value == float(text)
            elif value is not None:
                assert value == text


@given(damages())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_random_damage_to_any_table_is_refused_or_read_as_it_stands(damaged):
    table, content = damaged
    package = Damaged({table: content})
    if package.sheet(table).problems == []:
        is_honest(package, table, content)


def failures(problems: list[Problem]) -> list[str]:
    """Rules that met what they cannot deal with; also tries to print all problems."""
    report.as_json(problems)
    return [str(p) for p in problems if p.rule == check.FAILED]


@given(st.lists(damages(), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_random_damage_never_ends_in_a_traceback(damaged):
    damage = dict(damaged)
    package = Damaged(damage)
    problems = found(package)
    assert failures(problems) == []
    for table, content in damage.items():
        if package.sheet(table).problems == []:
            is_honest(package, table, content)
    if not any(p.severity == "error" for p in problems):
        for row in package.table("claims").rows:
            judge(row, package)


# well formed, and wrong

NUMBERS, DATES = ("number", "integer"), ("date",)
MISTAKES = {  # the kinds of column that a mistake is made in, and what becomes of a field, given those of its column
    "zero": (NUMBERS, lambda old, others, chance: "0"),
    "another sign": (NUMBERS, lambda old, others, chance: old[1:] if old.startswith("-") else f"-{old or 1}"),
    "another unit": (NUMBERS, lambda old, others, chance: f"{Decimal(old or 1) * 1000:f}"),
    "many zeros": (NUMBERS, lambda old, others, chance: "1" + "0" * 29),
    "a year alone": (DATES, lambda old, others, chance: old[:4]),
    "the first of the month or year": (DATES, lambda old, others, chance: f"{old or 2024}-01-01"[:10]),
    "nothing": (("optional",), lambda old, others, chance: ""),
    "that of another row": (("any",), lambda old, others, chance: chance.choice(others)),
}


def mistaken(table: str, chance: random.Random) -> bytes:
    """A table of the book with a well-formed mistake in a column, of one row or of all, and perhaps a row twice under two keys."""
    head, *rows = rows_of(text_of(table))
    fields = {f["name"]: f for f in BOOK.resources[table]["schema"]["fields"]}
    kinds = {n: {"any", f["type"]} | ({"date"} if f.get("partialDate") else set()) for n, f in fields.items()}
    kinds |= {n: kinds[n] | {"optional"} for n, f in fields.items() if not f.get("constraints", {}).get("required")}
    possible = {name: [c for c in head if kinds[c].intersection(wanted)] for name, (wanted, _) in MISTAKES.items()}
    name = chance.choice([m for m, columns in possible.items() if columns])
    at = head.index(chance.choice(possible[name]))
    others = [row[at] for row in rows]
    for row in rows if chance.random() < 0.5 else [chance.choice(rows)]:
        row[at] = MISTAKES[name][1](row[at], others, chance)
    if chance.random() < 0.3:
        again, at = list(chance.choice(rows)), head.index(chance.choice(BOOK.resources[table]["schema"]["primaryKey"]))
        again[at] = chance.choice(rows)[at]
        rows.append(again)
    return ("\n".join(line_of(row, {}) for row in [head, *rows]) + "\n").encode()


@pytest.mark.parametrize("seed", range(16))
def test_well_formed_mistakes_in_every_table_never_end_in_a_traceback(seed):
    chance = random.Random(seed)
    package = Damaged({table: mistaken(table, chance) for table in sorted(BOOK.resources)})
    assert failures(found(package)) == []
    assert sum(package.sheet(table).problems == [] for table in BOOK.resources) > len(BOOK.resources) / 2  # so that rules met them


@pytest.mark.parametrize("seed", range(8))
def test_claims_are_judged_whatever_the_facts_say(seed):
    chance = random.Random(seed)
    damage = {table: mistaken(table, chance) for table, r in sorted(BOOK.resources.items()) if "/" in r["path"]}
    broken = Damaged(damage)
    package = Damaged({table: content for table, content in damage.items() if broken.sheet(table).problems == []})
    for row in package.table("claims").rows:
        assert judge(row, package)["verdict"] in VERDICTS
    for name, row in package.measures.items():
        assert measured(row, package.measure(name)).text


# files


@pytest.fixture
def copy(tmp_path) -> Path:
    shutil.copytree(DATA, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def mine(tmp_path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def told(package: Package, rule: str) -> list[tuple[str, str]]:
    return [(Path(p.file).name, f"{p.message}. {p.remedy}") for p in found(package) if p.rule == rule]


def test_a_link_out_of_the_folder_is_not_followed(mine, tmp_path):
    (tmp_path / "secret.csv").write_text(text_of("trade_annual"), encoding="utf-8")
    (mine / "trade_annual.csv").symlink_to(tmp_path / "secret.csv")
    ((file, words),) = told(Package(overlay=mine), "file-outside")
    assert file == "trade_annual.csv"
    assert "the link leads out of its folder. Put a copy of the file itself here" in words


def test_a_link_to_nowhere_and_one_to_itself_are_refused(mine):
    (mine / "trade_annual.csv").symlink_to(mine / "nothing.csv")
    (mine / "gas_trade.csv").symlink_to(mine / "gas_trade.csv")
    files = {Path(p.file).name: p.rule for p in found(Package(overlay=mine)) if p.severity == "error"}
    assert files == {"trade_annual.csv": "file-missing", "gas_trade.csv": "file-missing"}


def test_a_link_within_the_folder_is_followed(mine):
    (mine / ".real.csv").write_text(text_of("trade_annual"), encoding="utf-8")
    (mine / "trade_annual.csv").symlink_to(".real.csv")
    assert found(Package(overlay=mine)) == []


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(mine):
    os.mkfifo(mine / "trade_annual.csv")
    ((_, words),) = told(Package(overlay=mine), "file-outside")
    assert "no ordinary file" in words


def test_a_huge_file_is_not_read(mine, monkeypatch):
    with open(mine / "trade_annual.csv", "wb") as handle:
        handle.truncate(1 << 40)  # a file with a hole: a terabyte that takes no room
    ((_, words),) = told(Package(overlay=mine), "file-size")
    assert "larger than 50 MB" in words


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "economics/../../secret.csv", "economics\\\\x.csv"])
def test_a_description_cannot_name_a_file_outside_the_data(copy, path):
    package = copy / "datapackage.json"
    package.write_text(package.read_text(encoding="utf-8").replace("economics/trade_annual.csv", path), encoding="utf-8")
    with pytest.raises(AllianceError, match="does not lie in the data folder"):
        Package(copy)


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"resources": 5}', '{"resources": [{}]}', '{"resources": [{"name": "a", "path": "a.csv", "schema": []}]}']
)
def test_a_description_of_another_form_is_named(copy, text):
    (copy / "datapackage.json").write_text(text, encoding="utf-8")
    with pytest.raises(AllianceError, match="describes no data package"):
        Package(copy)


@pytest.mark.parametrize("name", ["trade_annual.csv", "economics/trade_annual (1).csv", "economics/Trade_Annual.CSV", "economics/trade_annual.xlsx"])
def test_two_files_for_one_table_are_refused(copy, name):
    (copy / name).write_text(text_of("trade_annual"), encoding="utf-8")
    ((file, words),) = told(Package(copy), "file-twice")
    assert file == Path(name).name
    assert "a second file for the table trade_annual, beside data/economics/trade_annual.csv. Keep one" in words


def test_a_whole_table_and_rows_to_add_to_it_are_refused(mine):
    (mine / "trade_annual.csv").write_text(text_of("trade_annual"), encoding="utf-8")
    (mine / "trade_annual.append.csv").write_text(f"{HEADER}\n2026,100,120,,,me,bne-2025-01-13,,,supplied,\n", encoding="utf-8")
    ((file, words),) = told(Package(overlay=mine), "file-twice")
    assert file == "trade_annual.append.csv"
    assert "Put its rows into trade_annual.csv" in words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trade_anual.csv", 'Did you mean "trade_annual.csv"'),
        ("my notes.docx", "Name it after a table"),
        ("tables.toml", "descriptions are the book's"),
        ("economics/", "Put the tables themselves here"),
        ("\x1b[31m\udcff.csv", "Name it after a table"),
    ],
)
def test_a_stranger_in_the_folder_is_named(mine, name, words):
    (mine / name).mkdir() if name.endswith("/") else (mine / name).write_text("x", encoding="utf-8")
    ((_, told_words),) = [w for w in told(Package(overlay=mine), "file-unknown") if "holds no table" not in w[1]]
    assert words in told_words


def test_an_empty_folder_warns(mine):
    ((_, words),) = told(Package(overlay=mine), "file-unknown")
    assert "the folder holds no table" in words


# a folder of one's own


def test_a_value_in_another_unit_than_the_book_s_is_refused(mine):
    table = "power_of_siberia"
    text = text_of(table).replace("2020,delivered,4.1,", "2020,delivered,4100,")
    (mine / f"{table}.csv").write_text(text, encoding="utf-8")
    problems = [p for p in found(Package(overlay=mine)) if p.rule == "unit"]
    assert [(Path(p.file).name, p.value) for p in problems] == [("power_of_siberia.csv", "4100")]
    assert "the value of the book in its place is 4.1" in problems[0].message
    assert "factor of a thousand: 4.1 bcm" in problems[0].remedy


def test_rows_of_the_book_that_a_whole_table_lacks_are_told(mine):
    lines = text_of("gas_projects").splitlines(keepends=True)
    (mine / "gas_projects.csv").write_text("".join(lines[:1] + lines[2:]), encoding="utf-8")
    (problem,) = [p for p in found(Package(overlay=mine)) if p.rule == "rows-lost"]
    assert problem.severity == "warning"
    assert "1 row of the book's table is not in yours: Power of Siberia, 2014-05-21" in problem.message


# the report


def some_problems() -> list[Problem]:
    names_of = ("decimal comma, quoted", "unclosed quote", "javascript: address")
    cases = [c for c in CASES if c.name in names_of]
    damage: dict[str, str] = {}
    for case in cases:
        damage[case.table] = case.damage(damage.get(case.table, text_of(case.table)))[0].decode()
    return found(Damaged({table: text.encode() for table, text in damage.items()}))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_the_report_is_a_table_that_fits_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    text = report.text(some_problems(), Terminal())
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines.count("data/economics/trade_annual.csv") == lines.count("data/sources.csv") == 1
    flat = " ".join(text.split())
    for words in ("110,97", "write 110.97", "Close the quote", "cannot be followed safely", "[number]" if columns < report.NARROW else "number"):
        assert words in flat
    if columns >= report.NARROW:
        head = next(line for line in lines if "what is wrong" in line)
        row = next(line for line in lines if "110,97" in line)
        assert head.index("column") == row.index("china_exports")
        assert head.index("rule") == row.index("number")


def test_elsewhere_the_report_is_a_line_a_problem():
    problems = some_problems()
    lines = report.text(problems, io.StringIO()).splitlines()
    assert len(lines) == len(problems) + 1
    assert "\x1b" not in "".join(lines)
    assert re.fullmatch(r"\d+ errors, \d+ warnings? in 2 files\. .*--explain RULE.*", lines[-1])


def test_a_report_cannot_command_the_terminal(mine):
    content, _ = cell("2022", "china_exports_usd_bn", "\x1b[2J\u202e\x9b1")(text_of("trade_annual"))
    problems = found(Damaged({"trade_annual": content.replace(b"reporter", b"\x1b]0;x\x07", 1)}))
    problems += found(Damaged({"trade_annual": content}))
    for text in (report.text(problems, io.StringIO()), report.text(problems, Terminal()), report.as_json(problems)):
        assert not set(re.sub("\x1b\\[[01]m", "", text)) & set("\x1b\x9b\x07\u202e")
    assert "\x1b[2J\u202e\x9b1" in {p["value"] for p in json.loads(report.as_json(problems))}


def test_every_rule_that_a_problem_names_can_be_explained():
    for rule in [*check.FORM_RULES, *RULES]:
        assert len(check.explain(rule)) > 30
    assert set(RULES) > EXCUSABLE
    assert not set(check.FORM_RULES) & set(RULES), "a rule that is defined twice explains itself by one of the two"
    assert "no copy beside it" in check.explain("file-twice")


# through the command line


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Workspace:
    workspace = small_project(tmp_path_factory.mktemp("bad") / "project")
    workspace.build()
    return workspace


COMMANDS = (
    "decimal comma, quoted",
    "UTF-16",
    "unclosed quote",
    "missing column",
    "duplicate key",
    "thousandfold",
    "javascript: address",
    "over 50 MB",
)


def test_a_build_is_refused_and_the_edition_stays(built):
    before = tree_bytes(built.html)
    for case in (c for c in CASES if c.name in COMMANDS):
        target = built.root / "data" / BOOK.resources[case.table]["path"]
        kept = target.read_bytes()
        content, line = case.damage(text_of(case.table))
        target.write_bytes(content)
        done = built.run("build")
        target.write_bytes(kept)
        assert done.returncode == 2, done.stderr
        place = f"data/{BOOK.resources[case.table]['path']}" + (f", line {line}" if line else "") + (f", column {case.column}" if case.column else "")
        assert [t for t in done.stderr.splitlines() if place in t and f"[{case.rule}]" in t and case.words in t], f"{case}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        assert tree_bytes(built.html) == before


def test_a_folder_of_one_s_own_is_refused_alike(built, mine):
    before = tree_bytes(built.html)
    (mine / "trade_annual.csv").write_bytes(cell("2023", "china_exports_usd_bn", '"110,97"')(text_of("trade_annual"))[0])
    (mine / "gas_trade.csv").symlink_to("/etc/passwd")
    done = built.run("build", "--data", mine)
    assert done.returncode == 2
    assert "write 110.97" in done.stderr
    assert "[file-outside]" in done.stderr
    assert "root:" not in done.stderr
    checked = built.run("check", mine, "--format", "json")
    assert checked.returncode == 2
    problems = json.loads(checked.stdout)
    assert {p["rule"] for p in problems} == {"number", "file-outside"}
    assert all(set(p) == {"file", "line", "column", "value", "rule", "message", "remedy", "severity"} for p in problems)
    explained = built.run("check", "--explain", "file-outside")
    assert (explained.returncode, explained.stdout.strip()) == (0, check.FORM_RULES["file-outside"])
    assert tree_bytes(built.html) == before


def test_what_is_no_file_is_refused_and_not_passed_over_as_no_change(built, mine):
    before = tree_bytes(built.html)
    (mine / "trade_annual.csv").symlink_to("nothing.csv")
    with open(mine / "gas_trade.csv", "wb") as handle:
        handle.truncate(1 << 40)
    done = built.run("build", "--data", mine)
    assert done.returncode == 2, done.stdout
    assert "[file-missing]" in done.stderr
    assert "[file-size]" in done.stderr
    assert tree_bytes(built.html) == before


def test_a_terminal_gets_a_table(built, mine):
    (mine / "trade_annual.csv").write_bytes(cell("2023", "china_exports_usd_bn", '"110,97"')(text_of("trade_annual"))[0])
    leader, follower = pty.openpty()
    environment = built.environment({"COLUMNS": "110", "TERM": "xterm"})
    command = [sys.executable, "-m", "alliance", "check", str(mine)]
    done = subprocess.run(command, cwd=built.root, env=environment, stdout=follower, stderr=follower, timeout=60)
    os.close(follower)
    text = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert done.returncode == 2
    assert f"\x1b[1m{mine / 'trade_annual.csv'}\x1b[0m" in text
    assert re.search(r"line +column +value +rule +what is wrong, and what to write", text)
    assert re.search(r"25 +china_exports_usd_bn +110,97 +number +not a number", text)

"""Bad input is refused with its place, the value seen, and what to write instead; good input in another guise is read."""

from __future__ import annotations

import re

import pytest
from alliance.reader import read_sheet
from hypothesis import given, settings
from hypothesis import strategies as st

FIELDS = [
    {"name": "year", "type": "year", "constraints": {"required": True}},
    {"name": "total", "type": "number", "constraints": {"minimum": 0}},
    {"name": "share_pct", "type": "number", "constraints": {"minimum": 0, "maximum": 100}},
    {"name": "day", "type": "string", "partialDate": True},
    {"name": "kind", "type": "string", "constraints": {"enum": ["goal", "expectation"]}},
    {"name": "note", "type": "string"},
]
HEADER = "year,total,share_pct,day,kind,note\n"
GOOD = "2024,244.81,4,2024-10-31,goal,fine\n"


def problems(row: str, header: str = HEADER):
    return read_sheet("t.csv", (header + row).encode(), FIELDS).problems


def test_good_rows_have_no_problems():
    assert problems(GOOD + '2023,,,2023,,\n2022,-0,100,2022-02,expectation,"a, b"\n') == []


@pytest.mark.parametrize(
    "content", [("\ufeff" + HEADER + GOOD).encode(), (HEADER + GOOD).replace("\n", "\r\n").encode(), (HEADER + GOOD).rstrip().encode()]
)
def test_bom_crlf_and_a_missing_last_newline_are_accepted(content):
    sheet = read_sheet("t.csv", content, FIELDS)
    assert sheet.problems == []
    assert sheet.rows[0].fields["total"] == "244.81"


CELLS = [
    # value of "total" as it stands in the row, rule, words that the remedy must hold
    ('"244,81"', "number", "write 244.81"),
    ('"1,244.81"', "number", "write 1244.81"),
    ('"1 244.81"', "number", "write 1244.81"),
    ("2_024", "number", "write 2024"),
    ("２４４", "number", "write 244"),
    ("٢٤٤", "number", "write 244"),
    ("NaN", "number", "empty field"),
    ("n/a", "number", "empty field"),
    ("..", "number", "empty field"),
    ("-", "number", "empty field"),
    ("inf", "number", "empty field"),
    ("\u22125", "number", "write -5"),
    ("4%", "number", "write 4"),
    ("+5", "number", "write 5"),
    (".5", "number", "both sides"),
    ("1e3", "number", "write 1000"),
    ("TRUE", "number", "not TRUE"),
    ("about 5", "number", "Write a number"),
    (" 5", "number", "write 5"),
    ("5\u00a0", "number", "write 5"),
    ("-5", "range", "Correct"),
]


@pytest.mark.parametrize(("cell", "rule", "remedy"), CELLS)
def test_numbers_in_another_form_are_refused_with_the_right_one(cell, rule, remedy):
    (problem,) = problems(f"{GOOD}2023,{cell},4,2023,goal,x\n")
    assert (problem.file, problem.line, problem.column, problem.rule) == ("t.csv", 3, "total", rule)
    assert remedy in problem.remedy


OTHERS = [
    ("20244,1,4,2024,goal,x", "year", "year", "four ASCII digits"),
    ("1324,1,4,2024,goal,x", "year", "year", "four ASCII digits"),
    (",1,4,2024,goal,x", "year", "required", "Fill it in"),
    ("2024,1,140,2024,goal,x", "share_pct", "range", "Correct"),
    ("2024,1,4,2024-13,goal,x", "day", "date", "YYYY-MM"),
    ("2024,1,4,2023-02-29,goal,x", "day", "date", "YYYY-MM"),
    ("2024,1,4,31.12.2024,goal,x", "day", "date", "YYYY-MM"),
    ("2024,1,4,45657,goal,x", "day", "date", "YYYY-MM"),
    ("2024,1,4,2024,gaol,x", "kind", "enum", 'mean "goal"'),
    ("2024,1,4,2024,goal,a\u202eb", "note", "characters", "Remove"),
    ("2024,1,4,2024,goal,a\u200bb", "note", "characters", "Remove"),
    ("2024,1,4,2024,goal,a\x07b", "note", "characters", "Remove"),
    ("2024,1,4,2024,goal,x ", "note", "characters", 'Write "x"'),
]


@pytest.mark.parametrize(("row", "column", "rule", "remedy"), OTHERS)
def test_other_cells_are_refused_by_their_rule(row, column, rule, remedy):
    (problem,) = problems(row + "\n")
    assert (problem.line, problem.column, problem.rule) == (2, column, rule)
    assert remedy in problem.remedy


ROWS = [
    ("2024,1,244.81,4,2024,goal,x\n", "fields", "write 1244.81"),
    ("2024,44,81,4,2024,goal,x\n", "fields", "write 44.81"),
    ("2024,1,4,2024,goal\n", "fields", "missing commas"),
    ('2024,1,4,2024,goal,"open\n' + GOOD, "quotes", "Close the quote"),
    ('2024,1,4,2024,goal,a "b" "c\n', None, None),
    ("\n", "fields", "Remove"),
]


@pytest.mark.parametrize(("rows", "rule", "remedy"), ROWS)
def test_rows_of_another_shape_are_refused_where_they_stand(rows, rule, remedy):
    found = problems(rows)
    if rule is None:
        assert found == []
        return
    assert [(p.line, p.rule) for p in found] == [(2, rule)]
    assert remedy in found[0].remedy


def test_an_open_quote_does_not_swallow_the_rows_after_it():
    sheet = read_sheet("t.csv", (HEADER + '2023,1,4,2024,goal,"open\n' + GOOD).encode(), FIELDS)
    assert [row.fields["year"] for row in sheet.rows] == ["2024"]


HEADERS = [
    ("year;total;share_pct;day;kind;note\n", "file-delimiter", "commas"),
    ("year\ttotal\tshare_pct\tday\tkind\tnote\n", "file-delimiter", "commas"),
    ("year,total,share_pct,day,kind\n", "header", "leave its fields empty"),
    ("year,total,total,share_pct,day,kind,note\n", "header", "Keep one"),
    ("year,total,share_pct,day,kind,n\u043ete\n", "header", 'Write "note"'),
    ("Year,total,share_pct,day,kind,note\n", "header", 'Write "year"'),
]


@pytest.mark.parametrize(("header", "rule", "remedy"), HEADERS)
def test_headers_that_differ_are_refused(header, rule, remedy):
    found = problems(GOOD, header)
    assert {p.rule for p in found} == {rule}
    assert any(remedy in p.remedy for p in found)
    assert all(p.line == 1 for p in found)


FILES = [
    (b"", "file-empty", "empty"),
    (HEADER.encode(), "file-empty", "no rows"),
    ((HEADER + GOOD).encode("utf-16"), "file-encoding", "UTF-16"),
    ((HEADER + GOOD).encode("utf-16-le"), "file-encoding", "UTF-16"),
    ((HEADER + "2024,1,4,2024,goal,Сила Сибири\n").encode("cp1251"), "file-encoding", "cp1251"),
    ((HEADER + "2024,1,4,2024,goal,西伯利亚力量\n").encode("gb18030"), "file-encoding", "gb18030"),
    (b"PK\x03\x04rest", "file-encoding", "xlsx"),
    (b"PAR1rest", "file-encoding", "Parquet"),
    (b"x" * (50 * 1024 * 1024 + 1), "file-size", "50 MB"),
]


@pytest.mark.parametrize(("content", "rule", "words"), FILES)
def test_files_that_are_not_utf8_csv_are_refused(content, rule, words):
    (problem,) = read_sheet("t.csv", content, FIELDS).problems
    assert problem.rule == rule
    assert words in f"{problem.message} {problem.remedy}"


def test_all_problems_of_a_file_come_in_one_report():
    found = problems('20244,"1,5",140,x,y,z\n2023,NaN,4,2023,goal,x\n')
    assert [(p.line, p.column) for p in found] == [(2, "year"), (2, "total"), (2, "share_pct"), (2, "day"), (2, "kind"), (3, "total")]


@given(content=st.binary(max_size=400))
def test_no_bytes_whatever_raise(content):
    read_sheet("t.csv", content, FIELDS)


@given(line=st.integers(0, 2), at=st.integers(0, 60), new=st.text(min_size=1, max_size=3))
@settings(max_examples=300)
def test_random_damage_is_refused_or_leaves_a_canonical_number(line, at, new):
    """Whatever is typed into a file, a number that is read is exactly what stands there in the canonical form."""
    lines = (HEADER + GOOD + GOOD.replace("2024,", "2023,")).splitlines()
    lines[line] = lines[line][:at] + new + lines[line][at:]
    sheet = read_sheet("t.csv", "\n".join(lines).encode("utf-8", "surrogatepass"), FIELDS)
    if sheet.problems:
        return
    for row in sheet.rows:
        assert re.fullmatch(r"(-?[0-9]+(\.[0-9]+)?)?", row.fields["total"])
        assert re.fullmatch(r"[0-9]{4}", row.fields["year"])

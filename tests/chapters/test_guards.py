"""Every guard fails when the data falsify it, and every chapter runs for each focus year.

``falsified.csv`` names for each guard the cells that break it. Edits of one run go into one overlay; guards that would
get into each other's way have a run of their own.
"""

from __future__ import annotations

import csv

import pytest
from mutations import Chapter
from workspace import CHAPTERS, ROOT

with open(ROOT / "tests" / "chapters" / "falsified.csv", encoding="utf-8") as handle:
    FALSIFIED = list(csv.DictReader(handle))


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_guard_breaks_when_its_condition_is_falsified(name, tmp_path):
    chapter = Chapter(name, tmp_path)
    as_published = {g["id"]: g["holds"] for g in chapter.record()["guards"]}
    assert set(as_published.values()) == {True}
    mine = [r for r in FALSIFIED if r["chapter"] == name]
    assert {f"{name}.{r['guard']}" for r in mine} == set(as_published)
    for run in sorted({r["run"] for r in mine}):
        rows, edits = [r for r in mine if r["run"] == run], {}
        for row in rows:
            edits.setdefault(row["table"], {})[row["key"], row["column"]] = row["value"]
        damaged = {g["id"]: g["holds"] for g in chapter.record(str(chapter.overlay(f"run {run}", edits)))["guards"]}
        assert [r["guard"] for r in rows if damaged[f"{name}.{r['guard']}"] is not False] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_runs_for_every_focus_year(name, tmp_path):
    chapter = Chapter(name, tmp_path)
    verdicts = {c["id"]: c["verdict"] for c in chapter.record()["claims"]}
    for year in (2021, 2022, 2023, 2025):
        record = chapter.record(focus_year=year)
        assert {c["id"]: c["verdict"] for c in record["claims"]} == verdicts
        assert all(fact["text"] for fact in record["facts"])

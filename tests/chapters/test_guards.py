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


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_says_the_same_of_rows_that_the_user_supplied(name, tmp_path):
    """Only rows known from memory are left out; those of a user count as those that were read."""
    chapter = Chapter(name, tmp_path)
    published = chapter.record()
    edits: dict = {}
    for table in (chapter.package.table(t) for t in published["reads"]):
        for row in table.rows:
            if row.get("evidence") == "read":
                edits.setdefault(table.name, {})[";".join(table.shown_key(row).values()), "evidence"] = "supplied"
    supplied = chapter.record(str(chapter.overlay("supplied", edits)))
    assert {f["id"]: f["text"] for f in supplied["facts"]} == {f["id"]: f["text"] for f in published["facts"]}
    assert {g["id"]: g["holds"] for g in supplied["guards"]} == {g["id"]: g["holds"] for g in published["guards"]}
    mine = [f for f in supplied["facts"] if any(i["evidence"] == "supplied" for i in f["inputs"])]
    assert len(mine) > len(published["facts"]) / 2
    assert {f["evidence"] for f in mine} == {"supplied"}


def test_a_year_that_some_groups_lack_is_not_the_last_of_the_comparison(tmp_path):
    chapter = Chapter("geopolitics", tmp_path)
    key = "G7;composition of 2025;2024"
    mine = chapter.overlay("mine", {"bloc_weight": {(key, "share_world_gdp_pct"): "44"}})
    record = chapter.record(str(mine))
    assert any(e["key"] == "weight" and "to 2023" in e["title"] for e in record["exhibits"])

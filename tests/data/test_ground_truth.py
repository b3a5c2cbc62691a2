"""Values of the record against what another publisher printed: each was looked up by hand, with its address."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from alliance.data import Package

PACKAGE = Package()
with open(Path(__file__).with_name("ground_truth.csv"), encoding="utf-8") as handle:
    TRUTHS = list(csv.DictReader(handle))


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda t: f"{t['table']}-{t['key']}-{t['column']}")
def test_another_publisher_prints_the_same(truth):
    table = PACKAGE.table(truth["table"])
    row = table.find_shown(truth["key"])
    assert row is not None, "no such row"
    if truth["column"] in table.measures:
        found = table.quantity(row, truth["column"]).value
        assert abs(found / float(truth["value"]) - 1) * 100 <= float(truth["tolerance_pct"]) + 1e-9
    else:
        assert row[truth["column"]] == truth["value"]


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda t: f"{t['table']}-{t['key']}-{t['column']}")
def test_the_other_publisher_is_another(truth):
    row = PACKAGE.table(truth["table"]).find_shown(truth["key"])
    cited = [row["source_id"], *(row["other_source_ids"] or "").split(";")]
    for source in (PACKAGE.sources[s] for s in cited if s):
        assert name(source["publisher"]) != name(truth["publisher"])
        assert source["url"] != truth["url"]


def name(publisher: str) -> str:
    """The publisher without the agency that it relays."""
    return re.split(r"[(,/]", publisher)[0].strip().lower()


def test_there_are_enough_and_they_cover_every_chapter():
    assert len(TRUTHS) >= 30
    folders = {Path(PACKAGE.resources[t["table"]]["path"]).parent.name for t in TRUTHS}
    assert folders == {"economics", "geopolitics", "military", "technology", "limitations"}
    assert all(t["url"].startswith("http") and t["looked_up"] for t in TRUTHS)
    assert all(float(t["tolerance_pct"]) <= 3 for t in TRUTHS)

"""A damaged number is refused by a check or shows on the page: thirty seeded ones a chapter, three hundred in the benchmark."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from mutations import KINDS, REFUSED, UNSEEN, VISIBLE, Chapter
from workspace import CHAPTERS

NUMBER, SEED = 30, 11


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_damaged_number_reaches_a_reader_unseen(name, tmp_path):
    chapter = Chapter(name, tmp_path)
    mutations = list(itertools.islice(chapter.mutations(SEED), NUMBER))
    fates = {str(m): chapter.fate(m, str(i)) for i, m in enumerate(mutations)}
    counted = Counter(fates.values())
    assert {m.kind for m in mutations} == set(KINDS)
    assert counted[REFUSED] > counted[VISIBLE] > 0, counted
    assert [m for m, fate in fates.items() if fate == UNSEEN] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_takes_a_row_of_the_next_year_in_every_table(name, tmp_path):
    """One subject of each table alone has a later row, as when a user adds what is known first."""
    chapter = Chapter(name, tmp_path)
    published, folder = chapter.record(), chapter.next_year()
    assert len(list(folder.iterdir())) > 5
    assert {f["id"] for f in chapter.record(str(folder))["facts"]} == {f["id"] for f in published["facts"]}


def test_a_number_that_nothing_reads_is_told_as_unseen(tmp_path):
    chapter = Chapter("economics", tmp_path)
    unread = next(chapter.mutations(SEED))
    chapter.code = ["from pathlib import Path\nimport os\nout = Path(os.environ['ALLIANCE_OUTPUT'])"]
    chapter.baseline = chapter.run("")
    cells = chapter.package.table("crude_destinations").rows
    row = next(r for r in cells if r["mt"] and r["destination"] == "Japan")
    key = ";".join(chapter.package.table("crude_destinations").shown_key(row).values())
    slightly = type(unread)("crude_destinations", key, "mt", "neighbour's value", "", f"{row['mt'] * 1.01:.4f}")
    assert chapter.fate(slightly, "one") == UNSEEN

"""Sources: one row each, none unused, tiers by the stated rule."""

from __future__ import annotations

from collections import Counter

from alliance.data import Package

PACKAGE = Package()
STATE = ("TASS", "RIA", "Sputnik", "RT", "Xinhua", "People's Daily", "China Daily", "PRIME", "CGTN", "China.org.cn", "CRI", "Mir24")


def cited() -> set[str]:
    ids: set[str] = set()
    for name in PACKAGE.resources:
        for row in PACKAGE.table(name).rows:
            for column in ("source_id", "other_source_ids", "source_ids"):
                ids |= set((row.get(column) or "").split(";"))
    return ids - {""}


def test_every_source_is_used_by_a_row():
    assert set(PACKAGE.sources) == cited()


def test_one_address_has_one_id():
    urls = Counter(row["url"] for row in PACKAGE.sources.values())
    assert [u for u, n in urls.items() if n > 1] == []


def test_an_outlet_of_a_state_is_never_called_press():
    for row in PACKAGE.sources.values():
        named = row["publisher"].replace("(", " ").replace(")", " ").replace(",", " ").split()
        if set(named) & set(STATE):
            assert row["tier"] == "state media", row["id"]

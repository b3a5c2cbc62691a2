"""Sources: one row each, none unused, tiers by the stated rule."""

from __future__ import annotations

from collections import Counter

from alliance.data import Package
from alliance.press.exports import references
from alliance.rules.record import SOURCE_COLUMNS, tier_of
from pybtex.database import parse_string

PACKAGE = Package()
STATE = ("TASS", "RIA", "Sputnik", "RT", "Xinhua", "People's Daily", "China Daily", "PRIME", "CGTN", "China.org.cn", "CRI", "Mir24")


def cited() -> set[str]:
    ids: set[str] = set()
    for name in PACKAGE.resources:
        for row in PACKAGE.table(name).rows:
            for column in SOURCE_COLUMNS:
                ids |= set((row.get(column) or "").split(";"))
    return ids - {""}


def test_every_source_is_used_by_a_row():
    assert set(PACKAGE.sources) == cited()


def test_one_address_has_one_id():
    urls = Counter(row["url"] for row in PACKAGE.sources.values() if row["url"])
    assert [u for u, n in urls.items() if n > 1] == []


def test_sources_without_an_address_are_few_and_say_why():
    nowhere = [row for row in PACKAGE.sources.values() if not row["url"]]
    assert len(nowhere) <= 1
    assert all(row["note"] for row in nowhere)


def test_an_outlet_of_a_state_is_never_called_press():
    for row in PACKAGE.sources.values():
        named = row["publisher"].replace("(", " ").replace(")", " ").replace(",", " ").split()
        if set(named) & set(STATE):
            assert row["tier"] == "state media", row["id"]


def test_tiers_follow_from_the_listed_rules():
    rules = PACKAGE.table("tier_rules").rows
    assert tier_of("Sputnik, citing GACC", "Trade of 2024", rules)[0] == "state media"
    assert tier_of("Some Digest", "Oil in May (TASS, customs)", rules)[0] == "state media"
    assert tier_of("Energy Institute", "Statistical review", rules)[0] == "research"
    assert tier_of("Some Paper", "RT is a channel", rules) == ("press", "since no rule knows it")
    for row in PACKAGE.sources.values():
        assert row["tier"] == tier_of(row["publisher"], row["title"], rules)[0]


def test_the_bibliography_in_bibtex_holds_every_source_and_reads_back():
    written = references(PACKAGE.sources)
    entries = parse_string(written, "bibtex").entries
    assert set(entries) == set(PACKAGE.sources)
    entry = entries["bne-2025-01-13"]
    assert entry.fields["url"] == PACKAGE.sources["bne-2025-01-13"]["url"]
    assert entry.fields["year"] == "2025"

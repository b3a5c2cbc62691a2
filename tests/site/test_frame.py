"""What holds the book together: cover, summary, claims, timeline, methods, glossary and changes agree with the chapters."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from functools import cache

import pytest
from mutations import Chapter
from workspace import CHAPTERS, ROOT

CITED = re.compile(r"\{(?:fact|event)\}`([\w.]+)`")
KEY_FIGURE = re.compile(r"(\w+\.\w+) \|")


def rows(name: str) -> list[dict]:
    with open(ROOT / "data" / name, encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@cache
def prose(page: str) -> str:
    notebook = ROOT / "book" / f"{page}.ipynb"
    if not notebook.exists():
        return (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def in_brief(chapter: str) -> set[str]:
    text = prose(chapter)
    start = text.index("## In brief")
    end = re.compile(r"\n\n(?!- )").search(text, start + 15)
    part = text[start : end.start() if end else None]
    return {name if "." in name else f"{chapter}.{name}" for name in CITED.findall(part)}


@pytest.mark.parametrize("page", ["index", "summary"])
def test_cover_and_summary_print_what_the_chapters_say_in_brief(page):
    """A number of the cover or the summary is a fact of a chapter; the findings' numbers stand in that chapter's In brief."""
    cited = {name for pattern in (CITED, KEY_FIGURE) for name in pattern.findall(prose(page)) if name.split(".")[0] in CHAPTERS}
    assert len(cited) >= 20
    elsewhere = {name for name in cited if name not in in_brief(name.split(".")[0])}
    # beside the findings the pages print only these: comparisons with another year, and the number that a claim missed
    comparisons = {"limitations.russia_in_china_2024", "economics.crude_share_2023", "economics.crude_2024", "economics.gas_delivered"}
    assert elsewhere <= comparisons | {"economics.focus_year"}, elsewhere


def test_the_summary_prints_only_numbers_of_chapters_and_its_own_counts():
    foreign = {name.split(".")[0] for name in CITED.findall(prose("summary")) if "." in name}
    assert foreign == set(CHAPTERS)


def test_the_guards_of_the_summary_break_when_a_chapter_says_otherwise(book, tmp_path, monkeypatch):
    records = {c: json.loads((book.out / "executed" / f"{c}.json").read_text(encoding="utf-8")) for c in (*CHAPTERS, "timeline")}

    def guards(**options) -> dict[str, bool]:
        files = {c: tmp_path / f"{c}.json" for c in records}
        for c, file in files.items():
            file.write_text(json.dumps(records[c]), encoding="utf-8")
        monkeypatch.setenv("ALLIANCE_RECORDS", json.dumps({c: str(f) for c, f in files.items()}))
        return {g["id"]: g["holds"] for g in Chapter("summary", tmp_path).record(**options)["guards"]}

    expected = {"summary.contradicted_named": True, "summary.russia_needs_more": True, "summary.decade": True}
    assert guards() == expected
    next(c for c in records["economics"]["claims"] if c["id"] == "trade-250")["verdict"] = "supported"
    next(f for f in records["limitations"]["facts"] if f["id"] == "limitations.dependence_2024")["value"] = 0.01
    assert guards() == expected | {"summary.contradicted_named": False, "summary.russia_needs_more": False}
    assert guards(focus_year=2022)["summary.decade"] is False


def test_the_scorecard_counts_the_verdicts(book):
    verdicts = Counter(c["verdict"] for c in book.claims().values())
    assert sum(verdicts.values()) == len(rows("claims.csv"))
    facts = book.facts()
    for name, verdict in (
        ("supported", "supported"),
        ("partly", "partly supported"),
        ("contradicted", "contradicted"),
        ("not_checkable", "not checkable"),
    ):
        assert facts[f"summary.claims_{name}"]["text"] == str(verdicts[verdict])
    with open(book.html / "downloads" / "summary" / "scorecard_table.csv", encoding="utf-8") as handle:
        table = {r["chapter"].lower(): r for r in csv.DictReader(handle)}
    for chapter in CHAPTERS:
        own = Counter(c["verdict"] for c in book.claims().values() if c["chapter"] == chapter)
        assert {v: int(table[chapter][v]) for v in own} == dict(own)


def test_every_sentence_of_the_account_leads_to_a_claim_or_a_reason(book, open_page):
    page = open_page(book.html / "claims.html")
    shown = page.evaluate("[...document.querySelectorAll('.claims > h2, .claims > .claim, .claims > .no-claim')].map(e => e.id || e.textContent)")
    claims = rows("claims.csv")
    expected = []
    for sentence in rows("account.csv"):
        mine = [f"claim-{c['id']}" for c in claims if c["bullet"] == sentence["id"]]
        assert bool(mine) != bool(sentence["no_claim"]), sentence["id"]
        expected += mine or [f"“{sentence['words']} …” {sentence['no_claim']}"]
    assert [s for s in shown if s.startswith(("claim-", "“"))] == expected
    assert {f"claim-{c['id']}" for c in claims} == {s for s in shown if s.startswith("claim-")}


def test_a_claim_tells_verdict_reason_confidence_test_sources_and_place(book, open_page):
    page = open_page(book.html / "claims.html")
    text = page.locator("#claim-trade-250").inner_text()
    for words in ("CONTRADICTED", "trade volume may surpass $250 billion", "judged when made: supported", "confidence", "robust", "In the chapter"):
        assert words in text
    assert page.locator("#claim-trade-250 .verdict-symbol").inner_text() == "✗"
    assert page.locator("#claim-trade-250 a", has_text="In the chapter").get_attribute("href") == "economics.html#claim-trade-250"
    assert "(state media)" in page.locator("#claim-gas-2023").text_content()
    fragile = page.locator("#claim-ukraine-no-condemnation").inner_text()
    assert "fragile" in fragile
    assert "The verdict would be contradicted with" in fragile


def test_the_timeline_holds_the_events_of_all_chapters_in_order(book):
    with open(book.html / "downloads" / "timeline" / "events.csv", encoding="utf-8") as handle:
        events = list(csv.DictReader(handle))
    dates = [e["date"] for e in events]
    assert dates == sorted(dates)
    assert dates[0] >= "2001"
    assert {"joint_statements", "joint_exercises", "un_sc_vetoes", "sanctions", "gas_projects", "leader_meetings"} <= {e["table"] for e in events}
    for date, words in (("2001-07-16", "Good-Neighborliness"), ("2022-05-26", "North Korea"), ("2024-05-16", "75th year"), ("2024-10-22", "BRICS")):
        assert any(e["date"] == date and words in e["event"] for e in events), date


def test_terms_lead_to_the_glossary_with_their_names_in_other_scripts(book, open_page):
    page = open_page(book.html / "glossary.html")
    entry = page.locator("#term-power-of-siberia")
    assert entry.locator("[lang=zh-Hans]").inner_text() == "中俄东线天然气管道"
    assert entry.locator("[lang=ru]").inner_text() == "Сила Сибири"
    assert page.locator("dl.glossary dt").count() == len(rows("glossary.csv"))
    chapter = open_page(book.html / "geopolitics.html")
    assert chapter.locator("a.term", has_text="AUKUS").first.get_attribute("href") == "glossary.html#term-aukus"


def test_changes_list_every_correction(book, open_page):
    text = open_page(book.html / "changes.html").locator("table.corrections").inner_text()
    for correction in rows("corrections.csv"):
        assert correction["reason"] in text


def test_disagreements_show_both_values_widest_first(book, open_page):
    page = open_page(book.html / "methods.html")
    gaps = [int(cell) for cell in page.locator("table.disagreements td:nth-child(4)").all_inner_texts()]
    assert gaps == sorted(gaps, reverse=True)
    assert page.locator("table.disagreements tbody tr").count() == 25

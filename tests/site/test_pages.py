"""The pages as a reader meets them: quiet, self-contained, legible on a phone, with every number traceable."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from workspace import CHAPTERS, ROOT, SMALL_CHAPTER, small_project, write_chapter

FRAME = ("index", "summary", "claims", "timeline", "methods", "sources", "glossary", "changes")
OWN = (*FRAME, *CHAPTERS)
PAGES = (*OWN, "search", "genindex")
WIDTHS = (1280, 360)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_quiet_ask_nobody_and_fit(book, open_page, name, width):
    page = open_page(book.html / f"{name}.html", width)
    page.wait_for_timeout(300)
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_every_html_page_is_among_those_tested(book):
    assert {f.stem for f in book.html.glob("*.html")} == set(PAGES)


@pytest.mark.parametrize(("name", "scheme"), [*((name, "light") for name in OWN), ("index", "dark"), ("military", "dark"), ("claims", "dark")])
def test_axe_finds_nothing_in_what_the_book_adds(book, open_page, name, scheme):
    page = open_page(book.html / f"{name}.html", color_scheme=scheme)
    found = Axe().run(page, context="article").response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []


def test_every_page_links_the_pdf(book, open_page):
    for name in OWN:
        page = open_page(book.html / f"{name}.html", 360)
        link = page.locator("a.pdf-link").last
        assert link.is_visible()
        assert link.get_attribute("href") == "russia-china-alliance-2024.pdf"


def test_every_link_within_the_book_leads_somewhere(book, open_page):
    anchors, links = {}, []
    for name in OWN:
        page = open_page(book.html / f"{name}.html")
        anchors[name] = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
        links += [(name, href) for href in page.evaluate("[...document.querySelectorAll('article a[href]')].map(a => a.getAttribute('href'))")]
    assert len(links) > 300
    for name, href in links:
        if href.startswith(("http", "#top")):
            continue
        target, _, fragment = href.partition("#")
        assert not target or (book.html / target).exists(), href
        if fragment:
            assert fragment in anchors[target.removesuffix(".html") or name], f"{name}: {href}"


def test_hover_shows_where_a_number_comes_from(book, open_page):
    page = open_page(book.html / "economics.html")
    number = page.locator("a.fact[data-note='note-economics-trade-total']").first
    number.hover()
    note = page.locator("#note-economics-trade-total")
    assert note.is_visible()
    text = note.inner_text()
    for words in ("Two-way goods trade, 2024", "244.8", "USD bn", "total_usd_bn[2024]", "china_exports_usd_bn", "115.49", "bne IntelliNews"):
        assert words in text
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    assert not note.is_visible()


def test_the_note_stays_with_its_number_while_the_page_scrolls(book, open_page):
    page = open_page(book.html / "economics.html")
    number = page.locator("a.fact[data-note='note-economics-trade-total']").first
    number.hover()
    note = page.locator("#note-economics-trade-total")
    before = note.bounding_box()["y"] - number.bounding_box()["y"]
    page.evaluate("window.scrollBy(0, 40)")
    page.wait_for_timeout(100)
    assert note.is_visible()
    assert note.bounding_box()["y"] - number.bounding_box()["y"] == pytest.approx(before, abs=2)
    page.evaluate("window.scrollBy(0, 5000)")
    page.wait_for_timeout(100)
    assert not note.is_visible()


def test_the_keyboard_opens_and_closes_it(book, open_page):
    page = open_page(book.html / "economics.html")
    number = page.locator("a.fact[data-note='note-economics-trade-total']").first
    number.focus()
    assert page.locator("#note-economics-trade-total").is_visible()
    assert number.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not page.locator("#note-economics-trade-total").is_visible()
    assert number.get_attribute("aria-expanded") == "false"


def test_the_keyboard_reaches_the_rows(book, open_page):
    page = open_page(book.html / "economics.html")
    page.locator("a.fact[data-note='note-economics-trade-total']").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.note')?.id") == "note-economics-trade-total"
    page.keyboard.press("Enter")
    page.wait_for_url("**/sources.html#row-trade-annual-2024")


def test_a_tap_opens_it_within_the_screen_and_another_closes_it(book, open_page):
    page = open_page(book.html / "economics.html", 360, 740, has_touch=True)
    number = page.locator("article a.fact").nth(3)
    number.tap()
    note = page.locator(f"#{number.get_attribute('data-note')}")
    assert note.is_visible()
    box = note.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 740
    page.locator("article h1").tap()
    assert not note.is_visible()


def test_a_note_leads_to_the_row_and_the_source(book, open_page):
    page = open_page(book.html / "economics.html")
    page.locator("a.fact[data-note='note-economics-crude-share']").first.click()
    page.locator("#note-economics-crude-share a").first.click()
    page.wait_for_url("**/sources.html#row-crude-imports-2024-russia")
    row = page.locator("#row-crude-imports-2024-russia")
    assert "mt 108.47" in row.inner_text()
    assert row.locator("a").first.get_attribute("href") == "#source-ubn-2025"


def test_without_script_a_number_leads_to_its_row_in_the_chapter(book, open_page):
    page = open_page(book.html / "index.html", java_script_enabled=False)
    page.locator("article a.fact[href^=economics]").first.click()
    assert page.url.endswith("economics.html#fact-economics-trade-total")


def test_a_link_into_the_folded_table_opens_it(book, open_page):
    page = open_page((book.html / "economics.html").resolve().as_uri() + "#fact-economics-trade-total")
    assert page.locator("#fact-economics-trade-total").is_visible()


def test_every_printed_fact_has_its_note_on_the_page(book, open_page):
    texts = {"note-" + f["id"].replace(".", "-").replace("_", "-"): f["text"] for f in book.facts().values()}
    for name in OWN:
        page = open_page(book.html / f"{name}.html")
        printed = page.evaluate("[...document.querySelectorAll('article a.fact')].map(a => [a.dataset.note, a.textContent])")
        notes = page.evaluate("[...document.querySelectorAll('.note')].map(n => n.id)")
        assert {note for note, _ in printed} <= set(notes)
        assert len(notes) == len(set(notes))
        assert len(printed) > 8 or name not in CHAPTERS
        for note, text in printed:
            assert text == texts[note]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_figures_have_alt_text_with_numbers_and_a_download(book, open_page, chapter):
    page = open_page(book.html / f"{chapter}.html")
    look = "f => [f.querySelector('img').alt, f.querySelector('img').naturalWidth, f.querySelector('.exhibit-data').getAttribute('href')]"
    figures = page.evaluate(f"[...document.querySelectorAll('figure.exhibit')].map({look})")
    assert len(figures) >= 6
    for alt, drawn, download in figures:
        assert len(alt) > 60
        assert re.search(r"\d", alt)
        assert drawn > 0
        assert (book.html / download).exists()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_figure_text_stays_legible_on_a_phone(book, open_page, chapter):
    """The smallest text of a figure, as drawn, is at least 9 CSS pixels high on a screen 360 px wide."""
    page = open_page(book.html / f"{chapter}.html", 360)
    points = 10  # size of tick labels in the style
    for shown, natural in page.evaluate("[...document.querySelectorAll('figure.exhibit img')].map(i => [i.clientWidth, i.naturalWidth])"):
        assert points * 4 / 3 * shown / natural >= 9


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_table_headers_have_scope_and_tables_scroll_by_themselves(book, open_page, chapter):
    page = open_page(book.html / f"{chapter}.html", 360)
    assert page.evaluate("[...document.querySelectorAll('article table')].every(t => [...t.querySelectorAll('th')].every(h => h.scope))")
    assert page.evaluate("[...document.querySelectorAll('div.exhibit table')].every(t => t.closest('.scroll'))")


def test_code_is_folded_and_search_finds_a_word(book, open_page):
    page = open_page(book.html / "economics.html")
    assert page.locator("details.above-input[open]").count() == 0
    assert page.locator("details.above-input").count() > 10
    search = open_page((book.html / "search.html").resolve().as_uri() + "?q=ambassador")
    search.wait_for_selector("#search-results li a")
    found = search.locator("#search-results li a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert any("economics.html" in href for href in found)
    assert search.said == []


def test_names_in_other_scripts_are_marked_with_their_language(book, open_page):
    page = open_page(book.html / "economics.html")
    assert page.locator("span[lang='ru']").first.inner_text() == "Сила Сибири — 2"
    assert page.locator("span[lang='zh-Hans']").first.inner_text() == "西伯利亚力量2号"


def test_pages_are_light(book):
    """What a first visit loads, gzipped, is under 700 KiB for every page."""
    import gzip

    def size(file):
        return len(gzip.compress(file.read_bytes()))

    for name in PAGES:
        text = (book.html / f"{name}.html").read_text(encoding="utf-8")
        parts = {p.split("?")[0] for p in re.findall(r'(?:src|href)="((?:_static|_images)/[^"]+|searchindex\.js)"', text)}
        total = size(book.html / f"{name}.html") + sum(size(book.html / p) for p in parts if (book.html / p).is_file())
        assert total < 700 * 1024, name


EVIL = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "formula": '=HYPERLINK("https://evil.example/","x")',
    "roles": "{fact}`economics.total` **bold** [x](https://evil.example/) ${{ 7*7 }} {{ 7*7 }} {% raw %} {{ cycler.__init__.__globals__ }}",
    "css": "</style><style>article{display:none}</style><p style=position:fixed>@import url(https://evil.example/a.css)",
    "tex": "\\input{/etc/passwd} } { ```{eval-rst} <!-- --> %% :::{note}",
}


def test_text_from_data_is_harmless(tmp_path, open_page):
    """Markup, formulas, roles, templates and styles in any text of the data print as they stand and do nothing."""
    workspace = small_project(tmp_path / "evil", chapters=("economics",))
    quoted = {k: '"' + v.replace('"', '""') + '"' for k, v in EVIL.items()}
    annual = "data/economics/trade_annual.csv"
    lines = (workspace.root / annual).read_text(encoding="utf-8").splitlines()
    for i, line in enumerate(lines):
        if line.startswith("2023,"):
            lines[i] = f"2023,110.97,129.14,,26.3,{quoted['formula']},teller-2024-01-12,,{quoted['css']},read,{quoted['roles']}"
    (workspace.root / annual).write_text("\n".join(lines) + "\n", encoding="utf-8")
    publisher = quoted["tex"][:-1] + ' (RT Russian)"'  # which keeps its tier
    old = "Trade turnover between Russia and China reached a record $240 billion,Teller Report (RT Russian),"
    workspace.edit("data/sources.csv", old, f"{quoted['script']},{publisher},")
    workspace.edit(annual, "2024,115.49,129.32,,1.9,GACC", f"2024,115.49,129.32,,1.9,{quoted['script']}")
    workspace.edit("data/claims.csv", "Two-way goods trade of 2023", EVIL["script"] + EVIL["css"] + " " + EVIL["roles"])
    workspace.edit("data/disagreements.csv", '"Russia\'s crude exports to China, 2023"', quoted["formula"])  # it makes a verdict fragile
    columns = {"year": ("Year", None), "note": ("Note", None), "reporter": ("By", None), "locator": ("Where", None)}
    table = ("code", f"chapter.table('evil', annual.tail(3), title=annual.iloc[-2]['note'], unit=annual.iloc[-2]['locator'], columns={columns})")
    judged = [("code", "chapter.claims()"), ("markdown", "## Claims\n\n:::{claims} economics\n:::")]
    write_chapter(workspace, "economics", [*SMALL_CHAPTER[:4], table, judged[0], *SMALL_CHAPTER[4:], judged[1]])
    workspace.build()
    for name in ("economics", "sources"):
        page = open_page(workspace.html / f"{name}.html")
        page.wait_for_timeout(300)
        assert page.said == []
        assert page.evaluate("document.querySelectorAll('article script, article style, article img[onerror], article p[style]').length") == 0
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        assert page.locator("article").is_visible()
        assert EVIL["script"] in page.locator("article").inner_text()
        assert page.locator("article a[href*='evil.example']").count() == 0
    assert EVIL["tex"] in page.locator("article").inner_text()
    text = open_page(workspace.html / "economics.html").locator("#tab-evil").inner_text()
    for kind in ("roles", "formula", "css"):
        assert EVIL[kind] in text
    exported = (workspace.html / "downloads" / "economics" / "evil.csv").read_text(encoding="utf-8")
    assert "\"'=HYPERLINK(" in exported
    assert "\"'=HYPERLINK(" in (workspace.html / "downloads" / "tables" / "trade_annual.csv").read_text(encoding="utf-8")
    claims = list(csv.DictReader(io.StringIO((workspace.html / "claims.csv").read_text(encoding="utf-8"))))
    assert next(c["flips"] for c in claims if c["id"] == "oil-volume-2023").startswith(f"'{EVIL['formula']}: 100 instead of")
    assert not any(cell.startswith(tuple("=+@")) for c in claims for cell in c.values())
    references = (workspace.html / "downloads" / "references.bib").read_text(encoding="utf-8")
    assert "/input(/etc/passwd) ) (" in references
    assert "\\input" not in references


def test_facts_json_keeps_the_contract(book):
    data = json.loads((book.html / "facts.json").read_text(encoding="utf-8"))
    assert {"focus_year", "date", "version", "data", "pdf"} <= set(data["edition"])
    vintages = [t["vintage"] for t in json.loads((ROOT / "data" / "datapackage.json").read_text(encoding="utf-8"))["resources"] if "/" in t["path"]]
    assert data["edition"]["date"] == max(vintages)
    for fact in data["facts"]:
        assert {"id", "label", "value", "unit", "text", "formula", "inputs", "evidence"} <= set(fact)
        assert fact["inputs"] or fact["value"] == 0 or fact["id"].startswith("summary."), fact["id"]  # a count may be of no row
        for cell in fact["inputs"]:
            assert {"table", "key", "column", "value", "source"} <= set(cell)


def test_claims_json_keeps_the_contract(book):
    names = "id chapter quote claimed unit verdict at_the_time outcome confidence decided_by robust flips facts why sources checked"
    for claim in book.json("claims.json"):
        assert set(names.split()) <= set(claim)

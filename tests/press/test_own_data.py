"""A folder of one's own: its rows are badged wherever they show, in HTML and PDF, and everything else comes from the book."""

from __future__ import annotations

import re
import subprocess

import pytest
from workspace import SMALL_CHAPTER, Workspace, small_project, write_chapter

TABLE = (
    "code",
    "columns = {'year': ('Year', None), 'total_usd_bn': ('Total', 1)}\n"
    "chapter.table('totals', annual.tail(2), title='Totals', unit='USD bn', columns=columns)",
)
CLAIMS = ("markdown", "## Claims\n\n:::{claims} economics\n:::")
MINE = "2024,120,130,,,me,mine-2025,,,supplied,my own count"
OF_NO_NUMBER = "2002,,,11.92,,me,mine-2025,,,supplied,a year of which the text says nothing"
SOURCE = "mine-2025,My count,Me,https://example.org/a,2025,en,own,CC0,2026-11,"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Workspace:
    """The small book, with its claims of the real chapter's name, built from a folder that replaces the row of 2024."""
    folder = tmp_path_factory.mktemp("own")
    workspace = small_project(folder / "project", chapters=("economics",))
    judged = ("code", "chapter.claims()")
    write_chapter(workspace, "economics", [*SMALL_CHAPTER[:4], TABLE, judged, *SMALL_CHAPTER[4:], CLAIMS])
    cover = "# Small book\n\nTrade: {fact}`economics.total`.\n\n:::{key-figures}\neconomics.total | USD bn | Trade | | \n:::\n\n:::{scorecard}\n:::\n"
    (workspace.root / "book" / "index.md").write_text(cover, encoding="utf-8")
    mine = folder / "mine"
    mine.mkdir()
    lines = (workspace.root / "data" / "economics" / "trade_annual.csv").read_text(encoding="utf-8").splitlines()
    lines = [next((own for own in (MINE, OF_NO_NUMBER) if own[:5] == line[:5]), line) for line in lines]
    (mine / "trade_annual.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sources = (workspace.root / "data" / "sources.csv").read_text(encoding="utf-8").splitlines()
    (mine / "sources.append.csv").write_text(f"{sources[0]}\n{SOURCE}\n", encoding="utf-8")
    workspace.told = workspace.build("--data", mine).stdout
    return workspace


def badged(page: str, pattern: str) -> bool:
    return re.search(pattern + r'[^\n]{0,40}<span class="badge">', page) is not None


def test_the_build_names_the_rows_on_which_no_number_rests(built):
    assert "Your data: 2 rows supplied, 1 of them behind numbers of the text." in built.told
    assert "behind no number: trade_annual 2002 (" in built.told
    assert "trade_annual 2024" not in built.told


def test_facts_are_supplied_where_they_rest_on_a_row_of_the_user(built):
    facts = built.facts()
    assert facts["economics.total"]["evidence"] == "supplied"
    assert facts["economics.trade_2023"]["evidence"] == "read"


def test_numbers_in_prose_and_on_the_cover_are_badged(built):
    for name in ("economics", "index"):
        page = (built.html / f"{name}.html").read_text(encoding="utf-8")
        assert badged(page, r'data-note="note-economics-total">250\.0</a>')
    assert badged((built.html / "index.html").read_text(encoding="utf-8"), "key-label.*Trade</span>")


def test_pop_overs_are_badged_with_each_row_that_is_the_user_s(built):
    page = (built.html / "economics.html").read_text(encoding="utf-8")
    note = page[page.index('id="note-economics-total"') :].split("</div>")[0]
    assert note.count('<span class="badge">your data</span>') == 3  # the number, exports and imports
    other = page[page.index('id="note-economics-trade-2023"') :].split("</div>")[0]
    assert "badge" not in other


def test_figures_tables_and_their_rows_are_badged(built):
    page = (built.html / "economics.html").read_text(encoding="utf-8")
    assert page.count('<span class="badge">holds your data</span>') == 2
    table = page[page.index('id="tab-totals"') :].split("</table>")[0]
    assert re.findall(r'<th scope="row"[^>]*>(\d{4})( <span class="badge">)?', table) == [
        ("2023", ""),
        ("2024", ' <span class="badge">'),
    ]


def test_fact_table_and_claims_are_badged(built):
    page = (built.html / "economics.html").read_text(encoding="utf-8")
    row = page[page.index('id="fact-economics-total"') :].split("</tr>")[0]
    assert '<span class="badge">your data</span>' in row
    assert "badge" not in page[page.index('id="fact-economics-trade-2023"') :].split("</tr>")[0]
    claims = built.claims()
    resting = {i for i, c in claims.items() if c["evidence"] == "supplied"}
    assert resting
    assert len(resting) < len(claims)
    for name in claims:
        section = page[page.index(f'id="claim-{name}"') :].split("</section>")[0]
        assert ("rests on your data" in section) == (name in resting)
    cover = (built.html / "index.html").read_text(encoding="utf-8")
    assert f'<span class="badge">{len(resting)} of these verdicts rest' in cover


def test_sources_name_the_user_s_rows(built):
    page = (built.html / "sources.html").read_text(encoding="utf-8")
    assert '<span class="badge">2 of them your data</span>' in page
    row = page[page.index('id="row-trade-annual-2024"') :].split("</li>")[0]
    assert '<span class="badge">your data</span>' in row
    listed = re.findall(r'<li id="source-([^"]+)"><span class="source-title">[^<]*</span>\. ?(<span class="badge">your data</span>)?', page)
    assert len(listed) > 3
    assert [name for name, badge in listed if badge] == ["mine-2025"]


def test_the_pdf_is_badged(built):
    text = subprocess.run(["pdftotext", "-layout", str(built.pdf()), "-"], capture_output=True, text=True, check=True).stdout
    flat = " ".join(text.split())
    assert "Trade was 250.0 your data bn" in flat
    assert flat.count("holds your data") == 2
    assert "rests on your data" in flat.lower()
    assert "2024 your data" in flat


def test_the_book_s_own_edition_has_no_badge(built):
    built.build("--out", built.root.parent / "plain")
    for page in (built.root.parent / "plain" / "html").glob("*.html"):
        assert 'class="badge"' not in page.read_text(encoding="utf-8"), page.name

"""The PDF, read with PDF libraries and poppler: tags, contents, fonts, alt texts, and the same numbers as the page."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import pairwise

import pikepdf
import pypdfium2
import pytest
from workspace import CHAPTERS, Workspace, small_project

TITLES = ["Exploring the Russia-China Alliance in 2024", "Summary", *(name.capitalize() for name in CHAPTERS), "Claims", "Timeline", "Methods"]
TITLES += ["Sources", "Glossary", "Changes"]


@pytest.fixture(scope="module")
def pdf(book):
    with pikepdf.open(book.pdf()) as document:
        yield document


def text_of(workspace: Workspace) -> str:
    done = subprocess.run(["pdftotext", "-layout", str(workspace.pdf()), "-"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def text(book) -> str:
    return text_of(book)


def flat(text: str) -> str:
    """Text without spaces, line breaks and hyphens, which the PDF adds and breaks at."""
    return re.sub(r"[\s‐-]+", "", text)


def elements(node) -> list:
    """All structure elements below a node of the structure tree, in reading order."""
    kids = node.get("/K")
    kids = [] if kids is None else list(kids) if isinstance(kids, pikepdf.Array) else [kids]
    found = []
    for kid in kids:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            found += [kid, *elements(kid)]
    return found


@pytest.fixture(scope="module")
def tree(pdf) -> list:
    return elements(pdf.Root.StructTreeRoot)


def of_kind(tree, *kinds) -> list:
    return [e for e in tree if str(e.S) in kinds]


def test_lists_of_provenance_stay_on_the_screen(text, book):
    """Their headings would stand alone on paper, and in the contents."""
    assert "The numbers of this" not in text
    assert "The numbers of this chapter" in (book.html / "economics.html").read_text(encoding="utf-8")


def test_it_is_tagged_pdf_ua_1_with_title_and_language(pdf):
    assert bool(pdf.Root.MarkInfo.Marked)
    assert str(pdf.Root.Lang) == "en"
    assert str(pdf.docinfo["/Title"]) == "Exploring the Russia-China Alliance in 2024"
    assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
    with pdf.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"


def test_headings_nest_without_gaps(tree):
    levels = [int(str(e.S)[2:]) for e in tree if re.fullmatch(r"/H[1-6]", str(e.S))]
    assert levels.count(1) == len(TITLES)
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_every_figure_has_its_alt_text_in_the_structure_tree(book, tree):
    alts = {str(e.Alt) for e in of_kind(tree, "/Figure")}
    records = [json.loads(f.read_text(encoding="utf-8")) for f in (book.out / "executed").glob("*.json")]
    assert alts == {e["alt"] for r in records for e in r["exhibits"] if e["kind"] == "figure"}


def test_table_headers_have_a_scope(tree):
    headers = of_kind(tree, "/TH")
    assert len(headers) > 100
    for header in headers:
        attributes = header.get("/A")
        attributes = attributes if isinstance(attributes, pikepdf.Array) else [attributes]
        scopes = [str(a["/Scope"]) for a in attributes if a is not None and "/Scope" in a]
        assert scopes
        assert scopes[0] in ("/Column", "/Row")


def test_headers_are_repeated_where_a_table_breaks(text):
    pages = text.split("\f")
    timeline = [p for p in pages if re.search(r"^\s*Date\s+Kind\s+Event\s*$", p, flags=re.MULTILINE)]
    assert len(timeline) >= 2  # the table of events runs over pages


def test_figures_are_vectors(pdf):
    for page in pdf.pages:
        for image in page.get_images().values() if hasattr(page, "get_images") else page.images.values():
            raise AssertionError(f"a raster image: {image}")


def test_contents_name_the_pages_on_which_the_sections_stand(text):
    pages = text.split("\f")
    first = next(i for i, p in enumerate(pages) if re.search(r"^\s*Contents\s*$", p, flags=re.MULTILINE))
    cover = next(i for i, p in enumerate(pages) if "The answer" in p and "....." not in p)
    entries = re.findall(r"^\s*(\S.*?)\s*\.{3,}\s*(\d+)\s*$", "\n".join(pages[first:cover]), flags=re.MULTILINE)
    assert sum(title == "In brief" for title, _ in entries) == len(CHAPTERS)
    numbers = [int(number) for _, number in entries]
    assert numbers == sorted(numbers)
    assert numbers[0] > cover
    for title, number in entries:
        assert flat(title) in flat(pages[int(number) - 1]), f"{title} is not on page {number}"
        assert re.search(rf"\b{number}\s*$", pages[int(number) - 1].rstrip()), f"page {number} does not print its number"


def test_bookmarks_follow_the_headings(pdf):
    with pdf.open_outline() as outline:
        top = [item.title for item in outline.root]
        economics = next(item for item in outline.root if item.title == "Economics")
        sections = [child.title for child in economics.children]
    assert top[-len(TITLES) :] == TITLES
    assert sections[:2] == ["In brief", "Trade and its balance"]


def test_running_heads_name_book_and_chapter(text):
    pages = text.split("\f")
    inner = next(p for p in pages if "In brief" not in p and "Russia's surplus was USD" in p)
    head = inner.strip().splitlines()[0]
    assert head.split("  ")[0].strip() == "Exploring the Russia-China Alliance in 2024"
    assert head.split("  ")[-1].strip() == "Economics"


def test_every_fact_that_html_shows_is_in_the_text(book, text):
    shown = flat(text)
    for page in ("index", "summary", *CHAPTERS):
        source = (book.html / f"{page}.html").read_text(encoding="utf-8")
        printed = re.findall(r'<a class="fact"[^>]*>([^<]+)</a>', source)
        assert len(printed) > 8
        for fact in printed:
            assert flat(fact) in shown, fact


def test_sentences_of_the_page_stand_in_the_pdf_with_their_numbers(text):
    for sentence in (
        "By China’s count two-way trade rose 2.0% to USD 244.8 bn in 2024, after growth of 26.2% the year before (high confidence).",
        "the rules gave 242.7 to 256.8 bn, three of four less than the account (moderate confidence); the year closed at 244.8 bn (high confidence)",
        "Russia was the largest supplier of China’s crude oil: 108.5 Mt, 19.6% of China’s imports (high confidence).",
    ):
        assert flat(sentence) in flat(text)


def test_claims_print_quote_verdict_and_reason(book, text):
    shown = flat(text)
    for claim in book.claims().values():
        assert flat(f"“{claim['quote']}”") in shown
        assert flat(claim["why"]) in shown
        assert flat(claim["verdict"].upper()) in shown


def test_no_code_is_printed(text):
    for word in ("import pandas", "chapter.fact", "focus_year =", "Show code"):
        assert word not in text


def fonts(file) -> dict[str, str]:
    """Embedded fonts by name as poppler lists them."""
    lines = subprocess.run(["pdffonts", str(file)], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    return {line.split()[0].split("+")[-1]: line for line in lines}


def test_fonts_come_from_the_dependencies_and_are_embedded(book):
    listed = fonts(book.pdf())
    assert {name.split("-")[1] for name in listed} == {"Serif", "Sans", "CJK", "Symbols"}
    assert all(name.startswith("Book-") for name in listed), listed  # the families that the builder declares
    assert all(" yes yes " in line for line in listed.values())


def test_chinese_and_russian_names_are_text(text):
    assert "Сила Сибири — 2" in text
    assert "西伯利亚力量2号" in text


def test_the_letters_are_the_same_under_an_empty_fontconfig(book, tmp_path):
    """A machine without any font of its own prints the same pages."""
    workspace = small_project(tmp_path / "fontless")
    workspace.cell("small", "Trade was", "{native}`power-of-siberia`. Trade was")
    empty = tmp_path / "fonts.conf"
    empty.write_text('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>', encoding="utf-8")
    workspace.build(env={"FONTCONFIG_FILE": str(empty)})
    listed = fonts(workspace.pdf())
    assert any("CJK" in name for name in listed), listed
    found = text_of(workspace)
    assert "Сила Сибири" in found
    assert "中俄东线天然气管道" in found
    assert "244.8" in found


def test_no_page_is_blank_and_pdfium_draws_them_all(book):
    document = pypdfium2.PdfDocument(str(book.pdf()))
    assert len(document) > 15
    for page in document:
        pixels = page.render(scale=0.3, grayscale=True).to_numpy()
        assert (pixels < 200).mean() > 0.002, f"page {page}"


def test_chinese_is_drawn_with_chinese_shapes(tmp_path):
    """The language of a name picks its shapes: the same signs marked as Japanese look different."""
    from alliance.press.paper import font_faces
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    def draw(language):
        fonts = FontConfiguration()
        page = HTML(string=f'<html lang="en"><p lang="{language}" style="font: 60px Book CJK">骨直海角')
        page.write_pdf(str(tmp_path / f"{language}.pdf"), stylesheets=[CSS(string=font_faces(), font_config=fonts)], font_config=fonts)
        return pypdfium2.PdfDocument(str(tmp_path / f"{language}.pdf"))[0].render(scale=1, grayscale=True).to_numpy()

    assert (draw("zh-Hans") != draw("ja")).any()


def test_links_lead_within_the_book_or_to_the_web(pdf):
    """None to a file of the machine that built it."""
    addresses = []
    for page in pdf.pages:
        for note in page.get("/Annots", []):
            action = note.get("/A")
            if action is not None and "/URI" in action:
                addresses.append(str(action.URI))
    assert len(addresses) > 50
    assert [a for a in addresses if not a.startswith(("http://", "https://"))] == []

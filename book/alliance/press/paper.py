"""Sphinx builder for the PDF: the pages' own HTML, without the web theme, typeset by WeasyPrint.

The theme's stylesheets are never used: WeasyPrint needs many minutes for their flex boxes. Layout is in
``_templates/print.css`` (Jupyter Book would load anything in ``_static`` into the web pages too).
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import font_source_sans_pro
import fontpkg_source_serif_4
import matplotlib
import noto_cjk_sans_otc
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.singlehtml import SingleFileHTMLBuilder

HIDDEN = {"cell_input", "above-input", "tag_remove-cell"}
ON_SCREEN_ONLY = {"the-numbers-of-this-chapter", "the-numbers-of-this-page"}  # lists of provenance: facts.json has them


class PaperBuilder(SingleFileHTMLBuilder):
    """One tagged PDF (PDF/UA-1) of the whole book: cover, contents with page numbers, chapters."""

    name = "paper"
    format = "html"
    epilog = "The PDF is %(outdir)s/book.pdf."
    supported_image_types: ClassVar[list[str]] = ["image/svg+xml", "image/png", "image/jpeg"]

    def get_theme_config(self):
        return "basic", {}

    def assemble_doctree(self) -> nodes.document:
        tree = super().assemble_doctree()
        for node in list(tree.findall(nodes.Element)):
            if HIDDEN & set(node.get("classes", [])) and node.parent is not None:
                node.parent.remove(node)
        for page in list(tree.findall(addnodes.start_of_file)):
            page.parent.remove(page)
            tree += page  # beside the cover, not within its section, so that each page's title is a first-level heading
            for section in list(page.findall(nodes.section)):
                if ON_SCREEN_ONLY & set(section["ids"]):
                    section.parent.remove(section)
                section["ids"] = [f"{page['docname']}-{name}" for name in section["ids"]]  # chapters have sections of the same name
        self.contents = [entry for page in tree.findall(addnodes.start_of_file) for entry in _contents(page)]
        return tree

    def assemble_toc_fignumbers(self):
        return self.env.toc_fignumbers  # figures know their page, so the numbers need no merging

    def write_doc_serialized(self, docname, doctree):
        """Find the images; there is nothing to index, as the PDF has no search."""
        self.imgpath = "_images"
        self.post_process_images(doctree)

    def handle_page(self, pagename, addctx, templatename="page.html", outfilename=None, event_arg=None):
        if "body" not in addctx:
            return
        book, body = self.app.alliance, _paper_body(addctx["body"])
        page = book.render("paper", title=self.config.html_title, edition=book.edition, contents=self.contents, body=body)
        (Path(self.outdir) / "book.html").write_text(page, encoding="utf-8")

    def finish(self):
        """Typeset the page; only its images are needed beside it."""
        from weasyprint import CSS, HTML
        from weasyprint.text.fonts import FontConfiguration

        (Path(self.outdir) / "_static").mkdir(exist_ok=True)  # other extensions write there at the end
        self.copy_image_files()
        fonts = FontConfiguration()
        style = (Path(self.srcdir) / "_templates" / "print.css").read_text(encoding="utf-8")
        faces = CSS(string=font_faces(), font_config=fonts)
        page = HTML(filename=str(Path(self.outdir) / "book.html"))
        with _fixed_clock():
            page.write_pdf(
                str(Path(self.outdir) / "book.pdf"),
                stylesheets=[faces, CSS(string=style, font_config=fonts)],
                font_config=fonts,
                pdf_variant="pdf/ua-1",
                finisher=_add_scopes,
            )


@contextmanager
def _fixed_clock():
    """Variable fonts are cut to the weights used and stamped with the time; only here may that variable be set."""
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    try:
        yield
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]


def _add_scopes(document, pdf) -> None:
    """Say of every header cell whether it heads a column or a row; WeasyPrint tells only which headers a cell has."""
    tagged = {o.reference: o for o in pdf.objects if isinstance(o, dict) and "S" in o}
    for cell in tagged.values():
        if cell["S"] == "/TH":
            section = tagged[tagged[cell["P"]]["P"]]
            cell["A"]["Scope"] = "/Column" if section["S"] == "/THead" else "/Row"


def _contents(page: nodes.Element) -> list[dict]:
    """Titles of a page and of its sections, with the anchors that they have in the single document."""
    entries = []
    for section in page.findall(nodes.section):
        depth = 1
        parent = section.parent
        while parent is not page and parent is not None:
            depth += isinstance(parent, nodes.section)
            parent = parent.parent
        if depth <= 2:
            title = section.next_node(nodes.title)
            entries.append({"title": title.astext(), "anchor": section["ids"][0], "depth": depth})
    return entries


def _paper_body(body: str) -> str:
    """Addresses of other pages lead within the one document; files that lie beside the pages are no links on paper."""
    body = re.sub(r"<!--web-->.*?<!--/web-->", "", body, flags=re.DOTALL)
    body = re.sub(r'<a class="fact"[^>]*>(.*?)</a>', r"\1", body)  # a number prints plain
    body = re.sub(r'href="[\w-]+\.html#', 'href="#', body)
    body = re.sub(r' href="(?!#|https?:)[^"]*"', "", body)
    return body.replace("<details", "<div").replace("</details>", "</div>").replace("<summary>", '<p class="summary">').replace("</summary>", "</p>")


def font_faces() -> str:
    """Stylesheet that declares the book's fonts from the packages that carry them."""
    serif, sans = Path(fontpkg_source_serif_4.__file__).parent / "files", Path(font_source_sans_pro.__file__).parent / "files"
    faces = [
        ("Book Serif", "normal", "200 900", serif / "SourceSerif4[opsz,wght].ttf"),
        ("Book Serif", "italic", "200 900", serif / "SourceSerif4-Italic[opsz,wght].ttf"),
        ("Book Sans", "normal", "400", sans / "SourceSansPro-Regular.ttf"),
        ("Book Sans", "normal", "600", sans / "SourceSansPro-Semibold.ttf"),
        ("Book Sans", "italic", "400", sans / "SourceSansPro-It.ttf"),
        ("Book Symbols", "normal", "400", Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"),
        ("Book CJK", "normal", "400", Path(noto_cjk_sans_otc.__file__).parent / "NotoSansCJK-Regular.ttc"),
    ]
    rules = (
        f'@font-face {{ font-family: "{family}"; font-style: {style}; font-weight: {weight}; src: url("{path.as_uri()}"); }}'
        for family, style, weight, path in faces
    )
    return "\n".join(rules)


def setup(app: Sphinx) -> dict:
    app.add_builder(PaperBuilder)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

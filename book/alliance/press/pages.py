"""Sphinx extension: the roles and directives with which pages print what chapters computed.

Everything that comes from data reaches a page as escaped text, through nodes or autoescaping templates; it is never
parsed as Markdown or HTML.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from alliance.press.book import Book
from alliance.press.directives import DIRECTIVES
from alliance.press.nodes import add_nodes, fact_notes, fact_reference
from alliance.press.roles import ROLES, TermRole
from alliance.press.transforms import TRANSFORMS


def load_book(app: Sphinx) -> None:
    """Read what the chapters published; the book's title follows the focus year."""
    book = app.alliance = Book(Path(app.srcdir))
    years = [str(book.edition[y]) for y in ("written_for", "focus_year")]
    app.config.html_title = app.config.html_title.replace(*years)
    app.config.project = app.config.project.replace(*years)


def append_notes(app: Sphinx, doctree: nodes.document) -> None:
    """Close every page with the provenance of the facts it prints."""
    cited = [n["fact"] for n in doctree.findall(fact_reference)]
    cited += app.env.metadata[app.env.docname].get("cited_facts", [])
    if cited:
        doctree += fact_notes(facts=list(dict.fromkeys(cited)))


DROPPED_SCRIPTS = ("thebe", "togglebutton", "toggleHint", "toggleOpen", "clipboard", "copybutton", "design-tabs")


def add_edition(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Every page knows the edition and its PDF."""
    context["edition"] = app.alliance.edition


def drop_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Scripts that the book does not use are not loaded."""
    dropped = lambda f: any(word in str(getattr(f, "filename", f)) + str(getattr(f, "attributes", "")) for word in DROPPED_SCRIPTS)  # noqa: E731
    context["script_files"] = [f for f in context.get("script_files", []) if not dropped(f)]


def drop_thebe(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Take out the configuration of live cells, which Jupyter Book adds to every page with code."""
    for raw in list(doctree.findall(nodes.raw)):
        if "x-thebe-config" in raw.astext() or "kernelName" in raw.astext():
            raw.parent.remove(raw)


def tidy_theme(app: Sphinx, failure) -> None:
    """Take out of the theme what the book does not load, and its talk on the console."""
    scripts = Path(app.outdir) / "_static" / "scripts"
    if failure or app.builder.name == "paper" or not scripts.is_dir():
        return
    for file in [*scripts.glob("fontawesome*"), *Path(app.outdir).rglob("*.map")]:
        file.unlink(missing_ok=True)
    for script in [*scripts.glob("*.js"), Path(app.outdir) / "search.html"]:
        talk = re.compile(r"console\.log\((`[^`]*`|\"[^\"]*\"|'[^']*')\)")
        script.write_text(talk.sub("void 0", script.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", load_book)
    app.connect("doctree-read", append_notes)
    app.connect("doctree-resolved", drop_thebe, priority=900)  # after sphinx-thebe has added it
    app.connect("html-page-context", add_edition, priority=100)  # before the theme renders its parts
    app.connect("html-page-context", drop_scripts, priority=900)
    app.connect("build-finished", tidy_theme)
    for transform in TRANSFORMS:
        app.add_transform(transform)
    add_nodes(app)
    for name, role in ROLES.items():
        app.add_role(name, role())
    app.add_role_to_domain("std", "term", TermRole(), override=True)  # Sphinx would look there first
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

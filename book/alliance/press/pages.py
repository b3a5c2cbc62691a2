"""Sphinx extension: the roles and directives with which pages print what chapters computed.

Everything that comes from data reaches a page as escaped text, through nodes or autoescaping templates; it is never
parsed as Markdown or HTML.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from jinja2 import Environment, FileSystemLoader, select_autoescape
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from alliance.press.compile import STAGED, row_anchor
from alliance.verdicts import SYMBOLS, VERDICTS

logger = logging.getLogger(__name__)

GLOSSARY = "glossary"  # the page that the names of the glossary lead to
BADGE = ' <span class="badge">your data</span>'
NOTE_INPUTS = 8  # rows shown in a pop-over before "and n more"
RULE_NAMES = {
    "within": "equal within a tolerance",
    "at_least": "reaches a stated level",
    "at_most": "keeps below a stated level",
    "grew": "grew from before to after",
    "still": "reaches a stated level now, or only did before",
    "largest": "exceeds all others",
    "worded_or_meant": "fits as worded, or only as it must be meant",
    "estimate": "equal to the plan when made, and to the outcome, within a tolerance",
    "forecast": "forecast against what could be expected, and the outcome",
}
TIERS = ("official statistics", "office statement", "research", "press", "state media")


class Book:
    """The edition as pages see it, and the templates that typeset it."""

    def __init__(self, source: Path):
        data = json.loads((source / STAGED).read_text(encoding="utf-8"))
        self.edition, self.chapters, self.sources = data["edition"], data["chapters"], data["sources"]
        self.glossary, self.tables, self.rows = data["glossary"], data["tables"], data["rows"]
        self.account, self.claim_order = data["account"], data["claims"]
        self.disagreements, self.corrections, self.since = data["disagreements"], data["corrections"], data["since"]
        self.facts = {f["id"]: f for r in self.chapters.values() for f in r["facts"]}
        self.guards = {g["id"]: g for r in self.chapters.values() for g in r["guards"]}
        self.findings = {f["id"]: f for r in self.chapters.values() for f in r["findings"]}
        self.claims = {c["id"]: c for r in self.chapters.values() for c in r["claims"]}
        self.exhibits = {(c, e["kind"], e["key"]): e for c, r in self.chapters.items() for e in r["exhibits"]}
        self.templates = Environment(loader=FileSystemLoader(source / "_templates"), autoescape=select_autoescape())

    def find(self, collection: dict, page: str, name: str):
        """A record by its full name, or by its name within the page's own chapter."""
        return collection.get(name) or collection.get(f"{page}.{name}")

    def render(self, template: str, **context) -> str:
        return self.templates.get_template(f"{template}.html").render(sources_page="sources.html", **context)

    def publisher(self, source: str) -> str:
        return self.sources[source]["publisher"]


def anchor(fact_id: str) -> str:
    return fact_id.replace(".", "-").replace("_", "-")


# nodes


class fact_reference(nodes.Inline, nodes.TextElement):
    """A printed number that opens its provenance."""


class fact_notes(nodes.General, nodes.Element):
    """The provenance of all facts of a page."""


class of_another_year(nodes.General, nodes.Element):
    """A paragraph that was written for the edition's own year, in a build of another."""


class report_figure(nodes.General, nodes.Element):
    """A figure: title, unit, image with alt text, note and source line."""


class report_table(nodes.General, nodes.Element):
    """A table: title, unit, header, rows, note and source line."""


def visit_fact(translator, node):
    name = anchor(node["fact"])
    page = "" if node["home"] == translator.builder.current_docname else f"{node['home']}.html"
    translator.body.append(f'<a class="fact" href="{page}#fact-{name}" data-note="note-{name}">')


def depart_fact(translator, node):
    translator.body.append(f"</a>{BADGE if node['supplied'] else ''}")


def visit_notes(translator, node):
    book = translator.builder.app.alliance
    if translator.builder.name != "paper":
        translator.body.append('<div class="notes">')
        translator.body += [render_note(book, book.facts[name]) for name in node["facts"]]
        translator.body.append("</div>")
    raise nodes.SkipNode


def render_note(book: Book, fact: dict) -> str:
    inputs = [
        {
            "anchor": row_anchor(i["table"], i["key"]),
            "place": f"{i['table']}, {', '.join(i['key'].values())}: {i['column']}",
            "value": f"{i['value']:.10g}" if isinstance(i["value"], float) else i["value"],
            "publisher": book.publisher(i["source"]) if i["source"] else "",
            "published": book.sources[i["source"]]["published"] if i["source"] else "",
            "locator": i["locator"],
            "supplied": i["evidence"] == "supplied",
        }
        for i in fact["inputs"][:NOTE_INPUTS]
    ]
    home = f"{fact['id'].split('.')[0]}.html"
    definitions = dict.fromkeys(f"{name.split('.')[1]} = {formula}" for name, formula in fact["definitions"].items())
    return book.render(
        "note",
        fact=fact,
        definitions=list(definitions),
        anchor=anchor(fact["id"]),
        inputs=inputs,
        more=max(0, len(fact["inputs"]) - NOTE_INPUTS),
        home_page=home,
    )


def visit_of_another_year(translator, node):
    edition = translator.builder.app.alliance.edition
    words = f"Written for {edition['written_for']}, not for {edition['focus_year']}"
    if translator.builder.name == "paper":
        translator.body.append(f'<div class="other-year"><p class="other-year-mark">{words}</p>')
    else:
        translator.body.append(f'<details class="other-year"><summary>{words}</summary>')


def depart_of_another_year(translator, node):
    translator.body.append("</div>" if translator.builder.name == "paper" else "</details>")


def _number(translator, node) -> str:
    """ "Figure 3", from the numbers that Sphinx gave out; the same in every builder."""
    figtype = "figure" if isinstance(node, report_figure) else "table"
    number = translator.builder.env.toc_fignumbers[node["page"]][figtype][node["ids"][0]]
    label = translator.config.numfig_format[figtype] % ".".join(map(str, number))
    return f'<span class="caption-number">{label}</span>'


def visit_figure(translator, node):
    book, record = translator.builder.app.alliance, node["record"]
    identifier = node["ids"][0]
    translator.body.append(f'<figure class="exhibit" id="{identifier}"><figcaption>{_number(translator, node)}')
    translator.body.append(book.render("figure", record=record) + "</figcaption>")


def depart_figure(translator, node):
    translator.body.append(_source_line(translator, node) + "</figure>")


def visit_table(translator, node):
    book, record = translator.builder.app.alliance, node["record"]
    escape = translator.encode
    head = "".join(f'<th scope="col"{_cell_class(n, text)}>{escape(text)}</th>' for text, n in zip(record["head"], record["numeric"], strict=True))
    long = " long" if len(record["rows"]) > 25 else ""
    name = node["ids"][0]
    translator.body.append(f'<div class="exhibit{long}" id="{name}"><div class="exhibit-caption" id="{name}-caption">')
    translator.body.append(f"{_number(translator, node)}{book.render('figure', record=record)}</div>")
    translator.body.append(f'<div class="scroll" tabindex="0" role="group" aria-labelledby="{name}-caption"><table aria-labelledby="{name}-caption">')
    translator.body.append(f"<thead><tr>{head}</tr></thead><tbody>")
    for (first, *rest), supplied in zip(record["rows"], record["supplied_rows"], strict=True):
        cells = "".join(f"<td{_cell_class(n, text)}>{escape(text)}</td>" for text, n in zip(rest, record["numeric"][1:], strict=True))
        translator.body.append(f'<tr><th scope="row"{_cell_class(False, first)}>{escape(first)}{BADGE if supplied else ""}</th>{cells}</tr>')
    translator.body.append(f"</tbody></table></div>{_source_line(translator, node)}</div>")
    raise nodes.SkipNode


def _cell_class(is_number: bool, text: str) -> str:
    if is_number:
        return ' class="number"'
    return ' class="date"' if re.fullmatch(r"\d{4}(-\d\d){1,2}", text) else ""


def _source_line(translator, node) -> str:
    book, record = translator.builder.app.alliance, node["record"]
    best_first = sorted(record["sources"], key=lambda s: TIERS.index(book.sources[s]["tier"]))
    publishers = list(dict.fromkeys(map(book.publisher, best_first)))
    shown = publishers if len(publishers) <= 4 else [*publishers[:3], f"{len(publishers) - 3} more, named in the data"]
    download = f"downloads/{node['chapter']}/{record['key']}.csv"
    return book.render("source-line", record=record, sources=shown, download=download)


# roles


class FactRole(SphinxRole):
    """``{fact}`trade_total` `` prints a fact's text; in HTML it opens the fact's provenance."""

    def run(self):
        book = self.env.app.alliance
        fact = book.find(book.facts, self.env.docname, self.text)
        if fact is None:
            return _unknown(self, "fact")
        node = fact_reference(self.rawtext, fact["text"], fact=fact["id"], home=fact["id"].split(".")[0], supplied=fact["evidence"] == "supplied")
        return [node], []


class ClaimRole(SphinxRole):
    """``{claim}`trade-250` `` quotes the account and links to the verdict."""

    def run(self):
        claim = self.env.app.alliance.claims.get(self.text)
        if claim is None:
            return _unknown(self, "claim")
        target = f"#claim-{claim['id']}"
        page = "" if claim["chapter"] == self.env.docname else f"{claim['chapter']}.html"
        return [nodes.reference(self.rawtext, f"“{claim['quote']}”", refuri=page + target, internal=True, classes=["claim-ref"])], []


class ClaimedRole(SphinxRole):
    """``{claimed}`trade-250` `` prints the number that a claim states."""

    def run(self):
        claim = self.env.app.alliance.claims.get(self.text)
        if claim is None or claim["claimed"] is None:
            return _unknown(self, "claimed value")
        return [nodes.inline(self.rawtext, f"{claim['claimed']:g}", classes=["claimed"])], []


class ConfidenceRole(SphinxRole):
    """``{confidence}`trade` `` prints how sure a finding is."""

    def run(self):
        book = self.env.app.alliance
        finding = book.find(book.findings, self.env.docname, self.text)
        if finding is None:
            return _unknown(self, "confidence")
        return [nodes.inline(self.rawtext, f"{finding['confidence']} confidence", classes=["confidence"])], []


class TermRole(SphinxRole):
    """``{term}`power-of-siberia` `` prints a name of the glossary."""

    def run(self):
        row = self.env.app.alliance.glossary.get(self.text)
        if row is None:
            return _unknown(self, "term")
        if GLOSSARY not in self.env.found_docs:
            return [nodes.inline(self.rawtext, row["term"], classes=["term"])], []
        address = f"{GLOSSARY}.html#term-{row['id']}"
        return [nodes.reference(self.rawtext, row["term"], refuri=address, internal=True, classes=["term"], reftitle=row["meaning"])], []


class native_name(nodes.Inline, nodes.TextElement):
    """A name in its own script, marked with its language."""


def visit_native(translator, node):
    translator.body.append(f'<span lang="{node["lang"]}">')


def depart_native(translator, node):
    translator.body.append("</span>")


class NativeRole(SphinxRole):
    """``{native}`power-of-siberia` `` prints a name of the glossary in Chinese and Russian."""

    def run(self):
        row = self.env.app.alliance.glossary.get(self.text)
        if row is None:
            return _unknown(self, "term")
        names = [(lang, row[column]) for lang, column in (("ru", "russian"), ("zh-Hans", "chinese")) if row[column]]
        parts: list[nodes.Node] = [nodes.Text("(")]
        for i, (lang, name) in enumerate(names):
            parts += [nodes.Text(", ")] if i else []
            parts.append(native_name(name, name, lang=lang))
        return [*parts, nodes.Text(")")], []


class EditionRole(SphinxRole):
    """``{edition}`date` `` prints a property of the edition."""

    def run(self):
        value = self.env.app.alliance.edition.get(self.text)
        if value is None:
            return _unknown(self, "property of the edition")
        if self.text == "pdf":
            return [nodes.raw("", f'<a class="pdf-link" href="{value}">Download this book as PDF.</a>', format="html")], []
        return [nodes.inline(self.rawtext, str(value))], []


def _unknown(role: SphinxRole, kind: str):
    logger.warning('there is no %s "%s"', kind, role.text, location=role.get_location())
    return [nodes.problematic(role.rawtext, role.rawtext)], []


class Guards(SphinxTransform):
    """Mark ``[sentences]{.guard-name}`` whose condition no longer holds."""

    default_priority = 400

    def apply(self, **options):
        book = self.app.alliance
        for span in list(self.document.findall(nodes.inline)):
            for name in [c.removeprefix("guard-") for c in span["classes"] if c.startswith("guard-")]:
                span["classes"].remove(f"guard-{name}")
                guard = book.find(book.guards, self.env.docname, name.replace("--", "."))  # a class holds no full stop
                if guard is None:
                    logger.warning('there is no guard "%s"', name, location=span)
                elif not guard["holds"]:
                    undecided = guard["holds"] is None
                    mark = "these data cannot tell" if undecided else "no longer true of these data"
                    span["classes"].append("guard-undecided" if undecided else "guard-broken")
                    span += nodes.inline("", f" [{mark}: {guard['meaning']}]", classes=["guard-mark"])


class OfAnotherYear(SphinxTransform):
    """In a build of another focus year, fold what tells of later years.

    A paragraph marked ``{.edition}`` is folded whatever it tells of, one marked ``{.any-year}`` never.
    """

    default_priority = 460

    def apply(self, **options):
        book = self.app.alliance
        year, written_for = book.edition["focus_year"], book.edition["written_for"]
        follows = self.env.docname in book.chapters or self.env.docname == self.config.root_doc
        if year == written_for or not follows:
            return
        for paragraph in list(self.document.findall(nodes.paragraph)):
            exempt = not isinstance(paragraph.parent, (nodes.section, nodes.list_item)) or "any-year" in paragraph["classes"]
            if not exempt and ("edition" in paragraph["classes"] or self._last_year(paragraph) > year):
                folded = of_another_year()
                paragraph.replace_self(folded)
                folded += paragraph

    def _last_year(self, paragraph) -> int:
        """The last year that a paragraph names outside quotes, or that its numbers rest on."""
        own_words = re.sub("“[^”]*”", "", paragraph.astext())
        facts = [self.app.alliance.facts[n["fact"]] for n in paragraph.findall(fact_reference)]
        keys = [str(v) for f in facts for i in f["inputs"] for v in i["key"].values()]
        told = " ".join([own_words, *(f["label"] for f in facts), *keys])
        return max(map(int, re.findall(r"\b(?:19|20)\d\d\b", told)), default=0)


class OneFoldForCode(SphinxTransform):
    """Put the code of cells that show nothing into the next cell's fold: a line a figure, not a line a cell."""

    default_priority = 450

    def apply(self, **options):
        for cell in [c for c in self.document.findall(nodes.container) if "cell" in c["classes"]]:
            following = cell.next_node(descend=False, siblings=True)
            shows = any("cell_output" in part["classes"] for part in cell.children)
            if shows or not isinstance(following, nodes.container) or "cell" not in following["classes"]:
                continue
            following.children[0].insert(0, cell.children[0].children)
            cell.parent.remove(cell)


# directives


class Figure(SphinxDirective):
    """Place a figure that the chapter published: arguments are the chapter and the key."""

    required_arguments = 2
    kind = "figure"
    node_class: type[nodes.Element] = report_figure

    def run(self):
        chapter, key = self.arguments
        record = self.env.app.alliance.exhibits[chapter, self.kind, key]
        node = self.node_class(record=record, chapter=chapter, page=self.env.docname, names=[f"{self.kind[:3]}-{key}"])
        self.set_source_info(node)
        self.state.document.note_explicit_target(node)
        if self.kind == "figure":
            node += nodes.image(uri=f"/figures/{chapter}/{key}.svg", alt=record["alt"])
        return [node]


class Table(Figure):
    """Place a table that the chapter published."""

    kind = "table"
    node_class = report_table


class Typeset(SphinxDirective):
    """A directive that renders one template."""

    optional_arguments = 1
    has_content = True

    def run(self):
        return [nodes.raw("", self.html(self.env.app.alliance, *self.arguments), format="html")]

    def cite(self, fact_ids):
        """Make sure that the page carries the provenance of these facts."""
        self.env.metadata[self.env.docname].setdefault("cited_facts", []).extend(fact_ids)


class Claims(Typeset):
    """The claims of one chapter."""

    def html(self, book, chapter):
        claims = book.chapters[chapter]["claims"]
        return book.render("claims", claims=claims, **self.context(book, claims))

    def context(self, book, claims) -> dict:
        """What the template of a claim needs to know of facts and sources."""
        names = list(dict.fromkeys(p["fact"] for c in claims for p in c["why_parts"] if "fact" in p))
        sources = {s: book.sources[s] for c in claims for s in c["sources"] if s}
        self.cite(names)
        return {
            "symbols": SYMBOLS,
            "rule_names": RULE_NAMES,
            "anchors": {n: anchor(n) for n in names},
            "homes": {n: "" if n.split(".")[0] == self.env.docname else f"{n.split('.')[0]}.html" for n in names},
            "texts": {n: book.facts[n]["text"] for n in names},
            "supplied": {n for n in names if book.facts[n]["evidence"] == "supplied"},
            "publishers": {s: row["publisher"] for s, row in sources.items()},
            "published": {s: row["published"] for s, row in sources.items()},
        }


class AllClaims(Claims):
    """The account sentence by sentence: its claims, or why it makes none."""

    def html(self, book):
        claims = {c["id"]: c for c in book.claims.values()}
        by_bullet: dict[str, list] = {}
        for row in book.claim_order:
            by_bullet.setdefault(row["bullet"], []).append(claims[row["id"]])
        sections: dict[str, list] = {}
        for row in book.account:
            sections.setdefault(row["section"], []).append(row | {"claims": by_bullet.get(row["id"], [])})
        context = self.context(book, list(claims.values()))
        tiers = {s: book.sources[s]["tier"] for c in claims.values() for s in c["sources"] if s}
        return book.render("all-claims", account=list(sections.items()), tiers=tiers, elsewhere=True, **context)


class FactTable(Typeset):
    def html(self, book, chapter):
        facts = book.chapters[chapter]["facts"]
        anchors = {f["id"]: anchor(f["id"]) for f in facts}
        rows = {(i, f["id"]): row_anchor(c["table"], c["key"]) for f in facts for i, c in enumerate(f["inputs"])}
        return book.render("fact-table", facts=facts, anchors=anchors, row_anchors=rows)


class SourceMix(Typeset):
    def html(self, book, chapter):
        tiers = [book.sources[s]["tier"] for s in book.chapters[chapter]["sources"]]
        mix = [(t, tiers.count(t), round(100 * tiers.count(t) / len(tiers))) for t in TIERS if t in tiers]
        return book.render("source-mix", mix=mix)


class Catalogue(Typeset):
    def html(self, book):
        return book.render("catalogue", tables=book.tables)


class Rows(Typeset):
    def html(self, book):
        hidden = {"source_id", "other_source_ids", "locator", "evidence", "note"}
        groups: dict[str, list] = {}
        for r in book.rows:
            row = r["row"]
            sources = [s for s in [row.get("source_id"), *(row.get("other_source_ids") or "").split(";")] if s in book.sources]
            values = [(c, f"{v:g}" if isinstance(v, float) else v) for c, v in row.items() if c not in hidden and c not in r["key"]]
            entry = {
                "anchor": r["anchor"],
                "key": r["key"],
                "cells": values,
                "sources": sources,
                "evidence": row.get("evidence", "read"),
                "locator": row.get("locator"),
                "note": row.get("note"),
            }
            groups.setdefault(r["table"], []).append(entry)
        return book.render("rows", groups=list(groups.items()), titles={t: d["title"] for t, d in book.tables.items()})


class Glossary(Typeset):
    def html(self, book):
        return book.render("glossary", terms=sorted(book.glossary.values(), key=lambda t: t["term"].lower()))


class Disagreements(Typeset):
    """Where sources disagree most about what the book prints; with ``findings``, only about what findings rest on."""

    optional_arguments = 2

    def html(self, book, number, only=""):
        told = [d for d in book.disagreements if d["finding"] or only != "findings"]
        shown = {c: lambda d, c=c: d[f"{c}_text"] if d[f"{c}_value"] is None else f"{d[f'{c}_value']:,.10g}" for c in ("used", "other")}
        rows = [d | {c: show(d) for c, show in shown.items()} for d in told[: int(number)]]
        return book.render("disagreements", rows=rows, total=len(told))


class SinceKeptEdition(Typeset):
    """What moved since the last kept edition."""

    def html(self, book):
        return book.render("since", since=book.since)


class Corrections(Typeset):
    def html(self, book):
        return book.render("corrections", rows=sorted(book.corrections, key=lambda c: c["date"], reverse=True))


class Bibliography(Typeset):
    def html(self, book):
        return book.render("bibliography", sources=book.sources)


class Scorecard(Typeset):
    def html(self, book):
        counts = [(v, SYMBOLS[v], sum(c["verdict"] == v for c in book.claims.values())) for v in VERDICTS]
        supplied = sum(c["evidence"] == "supplied" for c in book.claims.values())
        return book.render("scorecard", rows=[row for row in counts if row[2]], supplied=supplied)


class KeyFigures(Typeset):
    """One line a figure: ``fact | unit | label | change fact | what the change is against``."""

    def html(self, book):
        figures = []
        for line in self.content:
            name, unit, label, change, change_label = (part.strip() for part in line.split("|"))
            names = [n for n in (name, change) if n]
            missing = [n for n in names if n not in book.facts]
            if missing:
                logger.warning('there is no fact "%s"', missing[0], location=self.get_location())
                continue
            self.cite(names)
            page = f"{name.split('.')[0]}.html"
            figures.append(
                {"page": page, "anchor": anchor(name), "text": book.facts[name]["text"], "unit": unit, "label": label}
                | {"supplied": any(book.facts[n]["evidence"] == "supplied" for n in names)}
                | {"change": book.facts[change]["text"] if change else "", "change_anchor": anchor(change), "change_label": change_label}
            )
        return book.render("key-figures", figures=figures)


# events


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
    app.add_transform(Guards)
    app.add_transform(OneFoldForCode)
    app.add_transform(OfAnotherYear)
    app.add_node(fact_reference, html=(visit_fact, depart_fact))
    app.add_node(fact_notes, html=(visit_notes, None))
    app.add_node(of_another_year, html=(visit_of_another_year, depart_of_another_year))
    app.add_node(native_name, html=(visit_native, depart_native))
    app.add_enumerable_node(report_figure, "figure", lambda node: node["record"]["title"], html=(visit_figure, depart_figure))
    app.add_enumerable_node(report_table, "table", lambda node: node["record"]["title"], html=(visit_table, None))
    roles = {
        "fact": FactRole,
        "event": FactRole,
        "claim": ClaimRole,
        "claimed": ClaimedRole,
        "confidence": ConfidenceRole,
        "native": NativeRole,
        "edition": EditionRole,
    }
    for name, role in roles.items():
        app.add_role(name, role())
    app.add_role_to_domain("std", "term", TermRole(), override=True)  # Sphinx would look there first
    directives = {
        "report-figure": Figure,
        "report-table": Table,
        "claims": Claims,
        "all-claims": AllClaims,
        "terms": Glossary,
        "disagreements": Disagreements,
        "corrections": Corrections,
        "since-kept-edition": SinceKeptEdition,
        "fact-table": FactTable,
        "source-mix": SourceMix,
        "catalogue": Catalogue,
        "cited-rows": Rows,
        "bibliography": Bibliography,
        "scorecard": Scorecard,
        "key-figures": KeyFigures,
    }
    for name, directive in directives.items():
        app.add_directive(name, directive, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

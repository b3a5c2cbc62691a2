"""Directives: figures, tables, and the parts of pages that are made from records."""

from __future__ import annotations

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from alliance.press.names import TIERS, anchor, row_anchor
from alliance.press.nodes import report_figure, report_table
from alliance.reader import listed
from alliance.verdicts import SYMBOLS, VERDICTS

logger = logging.getLogger(__name__)

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
            sources = [s for s in listed(row.get("source_id")) + listed(row.get("other_source_ids")) if s in book.sources]
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
        shown = {c: lambda d, c=c: d[f"{c}_text"] if d[f"{c}_value"] is None else _readable(d[f"{c}_value"]) for c in ("used", "other")}
        rows = [d | {c: show(d) for c, show in shown.items()} for d in told[: int(number)]]
        return book.render("disagreements", rows=rows, total=len(told), only=only)


def _readable(value: float) -> str:
    """A number as a source gives it, without the decimals of a large one."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.10g}"


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
    """One line a figure: ``fact | unit | label | change fact | what the change is against | finding``, the last may be left out.

    ``{focus_year}`` in a label stands for the year in focus.
    """

    def html(self, book):
        figures = []
        for line in self.content:
            parts = [part.strip().replace("{focus_year}", str(book.edition["focus_year"])) for part in line.split("|")]
            name, unit, label, change, change_label, finding = [*parts, ""][:6]
            names = [n for n in (name, change) if n]
            missing = [n for n in names if n not in book.facts] + [f for f in (finding,) if f and f not in book.findings]
            if missing:
                logger.warning('there is no fact or finding "%s"', missing[0], location=self.get_location())
                continue
            self.cite(names)
            page = f"{name.split('.')[0]}.html"
            figures.append(
                {"page": page, "anchor": anchor(name), "text": book.facts[name]["text"], "unit": unit, "label": label}
                | {"supplied": any(book.facts[n]["evidence"] == "supplied" for n in names)}
                | {"change": book.facts[change]["text"] if change else "", "change_anchor": anchor(change), "change_label": change_label}
                | {"confidence": book.findings[finding]["confidence"] if finding else ""}
            )
        return book.render("key-figures", figures=figures)


DIRECTIVES = {
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

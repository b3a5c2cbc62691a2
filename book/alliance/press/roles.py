"""Roles: how a sentence prints a number, a claim, a name, a word of confidence."""

from __future__ import annotations

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from alliance.press.nodes import fact_reference, native_name

logger = logging.getLogger(__name__)

GLOSSARY = "glossary"  # the page that the names of the glossary lead to


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


ROLES = {
    "fact": FactRole,
    "event": FactRole,
    "claim": ClaimRole,
    "claimed": ClaimedRole,
    "confidence": ConfidenceRole,
    "native": NativeRole,
    "edition": EditionRole,
}

"""What happens to a page after it is read: guards are checked, code is folded, paragraphs of other years too."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from alliance.press.nodes import fact_reference, of_another_year

logger = logging.getLogger(__name__)


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


TRANSFORMS = (Guards, OneFoldForCode, OfAnotherYear)

"""The edition as pages see it: what chapters published, found by name, and the templates that typeset it."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from alliance.press.names import STAGED


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

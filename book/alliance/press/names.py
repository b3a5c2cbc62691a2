"""Names and addresses that the compiler writes and the pages read."""

from __future__ import annotations

import re

STAGED = "_alliance.json"  # what the Sphinx parts know about the edition, in the staged source folder
TIERS = ("official statistics", "office statement", "research", "press", "state media", "own")


def anchor(fact_id: str) -> str:
    """The address of a fact on its chapter's page, as far as it names the fact."""
    return fact_id.replace(".", "-").replace("_", "-")


def row_anchor(table: str, key: dict) -> str:
    """The address of a cited row on the Sources page."""
    return "row-" + re.sub(r"[^a-z0-9]+", "-", f"{table} {' '.join(map(str, key.values()))}".lower()).strip("-")

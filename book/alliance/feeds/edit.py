"""Editing a CSV file of the data by rows: what is not edited keeps its bytes."""

from __future__ import annotations

import csv

from alliance.feeds.changes import CHANGED, GONE, NEW, Change, Key
from alliance.writer import csv_line

MARK = "\ufeff"  # a byte-order mark, which the grammar accepts


class Lines:
    """The lines of a file that keeps the grammar: ``rows`` hold the fields by column, and the line itself under ``""``."""

    def __init__(self, content: bytes):
        text = content.decode("utf-8")
        self._newline = next((sign for sign in ("\r\n", "\n", "\r") if sign in text), "\n")
        self._head, *lines = text.removesuffix(self._newline).split(self._newline)
        self.columns = next(csv.reader([self._head.removeprefix(MARK)]))
        self.rows = [dict(zip(self.columns, next(csv.reader([line])), strict=True)) | {"": line} for line in lines]

    def row(self, fields: dict[str, str]) -> dict[str, str]:
        """A row that holds these fields, and nothing in the other columns."""
        row = {c: fields.get(c, "") for c in self.columns}
        return row | {"": csv_line(list(row.values()))}

    @property
    def content(self) -> bytes:
        return self._newline.join([self._head, *(row[""] for row in self.rows), ""]).encode()


def changed(content: bytes, keys: list[str], changes: list[Change], source: str) -> bytes:
    """The file with the changes made.

    Parameters
    ----------
    content : the file, which keeps the grammar
    keys : the key columns of the table
    changes : of this table
    source : the id that new and changed rows cite
    """
    file = Lines(content)
    by_key: dict[Key, list[Change]] = {}
    for change in changes:
        by_key.setdefault(change.key, []).append(change)
    kept = []
    for row in file.rows:
        made = by_key.get(tuple(row[k] for k in keys), [])
        if not any(c.kind == GONE for c in made):
            corrections = [c for c in made if c.kind == CHANGED]
            kept.append(_corrected(file, row, corrections, source) if corrections else row)
    file.rows = kept
    group = [k for k in keys if k != "year"]
    groups = [tuple(row[k] for k in group) for row in file.rows]
    for key, made in by_key.items():
        if made[0].kind == NEW:
            row = file.row(dict(zip(keys, key, strict=True)) | dict(made[0].fields) | _said(made, source))
            thing = tuple(row[k] for k in group)
            place = _place(file.rows, groups, row, thing)
            file.rows.insert(place, row)
            groups.insert(place, thing)
    return file.content


def with_source(content: bytes, source: dict[str, str]) -> bytes:
    """The list of sources with this one in its place by name, instead of an earlier row of the same id."""
    file = Lines(content)
    kept = [row for row in file.rows if row["id"] != source["id"]]
    place = next((i for i, row in enumerate(kept) if row["id"] > source["id"]), len(kept))
    file.rows = [*kept[:place], file.row(source), *kept[place:]]
    return file.content


def with_rows(content: bytes, rows: list[dict[str, str]]) -> bytes:
    """The file with these rows at its end."""
    file = Lines(content)
    file.rows += [file.row(row) for row in rows]
    return file.content


def _said(changes: list[Change], source: str) -> dict[str, str]:
    return {c.column: c.new for c in changes} | {"source_id": source, "evidence": "read"}


def _corrected(file: Lines, row: dict[str, str], changes: list[Change], source: str) -> dict[str, str]:
    """The row with the office's values; other sources and a qualifier spoke of the old ones."""
    return file.row(row | _said(changes, source) | {"other_source_ids": "", "qualifier": ""})


def _place(rows: list[dict[str, str]], groups: list[Key], row: dict[str, str], thing: Key) -> int:
    """Beside the other years of the same thing, in the order of years; a new thing comes last."""
    same = [i for i, other in enumerate(groups) if other == thing]
    earlier = [i for i in same if rows[i]["year"] < row["year"]]
    return earlier[-1] + 1 if earlier else same[0] if same else len(rows)

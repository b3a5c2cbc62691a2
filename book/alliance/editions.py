"""Comparing two editions: which facts moved, which verdicts flipped."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from alliance.problems import BAD_INPUT, AllianceError

RELATIVE_TOLERANCE = 1e-9


@dataclass
class Difference:
    """What differs from an old edition to a new one."""

    moved: list[tuple[dict, dict]] = field(default_factory=list)
    added: list[dict] = field(default_factory=list)
    gone: list[dict] = field(default_factory=list)
    flipped: list[tuple[dict, dict]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.moved or self.added or self.gone or self.flipped)

    def lines(self) -> list[str]:
        """The differences in words, one a line."""
        told = [f"verdict on {new['id']}: {old['verdict']} → {new['verdict']}" for old, new in self.flipped]
        told += [f"{new['id']}: {old['text']} → {new['text']}{_change(old, new)}" for old, new in self.moved]
        told += [f"{f['id']}: new, {f['text']}" for f in self.added]
        return told + [f"{f['id']}: gone, was {f['text']}" for f in self.gone]


def read_edition(place: Path) -> tuple[list[dict], list[dict]]:
    """Facts and claims of an output folder or of a ``facts.json`` (with ``claims.json`` beside it, if any).

    Raises
    ------
    AllianceError
        If there is no such file or it is not a facts file.
    """
    file = next((f for f in (place / "html" / "facts.json", place / "facts.json", place) if f.is_file()), None)
    if file is None:
        raise AllianceError(f"{place} holds no facts.json. Give an output folder or a facts.json.", BAD_INPUT)
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))["facts"]
        beside = file.with_name("claims.json")
        claims = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else []
    except (ValueError, KeyError, TypeError) as error:
        raise AllianceError(f"{file} is not a facts file ({type(error).__name__}: {error}).", BAD_INPUT) from None
    return facts, claims


def compare(old: tuple[list[dict], list[dict]], new: tuple[list[dict], list[dict]]) -> Difference:
    """What differs between two editions as ``read_edition`` returns them."""
    before, after = ({f["id"]: f for f in edition[0]} for edition in (old, new))
    verdicts, verdicts_now = ({c["id"]: c for c in edition[1]} for edition in (old, new))
    both = [i for i in after if i in before]
    judged = [i for i in verdicts_now if i in verdicts]
    keys = ("verdict", "at_the_time", "outcome")
    return Difference(
        moved=[(before[i], after[i]) for i in both if not _same(before[i], after[i])],
        added=[after[i] for i in after if i not in before],
        gone=[before[i] for i in before if i not in after],
        flipped=[(verdicts[i], verdicts_now[i]) for i in judged if any(verdicts[i][k] != verdicts_now[i][k] for k in keys)],
    )


def _same(a: dict, b: dict) -> bool:
    if a["value"] is None or b["value"] is None:
        return a["value"] is b["value"] and a["text"] == b["text"] and a["unit"] == b["unit"]
    close = math.isclose(a["value"], b["value"], rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
    return close and a["text"] == b["text"] and a["unit"] == b["unit"]


def _change(old: dict, new: dict) -> str:
    if old["value"] is None or new["value"] is None or new["unit"] in ("percent", "year") or not old["value"]:
        return ""
    return f" ({100 * (new['value'] / old['value'] - 1):+.1f}%)"

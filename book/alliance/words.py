"""Numbers, words and sentences that prose may use: facts, guards and findings, and how they read.

A chapter makes facts; pages print them by name. The text of a fact is fixed here, so HTML, PDF and data agree.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

from alliance.problems import AllianceError
from alliance.quantity import Quantity

NOT_AVAILABLE = "not available"
WIDE = Context(prec=400)  # digits of the greatest number that a float can be
CONFIDENCE = ("low", "moderate", "high")
ORDINALS = ("", "second-", "third-", "fourth-", "fifth-", "sixth-", "seventh-", "eighth-", "ninth-", "tenth-")
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Fact:
    """A published number or phrase: ``value`` in ``unit``, ``text`` as it prints, and the quantity behind it."""

    id: str
    label: str
    text: str
    quantity: Quantity

    def as_dict(self) -> dict:
        q = self.quantity
        return {
            "id": self.id,
            "label": self.label,
            "value": None if q.value is None else round(q.value, 10),
            "unit": q.unit,
            "text": self.text,
            "formula": q.expression,
            "definitions": dict(q.formulas),
            "inputs": [cell.as_dict() for cell in q.inputs],
            "evidence": q.evidence,
        }


@dataclass(frozen=True)
class Guard:
    """A named condition on which sentences of the prose depend. ``holds`` is None where the data cannot tell."""

    id: str
    holds: bool | None
    meaning: str

    def as_dict(self) -> dict:
        return {"id": self.id, "holds": self.holds, "meaning": self.meaning}


@dataclass(frozen=True)
class Finding:
    """How sure a sentence may be, and the facts it rests on."""

    id: str
    confidence: str
    facts: tuple[str, ...]

    def as_dict(self) -> dict:
        return {"id": self.id, "confidence": self.confidence, "facts": list(self.facts)}


def number(value: float, digits: int = 1) -> str:
    """``1234.56`` as ``1,234.6``; a real minus sign before negative values, and no minus before zero."""
    # From the decimal digits, half up: 61.05 prints as 61.1, which the binary value would not.
    exact = Decimal(str(round(abs(value), 10))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, WIDE)
    text = f"{exact:,.{digits}f}"
    return f"−{text}" if value < 0 and float(text.replace(",", "")) else text


def plain(q: Quantity, digits: int = 1) -> str:
    """The number as it stands in a sentence, with the sign if it is a percentage."""
    if not q.known:
        return NOT_AVAILABLE
    return number(q.value, digits) + ("%" if q.unit == "percent" else "")


def direction(q: Quantity, digits: int = 1, up: str = "rose", down: str = "fell", flat: str = "did not change") -> str:
    """A change in words: "rose 1.9%", "fell 6.8%"."""
    if not q.known:
        return NOT_AVAILABLE
    size = number(abs(q.value), digits)
    if float(size.replace(",", "")) == 0:
        return flat
    return f"{up if q.value > 0 else down} {size}{'%' if q.unit == 'percent' else ''}"


def rank(value: Quantity, others: Iterable[Quantity], superlative: str = "largest") -> str:
    """Place of ``value`` among the known ``others`` in words: "largest", "second-largest", "11th-largest"."""
    if not value.known:
        return NOT_AVAILABLE
    place = sum(o > value for o in others if o.known)
    return f"{ORDINALS[place] if place < len(ORDINALS) else _ordinal(place + 1)}{superlative}"


def _ordinal(number_of: int) -> str:
    """``11th-``, ``22nd-``: what no word of ORDINALS says."""
    ending = "th" if number_of % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number_of % 10, "th")
    return f"{number_of}{ending}-"


def count(number_of: int) -> str:
    """A small count in words, a large or negative one in digits."""
    return NUMBER_WORDS[number_of] if 0 <= number_of < len(NUMBER_WORDS) else number(number_of, 0)


def times(number_of: int) -> str:
    """How often, in words: "not once", "once", "twice", "three times"."""
    return ("not once", "once", "twice")[number_of] if 0 <= number_of < 3 else f"{count(number_of)} times"


def date(iso: str) -> str:
    """``2025-09-02`` as "2 September 2025"; a month or a year alone stays one."""
    year, *rest = iso.split("-")
    month = calendar.month_name[int(rest[0])] if rest else ""
    day = str(int(rest[1])) if len(rest) > 1 else ""
    return " ".join(part for part in (day, month, year) if part)


def listing(items: Iterable[str]) -> str:
    """``a, b and c``."""
    items = list(items)
    if not items:
        return "none"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def measured(row: dict, quantity: Quantity) -> Fact:
    """The fact that a row of ``measures.csv`` defines, with its computed quantity."""
    texts = {
        "number": lambda: plain(quantity, row["digits"] or 0),
        "count": lambda: count(round(quantity.value)),
        "times": lambda: times(round(quantity.value)),
        "of them": lambda: count(round(quantity.value)) if round(quantity.value) else "none",
        "change": lambda: direction(quantity, row["digits"] or 0),
        "year": lambda: f"{quantity.value:.0f}",
        "date": lambda: date(quantity.inputs[0].value),
        "words": lambda: str(quantity.inputs[0].value),
    }
    missing = not quantity.known and not (quantity.unit in ("date", "words") and quantity.inputs)
    text = NOT_AVAILABLE if missing else texts[row["print"]]()
    return Fact(f"{row['chapter']}.{row['id']}", row["label"], text, quantity)


def ceiling(sources: Iterable[str], tiers: dict[str, str]) -> str:
    """The highest confidence that the sources allow: low if there is only one, or if all are state media or a user's own."""
    sources = list(sources)
    alone = len(sources) < 2
    partial = {tiers[s] for s in sources} <= {"state media", "own"}
    return "low" if alone or partial else "high"


def require_publishable(fact: Fact) -> None:
    """Refuse a fact that rests on memory.

    Raises
    ------
    AllianceError
        If any input is a recalled row; the message names the rows.
    """
    recalled = [c for c in fact.quantity.inputs if c.evidence == "recalled"]
    if recalled:
        rows = "; ".join(f"{c.table} {dict(c.key)}" for c in recalled)
        raise AllianceError(f'Fact "{fact.id}" rests on recalled rows ({rows}). Find a source that was read, or drop the fact.')

"""Verdict rules: what the data say about a sentence of the account.

A rule is a pure function of the measures it names, the claimed value and a threshold, so the same rule is asked again
with other sources and other thresholds: a verdict that stays is robust, one that turns is fragile. Verdicts:
supported, partly supported, outdated, contradicted, not checkable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alliance.data import Package
from alliance.problems import AllianceError
from alliance.quantity import EVIDENCE
from alliance.reader import listed
from alliance.words import Fact, measured

SUPPORTED = "supported"
PARTLY = "partly supported"
OUTDATED = "outdated"
CONTRADICTED = "contradicted"
NOT_CHECKABLE = "not checkable"
VERDICTS = (SUPPORTED, PARTLY, OUTDATED, CONTRADICTED, NOT_CHECKABLE)
SYMBOLS = {SUPPORTED: "✓", PARTLY: "◐", OUTDATED: "◷", CONTRADICTED: "✗", NOT_CHECKABLE: "?"}

REVIEW = "review"
MOVED = 0.1  # how far a threshold is moved to see whether the verdict depends on it, as a share of it


@dataclass(frozen=True)
class Verdict:
    """The verdict; forecasts are judged twice, as made and by the outcome, and count by their outcome."""

    verdict: str
    at_the_time: str | None = None
    outcome: str | None = None


def within(values: list[float], claimed: float, threshold: float) -> Verdict:
    """The first value equals the claimed one to within ``threshold`` (in the claim's unit)."""
    return Verdict(SUPPORTED if abs(values[0] - claimed) <= threshold else CONTRADICTED)


def at_least(values: list[float], claimed: float | None, threshold: float) -> Verdict:
    """All values reach ``threshold``; partly supported if only some do."""
    reached = [v >= threshold for v in values]
    return Verdict(SUPPORTED if all(reached) else PARTLY if any(reached) else CONTRADICTED)


def at_most(values: list[float], claimed: float | None, threshold: float) -> Verdict:
    """No value exceeds ``threshold``; partly supported if only some keep below it."""
    kept = [v <= threshold for v in values]
    return Verdict(SUPPORTED if all(kept) else PARTLY if any(kept) else CONTRADICTED)


def grew(values: list[float], claimed: float | None, threshold: float | None) -> Verdict:
    """Values are pairs of before and after; supported if each grew, partly if some did."""
    rose = [after > before for before, after in zip(values[::2], values[1::2], strict=True)]
    return Verdict(SUPPORTED if all(rose) else PARTLY if any(rose) else CONTRADICTED)


def still(values: list[float], claimed: float | None, threshold: float) -> Verdict:
    """Values are a then and a now: supported if the now reaches ``threshold``, outdated if only the then did."""
    then, now = (v >= threshold for v in values)
    return Verdict(SUPPORTED if now else OUTDATED if then else CONTRADICTED)


def largest(values: list[float], claimed: float | None, threshold: float | None) -> Verdict:
    """The first value exceeds every other."""
    return Verdict(SUPPORTED if all(values[0] > v for v in values[1:]) else CONTRADICTED)


def worded_or_meant(values: list[float], claimed: float, threshold: float) -> Verdict:
    """The first value is the claim read as worded, the second as it must be meant.

    Supported if the wording fits, partly supported if only the charitable reading does.
    """
    worded, meant = (abs(v - claimed) <= threshold for v in values)
    return Verdict(SUPPORTED if worded else PARTLY if meant else CONTRADICTED)


def forecast(values: list[float], claimed: float, threshold: float | None) -> Verdict:
    """Values are the low and the high end of what could be expected when the forecast was made, and the outcome.

    Reasonable when made if the claimed level lies not above the high end; it came true if the outcome reached it.
    """
    _, high, actual = values
    at_the_time = SUPPORTED if claimed <= high else CONTRADICTED
    outcome = SUPPORTED if actual >= claimed else CONTRADICTED
    return Verdict(outcome, at_the_time, outcome)


def estimate(values: list[float], claimed: float, threshold: float) -> Verdict:
    """Values are what was planned when the estimate was made, and the outcome; each is compared as in ``within``."""
    at_the_time, outcome = (SUPPORTED if abs(v - claimed) <= threshold else CONTRADICTED for v in values)
    return Verdict(outcome, at_the_time, outcome)


NEEDS = {  # which rules take which numbers of the row
    "claimed": ("within", "worded_or_meant", "forecast", "estimate"),
    "threshold": ("within", "at_least", "at_most", "still", "worded_or_meant", "estimate"),
}
RULES: dict[str, Callable[..., Verdict]] = {
    f.__name__: f for f in (within, at_least, at_most, grew, still, largest, worded_or_meant, forecast, estimate)
}


def takes(rule: str, number: int) -> bool:
    """Whether a rule can be asked with so many measures."""
    exact = {"still": 2, "worded_or_meant": 2, "estimate": 2, "forecast": 3}
    return number == exact[rule] if rule in exact else number % 2 == 0 and number > 0 if rule == "grew" else number > 0


def judge(row: dict, package: Package) -> dict:
    """Judge one row of ``claims.csv`` by its measures.

    Parameters
    ----------
    row : a row of the claims table
    package : the data, with the measures that the row names

    Returns
    -------
    dict
        One record of ``claims.json``.

    Raises
    ------
    AllianceError
        If the row names a measure that does not exist.
    """
    facts = {name: _fact(row, name, package) for name in measures_of(row)}
    operands = listed(row["measures"])
    cited = (s for f in facts.values() for s in f.quantity.sources)
    verdict = decide(row, package)
    flips = None if row["rule"] == REVIEW else flips_of(row, package, verdict)
    return {
        "id": row["id"],
        "chapter": row["chapter"],
        "section": row["section"],
        "quote": row["quote"],
        "claim": row["claim"],
        "claimed": row["claimed"],
        "unit": row["unit"],
        "verdict": verdict.verdict,
        "at_the_time": verdict.at_the_time,
        "outcome": verdict.outcome,
        "confidence": row["confidence"],
        "decided_by": "review" if row["rule"] == REVIEW else "rule",
        "rule": None if row["rule"] == REVIEW else row["rule"],
        "threshold": row["threshold"],
        "robust": None if flips is None else not flips,
        "flips": flips or [],
        "evidence": max((f.quantity.evidence for f in facts.values()), key=EVIDENCE.index, default="read"),
        "facts": [f.id for f in facts.values()],
        "operands": [facts[name].id for name in operands],
        "why": PLACEHOLDER.sub(lambda m: facts[m[1]].text, row["explanation"]),
        "why_parts": parts(row["explanation"], facts),
        "sources": list(dict.fromkeys([*cited, *listed(row["source_ids"])])),
        "checked": row["checked"],
    }


def decide(row: dict, package: Package, threshold: float | None = None) -> Verdict:
    """The verdict on a claim with these data, and with another threshold if one is given."""
    if row["rule"] == REVIEW:
        return Verdict(row["verdict"], row["at_the_time"], row["outcome"])
    values = [package.measure(name).value for name in listed(row["measures"])]
    if None in values:
        return Verdict(NOT_CHECKABLE)
    return RULES[row["rule"]](values, row["claimed"], row["threshold"] if threshold is None else threshold)


def flips_of(row: dict, package: Package, verdict: Verdict) -> list[dict]:
    """What turns the verdict of a rule: another source's value for a cell, another measure, a threshold moved by a tenth.

    Of a forecast that is the verdict which counts, by its outcome.

    Returns
    -------
    list of dict
        ``kind`` ("source", "measure", "threshold"), ``what`` in words, ``value`` and the ``verdict`` it leads to; empty
        if the verdict is robust.
    """
    tried = [*_other_thresholds(row, package), *_other_measures(row, package), *_other_sources(row, package)]
    return [trial | {"verdict": other.verdict} for trial, other in tried if other.verdict != verdict.verdict]


Trial = tuple[dict, Verdict]


def _other_thresholds(row: dict, package: Package) -> Iterator[Trial]:
    for factor in (1 - MOVED, 1 + MOVED) if row["threshold"] else ():
        threshold = row["threshold"] * factor
        yield (
            {"kind": "threshold", "what": f"a threshold of {threshold:g} instead of {row['threshold']:g}", "value": threshold},
            decide(row, package, threshold),
        )


def _other_measures(row: dict, package: Package) -> Iterator[Trial]:
    for pair in listed(row["alternatives"]):
        name, _, other = pair.partition("=")
        if package.measure(other).known:
            swapped = ";".join(other if m == name else m for m in listed(row["measures"]))
            what = f"“{package.measures[other]['label']}” in place of “{package.measures[name]['label']}”"
            yield {"kind": "measure", "what": what, "value": package.measure(other).value}, decide(row | {"measures": swapped}, package)


def _other_sources(row: dict, package: Package) -> Iterator[Trial]:
    tables = package.tables_of(*listed(row["measures"]))
    for other in package.disagreements:
        if other["row"] is None or other["table"] not in tables:
            continue
        supposed = package.supposing(other["table"], other["row"], other["column"], other["other_value"], other["other_source_id"])
        said_by = package.sources[other["other_source_id"]]["publisher"]
        what = f"{other['topic']}: {other['other_value']:g} instead of {other['used_value']:g} ({said_by})"
        yield {"kind": "source", "what": what, "value": other["other_value"]}, decide(row, supposed)


PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")


def placeholders(text: str) -> list[str]:
    """Names of the measures that an explanation prints: ``{trade_2023}``."""
    return PLACEHOLDER.findall(text)


def measures_of(row: dict) -> list[str]:
    """Names of all measures that a claim takes or prints, each once."""
    return list(dict.fromkeys([*listed(row["measures"]), *placeholders(row["explanation"])]))


def parts(text: str, facts: dict[str, Fact]) -> list[dict]:
    """An explanation as a list of literal texts and fact ids, ready to be typeset without parsing the text."""
    pieces = PLACEHOLDER.split(text)
    return [{"text": p} if i % 2 == 0 else {"fact": facts[p].id} for i, p in enumerate(pieces) if p]


def _fact(row: dict, name: str, package: Package) -> Fact:
    if name not in package.measures:
        raise AllianceError(f'claims.csv, claim "{row["id"]}": there is no measure "{name}". Define it in measures.csv, or correct the claim.')
    return measured(package.measures[name], package.measure(name))

"""Verdict rules: what the data say about a sentence of the account.

A rule is a pure function of the facts it names, the claimed value and a threshold, so the same rule can be asked
again with other data. Verdicts: supported, partly supported, outdated, contradicted, not checkable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from alliance.problems import AllianceError

SUPPORTED = "supported"
PARTLY = "partly supported"
OUTDATED = "outdated"
CONTRADICTED = "contradicted"
NOT_CHECKABLE = "not checkable"
VERDICTS = (SUPPORTED, PARTLY, OUTDATED, CONTRADICTED, NOT_CHECKABLE)
SYMBOLS = {SUPPORTED: "✓", PARTLY: "◐", OUTDATED: "◷", CONTRADICTED: "✗", NOT_CHECKABLE: "?"}

REVIEW = "review"


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


RULES: dict[str, Callable[..., Verdict]] = {f.__name__: f for f in (within, at_least, largest, worded_or_meant, forecast, estimate)}


def judge(row: dict, facts: dict) -> dict:
    """Judge one row of ``claims.csv`` with the facts of its chapter.

    Parameters
    ----------
    row : a row of the claims table
    facts : Fact by full id ("economics.trade_total")

    Returns
    -------
    dict
        One record of ``claims.json``.

    Raises
    ------
    AllianceError
        If the row names a rule or a fact that does not exist.
    """
    operands = [_fact(row, f"{row['chapter']}.{name}", facts) for name in (row["facts"] or "").split(";") if name]
    if row["rule"] == REVIEW:
        verdict = Verdict(row["verdict"], row["at_the_time"], row["outcome"])
    elif any(not f.quantity.known for f in operands):
        verdict = Verdict(NOT_CHECKABLE)
    else:
        verdict = RULES[row["rule"]]([f.quantity.value for f in operands], row["claimed"], row["threshold"])
    used = dict.fromkeys([f.id for f in operands] + [f"{row['chapter']}.{n}" for n in placeholders(row["explanation"])])
    cited = (s for id_ in used for s in _fact(row, id_, facts).quantity.sources)
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
        "robust": None,
        "flips": [],
        "facts": list(used),
        "operands": [f.id for f in operands],
        "why": fill(row["explanation"], row["chapter"], facts),
        "why_parts": parts(row["explanation"], row["chapter"]),
        "sources": list(dict.fromkeys([*cited, *(row["source_ids"] or "").split(";")])),
        "checked": row["checked"],
    }


PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")


def placeholders(text: str) -> list[str]:
    """Names of the facts that an explanation prints: ``{trade_total}``."""
    return PLACEHOLDER.findall(text)


def parts(text: str, chapter: str) -> list[dict]:
    """An explanation as a list of literal texts and fact ids, ready to be typeset without parsing the text."""
    pieces = PLACEHOLDER.split(text)
    return [{"text": p} if i % 2 == 0 else {"fact": f"{chapter}.{p}"} for i, p in enumerate(pieces) if p]


def fill(text: str, chapter: str, facts: dict) -> str:
    return PLACEHOLDER.sub(lambda m: facts[f"{chapter}.{m[1]}"].text, text)


def _fact(row: dict, fact_id: str, facts: dict):
    if fact_id not in facts:
        raise AllianceError(
            f'claims.csv, claim "{row["id"]}": there is no fact "{fact_id}". Make it in the chapter, or correct the claim\'s facts or explanation.'
        )
    return facts[fact_id]

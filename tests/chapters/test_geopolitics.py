"""The numbers and verdicts of the Geopolitics chapter, recomputed here by another way from the CSV files."""

from __future__ import annotations

import csv
import json
import random
from math import comb
from statistics import mean, quantiles

import pytest
from workspace import ROOT


def table(name: str) -> list[dict]:
    with open(ROOT / "data" / "geopolitics" / f"{name}.csv", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def share(rows: list[dict]) -> float:
    return 100 * sum(int(r["same_n"]) for r in rows) / sum(int(r["votes_n"]) for r in rows)


PAIR = {int(r["year"]): r for r in table("un_ga_agreement") if (r["state_a"], r["state_b"]) == ("China", "Russia")}
THEMES = table("un_ga_agreement_by_theme")
OLD, NEW = ([r for r in THEMES if r["period_start"] == p] for p in ("2018", "2022"))
COUNCIL = {int(r["year"]): r for r in table("un_sc_adopted_agreement")}
VETOES = table("un_sc_vetoes")
SESSION = [r for r in table("un_ukraine_votes") if r["series"] == "emergency special session"]
RUSSIAN = {p: [v for v in VETOES if p[0] <= v["date"][:4] <= p[1] and v["russia_veto"] == "yes"] for p in (("2011", "2021"), ("2022", "2024"))}
JOINT = {p: sum(v["china_veto"] == "yes" for v in rows) for p, rows in RUSSIAN.items()}
POINTS = {(int(r["year"]), r["basis"]): abs(float(r["china"]) - float(r["russia"])) for r in table("ideal_points")}


def within_themes(old: list[dict], new: list[dict]) -> float:
    """What votes within themes did to agreement: their change, weighted by the mean share of the theme in both periods."""
    before = {r["theme"]: (int(r["votes_n"]), int(r["same_n"])) for r in old}
    after = {r["theme"]: (int(r["votes_n"]), int(r["same_n"])) for r in new}
    all_before, all_after = (sum(v for v, _ in d.values()) for d in (before, after))
    return sum(50 * (before[t][0] / all_before + after[t][0] / all_after) * (after[t][1] / after[t][0] - before[t][1] / before[t][0]) for t in before)


def fisher() -> float:
    """The two-sided exact test, by adding up the hypergeometric probabilities as fractions."""
    (n0, n1), (k0, k1) = (len(r) for r in RUSSIAN.values()), JOINT.values()
    weights = [comb(n0, k0 + k1 - k) * comb(n1, k) for k in range(k0 + k1 + 1)]
    return 100 * sum(w for w in weights if w <= weights[k1]) / sum(weights)


@pytest.mark.parametrize(
    ("fact", "value", "text"),
    [
        ("ga_same", share([PAIR[2024]]), "67.0%"),
        ("ga_same_2018", share([PAIR[2018]]), "77.1%"),
        ("ga_same_2025", share([PAIR[2025]]), "78.1%"),
        ("split_total", share(OLD) - share(NEW), "10.2"),
        ("split_position", -within_themes(OLD, NEW), "8.3"),
        ("split_mix", share(OLD) - share(NEW) + within_themes(OLD, NEW), "1.9"),
        ("ideal_gap_after", mean(POINTS[y, "final passage"] for y in (2022, 2023, 2024)), "0.37"),
        ("veto_chance", fisher(), "28%"),
        ("vetoes_joint_2022_2024", JOINT["2022", "2024"], "three"),
        ("syria_joint", sum(v["topic"] == "Syria" and v["joint_russia_china"] == "yes" for v in VETOES), "10"),
        ("council_same", 100 * int(COUNCIL[2024]["same_n"]) / int(COUNCIL[2024]["recorded_n"]), "82.6%"),
        ("russia_abstained", sum(int(COUNCIL[y]["russia_abstain_n"]) for y in range(2018, 2025)), "77"),
        ("es_abstain_2024", sum(r["china_vote"] == "abstain" and r["date"] < "2025" for r in SESSION), "four times"),
        ("not_joined", sum(v["china_veto"] == "no" for v in RUSSIAN["2022", "2024"]), "eight"),
        ("meetings_2024", 3, "three times"),
        ("brics_gdp_2023", 27.27, "27.3%"),
        ("rank_of_russia", 109, "109"),
    ],
)
def test_facts_equal_an_independent_computation(book, fact, value, text):
    found = book.facts()[f"geopolitics.{fact}"]
    assert found["value"] == pytest.approx(value)
    assert found["text"] == text


def test_the_interval_agrees_with_another_resampling(book):
    """Votes drawn one by one with Python's own generator, instead of multinomial counts with numpy's."""
    chance, drawn = random.Random(7), []
    votes = [[(r["theme"], i < int(r["same_n"])) for r in rows for i in range(int(r["votes_n"]))] for rows in (OLD, NEW)]
    themes = [r["theme"] for r in OLD]
    for _ in range(1500):
        again = []
        for period in votes:
            sample = chance.choices(period, k=len(period))
            again.append(
                [{"theme": t, "votes_n": max(1, sum(s == t for s, _ in sample)), "same_n": sum(s == t and a for s, a in sample)} for t in themes]
            )
        drawn.append(-within_themes(*again))
    cuts = quantiles(drawn, n=40)
    found = book.facts()
    assert found["geopolitics.split_position_low"]["value"] == pytest.approx(cuts[0], abs=0.9)
    assert found["geopolitics.split_position_high"]["value"] == pytest.approx(cuts[-1], abs=0.9)


VERDICTS = {
    "alliance": "partly supported",
    "closer-economy": "supported",
    "closer-military": "supported",
    "closer-diplomacy": "partly supported",
    "motive": "not checkable",
    "counterweight-poles": "not checkable",
    "counterweight-2023": "partly supported",
    "western-order": "partly supported",
    "blocs-promoted": "supported",
    "ukraine-neutral": "partly supported",
    "ukraine-aid": "partly supported",
    "ukraine-no-condemnation": "supported",
    "ukraine-peace": "supported",
    "aukus": "supported",
    "taiwan-nato": "supported",
    "brics-sco-lead": "supported",
    "brics-sco-alternatives": "partly supported",
    "xi-putin-camaraderie": "not checkable",
    "xi-putin-visits": "supported",
    "nato-expansion": "supported",
    "us-presence": "not checkable",
    "brought-closer": "not checkable",
    "stability-priority": "not checkable",
    "separatism": "not checkable",
    "council-coordination": "partly supported",
    "council-veto-power": "supported",
    "council-counter-west": "partly supported",
    "veto-syria": "supported",
    "veto-north-korea": "supported",
    "veto-iran": "partly supported",
    "allies": "partly supported",
}


def test_verdicts(book):
    assert {i: c["verdict"] for i, c in book.claims().items() if c["chapter"] == "geopolitics"} == VERDICTS


def test_the_extent_of_the_chapter(book):
    record = json.loads((book.out / "executed" / "geopolitics.json").read_text(encoding="utf-8"))
    kinds = [e["kind"] for e in record["exhibits"]]
    assert kinds.count("figure") >= 8
    assert kinds.count("table") >= 6
    assert mean(len(e["alt"]) for e in record["exhibits"] if e["kind"] == "figure") > 100

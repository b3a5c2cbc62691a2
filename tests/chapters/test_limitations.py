"""The numbers and verdicts of the Limitations chapter, recomputed here by another way from the CSV files."""

from __future__ import annotations

import csv
import json
from statistics import linear_regression, mean

import numpy as np
import pytest
from workspace import ROOT


def table(name: str, folder: str = "limitations") -> list[dict]:
    with open(ROOT / "data" / folder / f"{name}.csv", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def number(row: dict, column: str) -> float:
    return float(row[column])


MACRO = {(int(r["year"]), r["country"]): r for r in table("macro")}
CENTRAL_ASIA = {
    (r["country"], r["period_end"], r["partner"], r["office"]): r for r in table("central_asia_trade") if r["period_start"] == r["period_end"]
}
SUMS = {r["period_end"]: r for r in table("trade_monthly", "economics") if r["basis"] == "ytd"}
YEARS = {int(r["year"]): r for r in table("trade_annual", "economics")}
CRITERIA = {(r["relation"], r["criterion"]): r["finding"] for r in table("alliance_criteria")}
PEOPLE = {(r["date"], r["region"]): float(r["population_mn"]) for r in table("demography_far_east")}
UKRAINE = [
    r["china_vote"]
    for r in table("un_ukraine_votes", "geopolitics")
    if r["body"] == "General Assembly" and r["russia_vote"] == "no" and "2022-02-24" <= r["date"] < "2025"
]
FOUR = ("Kazakhstan", "Kyrgyzstan", "Tajikistan", "Uzbekistan")


def ratio(year: int, column: str) -> float:
    return number(MACRO[year, "China"], column) / number(MACRO[year, "Russia"], column)


def traded(country: str, year: str, office: str, partner: str = "China") -> float:
    row = CENTRAL_ASIA[country, year, partner, office]
    return float(row["published_trade_usd_bn"] or 0) or number(row, "exports_usd_bn") + number(row, "imports_usd_bn")


def sold(year: int, first: int, last: int) -> float:
    """China's exports to Russia in the months from ``first`` to ``last``."""
    end = YEARS[year] if last == 12 else SUMS[f"{year}-{last:02d}"]
    before = number(SUMS[f"{year}-{first - 1:02d}"], "china_exports_usd_bn") if first > 1 else 0
    return number(end, "china_exports_usd_bn") - before


def growth(year: int, first: int, last: int) -> float:
    return 100 * (sold(year, first, last) / sold(year - 1, first, last) - 1)


def gap_of_imports() -> float:
    gap = 0.0
    for state in FOUR:
        china = CENTRAL_ASIA[state, "2023", "China", "GACC"]
        bought = traded(state, "2023", "GACC") - number(china, "exports_usd_bn")
        gap += bought - number(CENTRAL_ASIA[state, "2023", "China", "UN Comtrade"], "imports_usd_bn")
    return gap


GAP = sum(traded(s, "2023", "GACC") - traded(s, "2023", "UN Comtrade") for s in FOUR)
HEADS = ratio(2024, "gdp_ppp_intl_usd_bn") / ratio(2024, "population_mn")


@pytest.mark.parametrize(
    ("fact", "value", "text"),
    [
        ("gdp_ratio", ratio(2024, "gdp_usd_bn"), "8.6"),
        ("ppp_ratio", ratio(2024, "gdp_ppp_intl_usd_bn"), "5.5"),
        ("head_share", 100 * HEADS, "57%"),
        ("population_ratio", ratio(2024, "population_mn"), "9.6"),
        ("leap_gdp", 100 * (ratio(2016, "gdp_usd_bn") / ratio(2014, "gdp_usd_bn") - 1), "rose 71%"),
        ("kyrgyz_gap", 22.71 / (0.123 + 5.451), "4.1"),
        ("gap_total", GAP, "27.3"),
        ("gap_bought_share", 100 * gap_of_imports() / GAP, "95%"),
        ("totals_ratio_2023", (3379.75 + 2556.76) / (425.1 + 285.1), "8.4"),
        ("us_times_2021", 755.645 / 146.887, "5.1"),
        ("north_loss", PEOPLE["2010", "Heilongjiang"] - PEOPLE["2024-12-31", "Heilongjiang"], "8.0"),
        ("sold_mar_jun", growth(2024, 3, 6), "fell 6.4%"),
        ("sold_sep_oct", growth(2024, 9, 10), "rose 21.6%"),
        ("deepest_2025", -min(growth(2025, *w) for w in ((1, 6), (7, 7), (8, 8), (9, 10))), "22.3%"),
        ("rise_2023_high", max(growth(2023, *w) for w in ((1, 6), (7, 7), (8, 8), (9, 10))), "77%"),
        ("votes_abstained", UKRAINE.count("abstain"), "five times"),
        ("votes_with_russia", UKRAINE.count("no"), "five"),
        ("votes_against_russia", UKRAINE.count("yes"), "one"),
        ("uzbek_stock", 10.7, "10.7"),
        ("turkmen_study", 0.4243, "0.4"),
        ("with_aid", sum(f == "yes" for (_, mark), f in CRITERIA.items() if mark == "assistance"), "five"),
    ],
)
def test_facts_equal_an_independent_computation(book, fact, value, text):
    found = book.facts()[f"limitations.{fact}"]
    assert found["value"] == pytest.approx(value)
    assert found["text"] == text


@pytest.mark.parametrize(("fact", "column"), [("last_clear_gdp", "gdp_usd_bn"), ("last_clear_ppp", "gdp_ppp_intl_usd_bn")])
def test_the_last_base_year_with_a_clear_trend(book, fact, column):
    clear = []
    for first in range(1992, 2018):
        x = list(range(first, 2025))
        y = [float(np.log(ratio(year, column))) for year in x]
        slope, level = linear_regression(x, y)
        misses = sum((b - level - slope * a) ** 2 for a, b in zip(x, y, strict=True))
        error = (misses / (len(x) - 2) / sum((a - mean(x)) ** 2 for a in x)) ** 0.5
        if slope - 2 * error > 0:
            clear.append(first)
    assert book.facts()[f"limitations.{fact}"]["text"] == str(max(clear))


def test_only_russia_and_china_lack_a_duty_to_assist():
    without = [tie for (tie, mark), finding in CRITERIA.items() if mark == "assistance" and finding != "yes"]
    assert without == ["Russia and China"]


def test_the_extensions_of_the_treaty_are_those_of_the_other_chapter():
    extended = [r["date"] for r in table("joint_statements", "geopolitics") if "xten" in r["title"] and "2001 treaty" in r["title"]]
    assert extended == [r["date"] for r in table("alliance_form") if r["what"].startswith("Treaty extended")]


def test_every_cell_of_the_marks_has_a_source_that_was_read():
    rows = table("alliance_criteria")
    assert len(rows) == len({r["relation"] for r in rows}) * len({r["criterion"] for r in rows})
    assert all(r["source_id"] and r["evidence"] == "read" and r["detail"] for r in rows)
    assert all(r["note"] for r in rows if r["finding"] == "not found")


VERDICTS = {
    "border-dispute": "supported",
    "border-mistrust": "not checkable",
    "central-asia-rivalry": "partly supported",
    "central-asia-russia-view": "not checkable",
    "central-asia-china-view": "not checkable",
    "dominance-economic": "supported",
    "dominance-technology": "supported",
    "junior-partner": "not checkable",
    "dependency": "supported",
    "no-military-alliance": "supported",
    "divergences": "supported",
    "west-trade": "supported",
    "no-open-support": "partly supported",
    "convenience": "not checkable",
    "caution": "partly supported",
    "oil-gas-help": "supported",
    "no-military-support": "partly supported",
    "avoid-sanctions": "not checkable",
    "pillars": "supported",
    "united-front": "not checkable",
    "tensions": "not checkable",
    "imbalance-growing": "partly supported",
    "necessity": "not checkable",
}


def test_verdicts(book):
    assert {i: c["verdict"] for i, c in book.claims().items() if c["chapter"] == "limitations"} == VERDICTS


def test_the_extent_of_the_chapter(book):
    record = json.loads((book.out / "executed" / "limitations.json").read_text(encoding="utf-8"))
    kinds = [e["kind"] for e in record["exhibits"]]
    assert kinds.count("figure") >= 8
    assert kinds.count("table") >= 6
    assert mean(len(e["alt"]) for e in record["exhibits"] if e["kind"] == "figure") > 100

"""The numbers and verdicts of the Technology chapter, recomputed here by another way from the CSV files."""

from __future__ import annotations

import csv
import json
import math
from datetime import date
from statistics import linear_regression, mean

import pytest
from workspace import ROOT


def table(name: str, folder: str = "technology") -> list[dict]:
    with open(ROOT / "data" / folder / f"{name}.csv", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def one(name: str, column: str = "value", **key) -> float:
    found = [r for r in table(name) if all(r[k] == v for k, v in key.items())]
    assert len(found) == 1, key
    return float(found[0][column])


def chinese(year: str, sender: str, **more) -> int:
    rows = [r for r in table("sanctions") if r["date"][:4] == year and r["sender"] == sender and r["chinese_targets_n"]]
    return sum(int(r["chinese_targets_n"]) for r in rows if all(r[k] == v for k, v in more.items()))


def research(indicator: str) -> dict[tuple[int, str], float]:
    return {(int(r["year"]), r["country"]): float(r["value"]) for r in table("rd_spending") if r["indicator"] == indicator}


MACRO = {(int(r["year"]), r["country"]): r for r in table("macro", "limitations")}
LAUNCHES = {(int(r["year"]), r["country"]): int(r["launch_attempts_n"]) for r in table("orbital_launches")}
ARTICLES = research("scientific articles")
SHARES = research("research and development, share of GDP")
SPENT = {k: v * float(MACRO[k]["gdp_ppp_intl_usd_bn"]) / 100 for k, v in SHARES.items() if k in MACRO and MACRO[k]["gdp_ppp_intl_usd_bn"]}
ROUTE = one("semiconductors", indicator="share of Russian imports of high-priority goods")
MAKE = one("semiconductors", indicator="share made by firms with seat in China")
CHIPS = {"period_start": "2023-01", "period_end": "2023-09"}
ALL_CHIPS = one("semiconductors", indicator="chip imports, Bloomberg", **CHIPS)
WESTERN = one("semiconductors", indicator="chips made by 20 US and European firms, Bloomberg", **CHIPS)


def growth(values: dict[tuple[int, str], float], start: int, end: int) -> float:
    years = [y for y in range(start, end + 1) if (y, "China") in values and (y, "Russia") in values]
    line = linear_regression(years, [math.log(values[y, "China"] / values[y, "Russia"]) for y in years])
    return 100 * (math.exp(line.slope) - 1)


def stretches(values: dict[tuple[int, str], float]) -> list[float]:
    """The growth in every stretch of at least eight years that both countries have."""
    years = sorted({y for y, c in values if c == "China"} & {y for y, c in values if c == "Russia"})
    years = [y for y in years if 2000 <= y <= 2024]
    return [growth(values, years[i], years[j - 1]) for i in range(len(years)) for j in range(i + 8, len(years) + 1)]


def slips(column: str) -> list[float]:
    """Years of delay a year of Russia's probes; ``column`` says how the later span is read, the earlier the other way."""
    other = {"low": "high", "high": "low"}[column]
    found = []
    for mission in ("Luna-25", "Luna-26", "Luna-27", "Luna-28"):
        said = sorted((r for r in table("lunar_schedule") if r["mission"] == mission), key=lambda r: r["statement_date"])
        days = (date.fromisoformat(said[-1]["statement_date"]) - date.fromisoformat(said[0]["statement_date"])).days
        moved = int(said[-1][f"planned_year_{column}"]) - int(said[0][f"planned_year_{other}"])
        found.append(moved / (days / 365.25))
    return found


MIDDLE = [(a + b) / 2 for a, b in zip(slips("low"), slips("high"), strict=True)]
MTS = {(r["brand"], r["basis"]): float(r["value"]) for r in table("smartphones") if r["period_end"] == "2024-09" and r["panel"] == "MTS"}
CIPS = {r["date"]: float(r["value"]) for r in table("payment_systems") if r["indicator"] == "value settled in the year"}


@pytest.mark.parametrize(
    ("fact", "value", "text"),
    [
        ("elsewhere_low", 100 * (ROUTE - MAKE) / ROUTE, "50%"),
        ("elsewhere_high", 100 * min(ROUTE, 100 - MAKE) / ROUTE, "61%"),
        ("elsewhere_low_most", 100 * (90 - (100 - 100 * WESTERN / ALL_CHIPS)) / 90, "67%"),
        ("elsewhere_low_least", 100 * (ROUTE - (MAKE + 5)) / ROUTE, "44%"),
        ("slip_mean", mean(MIDDLE), "0.8"),
        ("slip_low", mean(slips("low")), "0.7"),
        ("slip_high", mean(slips("high")), "0.9"),
        ("slip_without_low", min(mean(MIDDLE[:i] + MIDDLE[i + 1 :]) for i in range(4)), "0.7"),
        ("gap_ppp_now", SPENT[2023, "China"] / SPENT[2023, "Russia"], "14.7"),
        ("gap_ppp_growth", growth(SPENT, 2000, 2023), "11.3%"),
        ("gap_launches_growth", growth(LAUNCHES, 2000, 2024), "15.6%"),
        ("gap_articles_fall", -min(stretches(ARTICLES)), "5.7%"),
        ("gap_ppp_least", min(stretches(SPENT)), "6.5%"),
        ("gap_launches_least", min(stretches(LAUNCHES)), "1.3%"),
        ("launches_times", LAUNCHES[2024, "China"] / LAUNCHES[2024, "Russia"], "4.0"),
        ("apple_price", MTS["Apple", "value"] / MTS["Apple", "units"] / (MTS["Xiaomi", "value"] / MTS["Xiaomi", "units"]), "5.5"),
        ("entity_added_2023", chinese("2023", "United States", measure="Entity List"), "98"),
        ("entity_russia_2024", chinese("2024", "United States", measure="Entity List", reasons="Russia"), "61"),
        ("eu_added_2024", chinese("2024", "European Union"), "36"),
        ("eu_added_2025", sum(chinese("2025", "European Union", kind=k) for k in ("asset freeze", "export limits")), "56"),
        ("cips_times", CIPS["2024"] / CIPS["2020"], "3.9"),
        ("chips_factor_2022", 500 / 179, "2.8"),
    ],
)
def test_facts_equal_an_independent_computation(book, fact, value, text):
    found = book.facts()[f"technology.{fact}"]
    assert found["value"] == pytest.approx(value)
    assert found["text"] == text


def test_a_trend_lies_in_its_interval_and_between_those_of_shorter_stretches(book):
    rows = download(book, "gap_growth")
    assert len(rows) == 9
    for row in rows:
        low, middle, high, least, most = (float(row[c]) for c in ("low", "growth", "high", "least", "most"))
        assert low < middle < high
        assert least <= middle <= most


def test_the_count_of_yardsticks_follows_from_the_figure(book):
    rows, facts = download(book, "gap_growth"), book.facts()
    whole = [r for r in rows if float(r["low"]) > 0]
    always = [r for r in whole if float(r["least"]) > 0]
    assert [facts[f"technology.widen_{k}"]["text"] for k in ("whole", "all")] == ["eight", "four"]
    assert (len(whole), len(always)) == (8, 4)


VERDICTS = {
    "ai-cyber": "partly supported",
    "huawei-5g": "outdated",
    "huawei-equipment": "partly supported",
    "sanctions-grow": "supported",
    "turned-to-china": "supported",
    "space": "supported",
    "swift-alternatives": "supported",
    "own-currencies": "supported",
}


def test_verdicts(book):
    found = {i: c["verdict"] for i, c in book.claims().items() if c["chapter"] == "technology"}
    assert found == VERDICTS


def test_the_account_is_not_refuted_by_a_list_that_leaves_russian_makers_out(book):
    claim = book.claims()["ai-cyber"]
    assert "technology.ai_joint_russia" not in claim["operands"]
    assert not claim["robust"]  # words alone on artificial intelligence would make it supported


def test_by_make_russia_turned_to_china_only_in_part(book):
    claim = book.claims()["turned-to-china"]
    assert not claim["robust"]
    assert {flip["verdict"] for flip in claim["flips"]} == {"partly supported"}


def download(book, name: str) -> list[dict]:
    return list(csv.DictReader((book.out / "html" / "downloads" / "technology" / f"{name}.csv").read_text(encoding="utf-8").splitlines()))


def record(book) -> dict:
    return json.loads((book.out / "executed" / "technology.json").read_text(encoding="utf-8"))


def test_findings_on_one_source_are_low(book):
    confidence = {f["id"]: f["confidence"] for f in record(book)["findings"]}
    assert {confidence[f"technology.{key}"] for key in ("networks", "route", "payments", "phones", "sanctions_us")} == {"low"}
    assert confidence["technology.launches"] == "high"


def test_the_extent_of_the_chapter(book):
    exhibits = record(book)["exhibits"]
    kinds = [e["kind"] for e in exhibits]
    assert kinds.count("figure") >= 8
    assert kinds.count("table") >= 6
    assert mean(len(e["alt"]) for e in exhibits if e["kind"] == "figure") > 100


LOGS = ("telecom", "sanctions", "smartphones", "semiconductors", "payment_systems", "payments_events", "cyber_agreements", "space_events")


@pytest.mark.parametrize("name", LOGS)
def test_every_note_of_a_log_reaches_the_reader(book, name):
    downloads = (book.out / "html" / "downloads" / "technology").glob("*.csv")
    shown = {cell for file in downloads for row in csv.reader(file.read_text(encoding="utf-8").splitlines()) for cell in row}
    assert [r["note"] for r in table(name) if r["note"] and r["evidence"] == "read" and r["note"] not in shown] == []

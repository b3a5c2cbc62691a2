"""The numbers and verdicts of the Economics chapter, recomputed here by another way from the CSV files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from statistics import mean

import pytest
from alliance import verdicts, words
from alliance.chapter import Chapter
from alliance.data import DATA, Package, package
from alliance.problems import AllianceError
from alliance.quantity import Cell, Quantity
from workspace import ROOT


def table(name: str) -> list[dict]:
    with open(ROOT / "data" / "economics" / f"{name}.csv", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def total(row: dict) -> float:
    flows = row["china_exports_usd_bn"], row["china_imports_usd_bn"]
    return sum(map(float, flows)) if all(flows) else float(row["published_total_usd_bn"])


YEARS = {int(r["year"]): total(r) for r in table("trade_annual")}
OCTOBER = {int(r["period_end"][:4]): total(r) for r in table("trade_monthly") if r["period_end"].endswith("-10") and r["basis"] == "ytd"}
CRUDE = {(int(r["year"]), r["supplier"]): float(r["mt"]) for r in table("crude_imports") if r["mt"]}
GAS = {(int(r["year"]), r["flow"]): float(r["bcm"]) for r in table("gas_trade")}
SHARES = [OCTOBER[y] / YEARS[y] for y in (2021, 2022, 2023)]
EXPECTED = [OCTOBER[2024] * 1.2] + [OCTOBER[2024] / s for s in SHARES]
EUROPE, CHINA = "Russia to Europe by pipeline", "Russia to China by pipeline"
LINES = {(int(r["year"]), r["commodity"]): float(r["usd_bn"]) for r in table("trade_commodities") if r["direction"] == "Russia to China"}
BILL = {int(r["year"]): (float(r["mt"]), float(r["usd_bn"])) for r in table("crude_imports") if r["supplier"] == "Russia" and r["usd_bn"]}
MONTHS = {r["period"]: (float(r["mt"]), float(r["usd_bn"])) for r in table("crude_monthly") if r["supplier"] == "Russia" and r["mt"] and r["usd_bn"]}


def log_mean_volume(before: tuple, after: tuple) -> float:
    """The part of a change in value that the log-mean split gives to volume."""
    (m0, v0), (m1, v1) = before, after
    return (v1 - v0) / math.log(v1 / v0) * math.log(m1 / m0)


def volume_since(base: int) -> list[float]:
    """Volume in the rise of the bill from a base year to 2024 by each of the five methods."""
    (m0, v0), (m1, v1) = BILL[base], BILL[2024]
    chained = sum(log_mean_volume(BILL[y], BILL[y + 1]) for y in range(base, 2024))
    comtrade = log_mean_volume((m0, LINES[base, "crude oil"]), (m1, LINES[2024, "crude oil"]))
    return [log_mean_volume(BILL[base], BILL[2024]), chained, (m1 - m0) * v0 / m0, (m1 - m0) * v1 / m1, comtrade]


BY_MONTH = sum(log_mean_volume(MONTHS[f"2021-{m:02d}"], MONTHS[f"2022-{m:02d}"]) for m in range(1, 13))
READ = {int(r["year"]) for r in table("trade_annual") if r["evidence"] == "read"}
SPANS = {y: (YEARS[y] / YEARS[y - 5]) ** 0.2 - 1 for y in READ if y - 5 in READ}
NEEDED = (300 / YEARS[2025]) ** 0.2 - 1
RUSSIA_2023 = [107.015, 81.814, 0.092], [32.399, 17.951, 0.9]  # single buyers, regions, in Mt of 240.761
RUSSIA_2023_LOW = sum((mt / 240.761) ** 2 for mt in RUSSIA_2023[0])
CHINA_2023 = [107.015, 85.96, 59.26, 54.79, 41.82, 24.533]  # of 563.99; ranks are known down to 41.82
UNREAD = 563.99 - sum(CHINA_2023)
CHINA_2023_HIGH = sum((mt / 563.99) ** 2 for mt in [*CHINA_2023, *[41.82] * int(UNREAD // 41.82), UNREAD % 41.82])
FUELS = ("crude oil", "bituminous coal", "LNG", "propane (liquefied)", "butanes (liquefied)", "fuel oil, diesel and other medium or heavy oils")


@pytest.mark.parametrize(
    ("fact", "value", "text"),
    [
        ("trade_total", YEARS[2024], "244.8"),
        ("trade_change", 100 * (YEARS[2024] / YEARS[2023] - 1), "rose 2.0%"),
        ("balance", 129.32 - 115.49, "13.8"),
        ("forecast_low", min(EXPECTED), "242.7"),
        ("forecast_high", max(EXPECTED), "256.8"),
        ("needed_growth", 100 * ((250 - OCTOBER[2024]) / (YEARS[2023] - OCTOBER[2023]) - 1), "9.5%"),
        ("last_two_change", 100 * ((YEARS[2024] - OCTOBER[2024]) / (YEARS[2023] - OCTOBER[2023]) - 1), "fell 2.4%"),
        ("share_error_high", 100 * (OCTOBER[2023] / SHARES[0] / YEARS[2023] - 1), "3.9%"),
        ("pace_error_high", 100 * (1 - OCTOBER[2021] * 1.2 / YEARS[2021]), "5.5%"),
        ("growth_to_300", 100 * ((300 / YEARS[2025]) ** 0.2 - 1), "5.6%"),
        ("crude_share", 100 * CRUDE[2024, "Russia"] / CRUDE[2024, "World"], "19.6%"),
        ("crude_expected_high", 62.57 / 7 * 12, "107.3"),
        ("gas_utilisation", 100 * 31.12 / 38, "82%"),
        ("gas_gain_over_loss", 100 * (GAS[2023, CHINA] - GAS[2021, CHINA]) / (GAS[2021, EUROPE] - GAS[2023, EUROPE]), "12%"),
        ("gas_share_2023", 100 * (21.294 + 11.022) / (61.343 + 97.813), "20.3%"),
        ("yuan_exports_2024", 40.8, "40.8%"),
        ("growth_to_300_from_2024", 100 * ((300 / YEARS[2024]) ** (1 / 6) - 1), "3.4%"),
        ("best_part_change", 100 * ((OCTOBER[2024] - 180.3) / (OCTOBER[2023] - 176.3) - 1), "8.6%"),
        ("share_russia", 100 * YEARS[2024] / (3576.54 + 2585.13), "4.0%"),
        ("named_share", 100 * sum(v for (y, _), v in LINES.items() if y == 2023) / 129.14, "68%"),
        ("fuels_named", sum(LINES[2023, name] for name in FUELS), "82"),
        ("named_share_sold", 100 * (15.2 + 1.3993 + 0.0775) / 115.49, "14%"),
        ("noncoking_share_2022", 100 * (64.069 - 21.07) / (293.4 - 57.374), "18.2%"),
        ("bill_volume_low", min(volume_since(2021)), "14.6"),
        ("bill_volume_high", max(volume_since(2021)), "17.5"),
        ("bill_share_2020_high", 100 * max(volume_since(2020)) / (62.59 - 27.286), "45%"),
        ("bill_price_step_2023", 60.6 - 58.378 - log_mean_volume(BILL[2022], BILL[2023]), "took 10.6"),
        ("bill_volume_months", BY_MONTH, "4.1"),
        ("hhi_russia_2023_low", RUSSIA_2023_LOW, "0.31"),
        ("hhi_russia_2023_high", RUSSIA_2023_LOW + sum((mt / 240.761) ** 2 for mt in RUSSIA_2023[1]) + (0.59 / 240.761) ** 2, "0.34"),
        ("hhi_china_2023_high", CHINA_2023_HIGH, "0.11"),
        ("equal_china_2023_high", 1 / CHINA_2023_HIGH, "9.0"),
        ("brent_gap_2022", 101.32 - 58.378 * 1000 / 86.248 / 7.3, "8.6"),
        ("gas_price_customs_2024", 8 / 31.12 * 1000, "257"),
        ("gas_price_customs_rival", 7.355 / 31.12 * 1000, "236"),
        ("gas_discount_2024", 100 * (1 - 271.6 / 481.7), "44%"),
        ("oil_of_use", 100 * 107.015 / 768.552, "14%"),
        ("gas_of_output", 100 * (21.294 + 11.022) / 586.382, "6%"),
        ("mwe_building", 2 * 1171 + 2 * 1200, "4,742"),
        ("cars_2022_other", 20, "20%"),
    ],
)
def test_facts_equal_an_independent_computation(book, fact, value, text):
    found = book.facts()[f"economics.{fact}"]
    assert found["value"] == pytest.approx(value)
    assert found["text"] == text


VERDICTS = {
    "trade-2023": "supported",
    "trade-october-2024": "supported",
    "trade-250": "contradicted",
    "trade-300": "partly supported",
    "exports-russia": "partly supported",
    "exports-china": "partly supported",
    "energy-supplier": "supported",
    "energy-largest-customer": "supported",
    "oil-largest-buyer": "supported",
    "oil-share-20": "supported",
    "oil-volume-2023": "partly supported",
    "oil-value-2023": "supported",
    "oil-200": "contradicted",
    "gas-since-2019": "supported",
    "gas-38": "partly supported",
    "gas-2023": "supported",
    "gas-2024": "supported",
    "gas-pos2-50": "not checkable",
    "coal": "supported",
    "nuclear": "partly supported",
    "yuan-sanctions": "supported",
    "yuan-grew": "not checkable",
    "yuan-92": "partly supported",
    "bri-support": "supported",
    "bri-bridge": "supported",
    "bri-polar": "partly supported",
    "bri-landbridge": "partly supported",
    "bri-pos2": "partly supported",
}


def test_verdicts(book):
    assert {i: c["verdict"] for i, c in book.claims().items() if c["chapter"] == "economics"} == VERDICTS


def test_forecasts_are_judged_twice(book):
    found = book.claims()
    assert (found["trade-250"]["at_the_time"], found["trade-250"]["outcome"]) == ("supported", "contradicted")
    assert (found["oil-200"]["at_the_time"], found["oil-200"]["outcome"]) == ("contradicted", "contradicted")


@pytest.mark.parametrize(
    ("rule", "values", "claimed", "threshold", "verdict"),
    [
        ("within", [240.11], 240, 0.5, "supported"),
        ("within", [240.61], 240, 0.5, "contradicted"),
        ("at_least", [19, 20], None, 10, "supported"),
        ("at_least", [19, 9], None, 10, "partly supported"),
        ("at_least", [9, 9], None, 10, "contradicted"),
        ("largest", [3, 2, 1], None, None, "supported"),
        ("largest", [2, 2, 1], None, None, "contradicted"),
        ("worded_or_meant", [107.02, 5], 107.02, 0.01, "supported"),
        ("worded_or_meant", [240.8, 107.015], 107.02, 0.01, "partly supported"),
        ("worded_or_meant", [240.8, 108], 107.02, 0.01, "contradicted"),
        ("forecast", [242, 256, 260], 250, None, "supported"),
        ("forecast", [242, 256, 244], 250, None, "contradicted"),
        ("estimate", [30, 31.12], 30, 1.5, "supported"),
        ("estimate", [30, 33], 30, 1.5, "contradicted"),
        ("at_most", [0, 0], None, 0, "supported"),
        ("at_most", [0, 2], None, 0, "partly supported"),
        ("at_most", [3, 2], None, 1, "contradicted"),
        ("grew", [1, 2, 3, 4], None, None, "supported"),
        ("grew", [1, 2, 4, 3], None, None, "partly supported"),
        ("grew", [2, 1], None, None, "contradicted"),
        ("still", [5, 6], None, 5, "supported"),
        ("still", [5, 4], None, 5, "outdated"),
        ("still", [4, 4], None, 5, "contradicted"),
    ],
)
def test_rules_of_verdicts(rule, values, claimed, threshold, verdict):
    assert verdicts.RULES[rule](values, claimed, threshold).verdict == verdict


def test_a_forecast_above_what_could_be_expected_was_not_reasonable():
    assert verdicts.forecast([242, 256, 260], 280, None).at_the_time == "contradicted"


def test_every_claim_of_the_examined_points_has_a_short_quote(book):
    for claim in book.claims().values():
        assert len(claim["quote"].split()) <= 20
        assert claim["why"]
        assert claim["sources"]
        assert "{" not in claim["why"]


def test_findings_on_one_source_or_on_state_media_are_low(book):
    record = json.loads((book.out / "executed" / "economics.json").read_text(encoding="utf-8"))
    tiers = {i: row["tier"] for i, row in package().sources.items()}
    by_id = book.facts()
    assert len(record["findings"]) >= 6
    for finding in record["findings"]:
        for fact in finding["facts"]:
            cells = by_id[fact]["inputs"]
            sources = {c["source"] for c in cells} | {s for c in cells for s in c["other_sources"]}
            if len(sources) == 1 or {tiers[s] for s in sources} == {"state media"}:
                assert finding["confidence"] == "low", finding["id"]
    assert {f["id"]: f["confidence"] for f in record["findings"]} == {
        "economics.trade": "high",
        "economics.balance": "moderate",
        "economics.forecast": "moderate",
        "economics.outcome": "high",
        "economics.goods": "moderate",
        "economics.buyers": "low",
        "economics.crude": "high",
        "economics.concentration": "low",
        "economics.bill": "moderate",
        "economics.gas": "low",
        "economics.yuan": "low",
        "economics.statements": "low",
    }


def test_spans_of_five_years_are_counted_as_they_are(book):
    found = book.facts()
    assert found["economics.spans_all"]["text"] == words.count(len(SPANS)) == "15"
    assert found["economics.spans_reached"]["text"] == words.count(sum(g >= NEEDED for g in SPANS.values())) == "twelve"
    assert found["economics.spans_missed"]["text"] == words.listing(str(y) for y in sorted(SPANS) if SPANS[y] < NEEDED)


def test_no_method_makes_price_the_larger_part_since_2021_and_another_base_does():
    rise = {base: BILL[2024][1] - BILL[base][1] for base in (2020, 2021)}
    assert min(volume_since(2021)) > rise[2021] / 2
    assert max(volume_since(2020)) < rise[2020] / 2


@pytest.mark.parametrize(
    ("figure", "name", "time", "number"),
    [("goods", "trade_commodities", "year", "usd_bn"), ("crude_bill", "crude_monthly", "period", "mt"), ("other_energy", "coal", "period_end", "mt")],
)
def test_the_data_of_a_figure_hold_every_row_of_its_table_to_the_focus_year(book, figure, name, time, number):
    with open(book.html / "downloads" / "economics" / f"{figure}.csv", encoding="utf-8") as handle:
        shown = {(r[time].removesuffix(".0"), float(r[number])) for r in csv.DictReader(handle) if r.get(time) and r[number]}
    kept = {(r[time], float(r[number])) for r in table(name) if r[time][:4] <= "2024" and r[number]}
    assert kept
    assert kept <= shown


def test_the_ceiling_of_confidence():
    tiers = {"a": "press", "b": "state media", "c": "state media", "mine": "own", "my other": "own"}
    assert words.ceiling(["mine", "my other"], tiers) == "low"
    assert words.ceiling(["a"], tiers) == "low"
    assert words.ceiling(["b", "c"], tiers) == "low"
    assert words.ceiling(["a", "b"], tiers) == "high"


def test_no_fact_rests_on_a_recalled_row(book):
    assert {f["evidence"] for f in book.facts().values()} == {"read"}
    cell = Cell("t", (("year", "2001"),), "x", 1.0, (), "recalled")
    with pytest.raises(AllianceError, match="recalled"):
        words.require_publishable(words.Fact("c.f", "l", "1", Quantity(1.0, "", (cell,))))


def told(folder: Path, data_dir: Path | None = None, **row) -> dict:
    """The fact that a chapter makes of the day on which a reactor began to earn."""
    chapter = Chapter("none", data_dir=str(data_dir) if data_dir else None)
    chapter.output = folder
    chapter.event("day", "nuclear_units", "commercial_operation", "Commercial operation", **row)
    chapter.finish()
    (fact,) = json.loads((folder / "record.json").read_text(encoding="utf-8"))["facts"]
    return fact


def test_a_date_that_is_not_there_is_not_available(tmp_path):
    table = Package().table("nuclear_units")
    row = next(r for r in table.rows if r["commercial_operation"])
    key = dict(zip(table.key_columns, table.key_of(row), strict=True))
    dated = told(tmp_path, **key)
    assert dated["text"] == words.date(row["commercial_operation"])
    assert [c["value"] for c in dated["inputs"]] == [row["commercial_operation"]]
    lines = (DATA / "economics" / "nuclear_units.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    at = table.lines[table.rows.index(row)][1] - 1
    for name, changed in {"emptied": [lines[at].replace(row["commercial_operation"], "")], "gone": []}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "nuclear_units.csv").write_text("".join(lines[:at] + changed + lines[at + 1 :]), encoding="utf-8")
        missing = told(tmp_path, tmp_path / name, **key)
        assert (missing["text"], missing["inputs"]) == ("not available", []), name
    with pytest.raises(AllianceError, match=r"has no row .*correct the key there, or add the row"):
        told(tmp_path, **dict.fromkeys(key, "1066"))


def test_the_extent_of_the_chapter(book):
    record = json.loads((book.out / "executed" / "economics.json").read_text(encoding="utf-8"))
    kinds = [e["kind"] for e in record["exhibits"]]
    assert 15 <= kinds.count("figure") <= 17
    assert kinds.count("table") >= 12
    keys = [e["key"] for e in record["exhibits"]]
    assert len(keys) == len(set(keys))  # each has its own file of data
    assert mean(len(e["alt"]) for e in record["exhibits"] if e["kind"] == "figure") > 100


WORDS = [
    (words.direction(Quantity(1.94, "percent")), "rose 1.9%"),
    (words.direction(Quantity(-6.8, "percent")), "fell 6.8%"),
    (words.direction(Quantity(0.04, "percent")), "did not change"),
    (words.direction(Quantity(-105.8, "Mt"), up="gained", down="lost"), "lost 105.8"),
    (words.number(-0.04), "0.0"),
    (words.number(-1234.56, 1), "−1,234.6"),
    (words.number(1e30), f"1{',000' * 10}.0"),
    (words.rank(Quantity(5.0), [Quantity(9.0), Quantity(5.0), Quantity(None)]), "second-largest"),
    (words.rank(Quantity(5.0), [Quantity(9.0)] * 9), "tenth-largest"),
    (words.rank(Quantity(5.0), [Quantity(9.0)] * 10), "11th-largest"),
    (words.rank(Quantity(5.0), [Quantity(9.0)] * 20, "lowest"), "21st-lowest"),
    (words.rank(Quantity(5.0), [Quantity(9.0)] * 21), "22nd-largest"),
    (words.rank(Quantity(5.0), [Quantity(9.0)] * 22), "23rd-largest"),
    (words.rank(Quantity(5.0), [Quantity(9.0)] * 111), "112th-largest"),
    (words.count(0), "no"),
    (words.count(3), "three"),
    (words.count(13), "13"),
    (words.count(-1), "−1"),
    (words.count(12345), "12,345"),
    (words.times(0), "not once"),
    (words.times(2), "twice"),
    (words.times(-1), "−1 times"),
    (words.listing(["2009", "2015", "2020"]), "2009, 2015 and 2020"),
    (words.date("2025-09-02"), "2 September 2025"),
    (words.date("2025-09"), "September 2025"),
    (words.date("2025"), "2025"),
]


@pytest.mark.parametrize(("found", "text"), WORDS)
def test_words_follow_numbers(found, text):
    assert found == text

"""The numbers and verdicts of the chapter on the military, recomputed here by another way from the CSV files."""

from __future__ import annotations

import csv
import json
import random
from datetime import date
from itertools import combinations
from statistics import mean, median, variance

import pytest
from workspace import ROOT


def table(name: str) -> list[dict]:
    with open(ROOT / "data" / "military" / f"{name}.csv", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def numbers(name: str, key: str, column: str) -> dict[str, float]:
    return {r[key]: float(r[column]) for r in table(name) if r[column]}


FLOW, LOW, HIGH = (numbers("arms_transfers_5y", "period_end", f"russia_to_china{end}_tiv_mn") for end in ("", "_low", "_high"))
IMPORTS, EXPORTS = (numbers("arms_transfers_5y", "period_end", c) for c in ("china_imports_tiv_mn", "russia_exports_tiv_mn"))
OWN_IMPORTS = numbers("arms_transfers", "year", "published_china_imports_tiv_mn")
SPREAD_IMPORTS = numbers("arms_transfers", "year", "china_imports_tiv_mn")
MISSES = [abs(SPREAD_IMPORTS[str(y)] / OWN_IMPORTS[str(y)] - 1) * 100 for y in range(2001, 2024)]
SPENT = {(r["year"], r["country"]): float(r["spending_usd_bn"]) for r in table("military_spending")}
EXERCISES = [r["start_date"] for r in table("joint_exercises")]
PATROLS = [r["start_date"] for name in ("bomber_patrols", "naval_patrols") for r in table(name)]
YEARS = (date(2022, 2, 24) - date(2017, 1, 1)).days / 365.25, (date(2025, 1, 1) - date(2022, 2, 24)).days / 365.25


def around(starts: list[str]) -> tuple[int, int]:
    """How many lie between 2017 and the invasion, and between it and the end of 2024."""
    return sum("2017" <= s < "2022-02-24" for s in starts), sum("2022-02-24" <= s < "2025" for s in starts)


def ratio(starts: list[str]) -> float:
    before, after = around(starts)
    return (after / YEARS[1]) / (before / YEARS[0])


def shuffled(starts: list[str]) -> float:
    """Percent of the ways to choose years that reach the sum of the last ones."""
    years = [sum(s.startswith(str(y)) for s in starts) for y in range(2017, 2025)]
    picks = [sum(p) for p in combinations(years, 3)]
    return 100 * sum(p >= sum(years[5:]) for p in picks) / len(picks)


BEFORE, AFTER = around(EXERCISES + PATROLS)
RISE = AFTER / YEARS[1] - BEFORE / YEARS[0]
PATROL_RISE = around(PATROLS)[1] / YEARS[1] - around(PATROLS)[0] / YEARS[0]
DECADE = [sum(s.startswith(str(y)) for s in EXERCISES) for y in range(2012, 2022)]


@pytest.mark.parametrize(
    ("fact", "value", "text"),
    [
        ("arms_now", FLOW["2024"], "1,787"),
        ("arms_fall", 100 * (1 - FLOW["2024"] / max(FLOW.values())), "86%"),
        ("arms_fall_least", 100 * (1 - HIGH["2024"] / LOW["2004"]), "53%"),
        ("arms_recent", 100 * (FLOW["2024"] / FLOW["2019"] - 1), "fell 70%"),
        ("arms_recent_low", 100 * (LOW["2024"] / HIGH["2019"] - 1), "fell 97%"),
        ("arms_recent_high", 100 * (HIGH["2024"] / LOW["2019"] - 1), "did not change"),
        ("russia_share", 100 * FLOW["2024"] / IMPORTS["2024"], "69%"),
        ("china_share", 100 * FLOW["2024"] / EXPORTS["2024"], "14%"),
        ("d30_share", 100 * (1416 * 4 / 6 + 1446 - 1416) / FLOW["2024"], "55%"),
        (
            "imports_revised",
            100 * (sum(OWN_IMPORTS[str(y)] for y in range(2014, 2019)) / sum(OWN_IMPORTS[str(y)] for y in range(2009, 2014)) - 1),
            "rose 13%",
        ),
        ("imports_spread", 100 * (IMPORTS["2018"] / IMPORTS["2013"] - 1), "rose 26%"),
        ("rise_computed_2018", 100 * (FLOW["2022"] / FLOW["2017"] - 1), "18%"),
        ("arms_latest_least", 100 * (1 - HIGH["2025"] / LOW["2020"]), "19%"),
        ("great_share_high", 100 * 2000 / 50000, "4%"),
        ("bombers_most", 6, "6"),
        ("route_energy", 100 * (21.86 + 8.1) / 37.9, "79%"),
        ("year_error", median(MISSES), "7%"),
        ("year_error_worst", max(MISSES), "28%"),
        ("exercise_rate_before", around(EXERCISES)[0] / YEARS[0], "2.7"),
        ("exercise_rate_after", around(EXERCISES)[1] / YEARS[1], "3.9"),
        ("exercise_ratio", ratio(EXERCISES), "1.4"),
        ("all_ratio", ratio(EXERCISES + PATROLS), "2.2"),
        ("patrols_in_rise", 100 * PATROL_RISE / RISE, "73%"),
        ("exercise_missing", 100 * (1 - 1 / ratio(EXERCISES)), "29%"),
        ("exercise_shuffled", shuffled(EXERCISES), "20%"),
        ("all_shuffled", shuffled(EXERCISES + PATROLS), "2%"),
        ("evenness", variance(DECADE) / mean(DECADE), "0.3"),
        ("listed_of_csis", 100 * sum(s < "2024-10" for s in EXERCISES + PATROLS) / 102, "53%"),
        ("transit_share", 100 * 3.08 / 37.9, "8.1%"),
        ("spending_ratio", SPENT["2024", "China"] / SPENT["2024", "Russia"], "2.1"),
        ("warheads_share", 100 * 500 / (1710 + 2670), "11%"),
    ],
)
def test_facts_equal_an_independent_computation(book, fact, value, text):
    found = book.facts()[f"military.{fact}"]
    assert found["value"] == pytest.approx(value)
    assert found["text"] == text


@pytest.mark.parametrize(("key", "starts"), [("exercise", EXERCISES), ("all", EXERCISES + PATROLS)])
def test_the_ends_of_an_interval_leave_the_tails_they_promise(book, key, starts):
    """At either end of the interval, drawing the later share of the events again gives the count seen, or one beyond it, in one case of forty."""
    before, after = around(starts)
    chance = random.Random(7)
    for end, beyond in (("low", lambda n: n >= after), ("high", lambda n: n <= after)):
        bound = book.facts()[f"military.{key}_ratio_{end}"]["value"]
        later = bound * YEARS[1] / (bound * YEARS[1] + YEARS[0])
        draws = [sum(chance.random() < later for _ in range(before + after)) for _ in range(20000)]
        assert sum(map(beyond, draws)) / len(draws) == pytest.approx(0.025, abs=0.005)


def test_the_counts_behind_the_ratios_stand_beside_them(book):
    """Each line of the figure carries its counts; those of other years are counted here again."""
    with open(book.html / "downloads" / "military" / "rates.csv", encoding="utf-8") as handle:
        rows = {(r["block"], r["what"]): (float(r["before"]), float(r["after"])) for r in csv.DictReader(handle)}
    assert len(rows) >= 15
    before, after = around(EXERCISES)
    assert rows["by definition", f"all exercises ({before}, {after})"] == (before, after)
    for block, starts in (("exercises", EXERCISES), ("with patrols", EXERCISES + PATROLS)):
        since_2019 = sum("2019" <= s < "2022-02-24" for s in starts)
        assert rows[f"{block}, other years", f"{block} since 2019 ({since_2019}, {around(starts)[1]})"] == (since_2019, around(starts)[1])


VERDICTS = {
    "military-regions": "partly supported",
    "arms-critical": "supported",
    "arms-s400": "supported",
    "arms-antiship": "supported",
    "arms-su35": "supported",
    "arms-less-dependent": "supported",
    "exercises-regular": "supported",
    "exercises-series": "partly supported",
    "exercises-ocean": "supported",
    "exercises-north": "supported",
    "exercises-joint-sea": "partly supported",
    "arctic-resources": "supported",
    "arctic-routes": "supported",
    "intelligence": "not checkable",
    "military-message": "not checkable",
    "military-coordination": "partly supported",
}


def test_verdicts(book):
    assert {i: c["verdict"] for i, c in book.claims().items() if c["chapter"] == "military"} == VERDICTS


def test_findings_on_one_register_or_on_few_claims_are_low(book):
    record = json.loads((book.out / "executed" / "military.json").read_text(encoding="utf-8"))
    assert {f["id"]: f["confidence"] for f in record["findings"]} == {
        "military.arms": "low",
        "military.dependence": "low",
        "military.rates": "low",
        "military.great": "low",
        "military.seas": "moderate",
        "military.arctic": "low",
        "military.intelligence": "low",
    }


def test_no_single_year_of_spread_deliveries_is_told(book):
    """The yearly values between China and Russia are computed by spreading and carry no finding alone."""
    spread = {"russia_to_china_tiv_mn", "china_imports_tiv_mn", "russia_exports_tiv_mn"}
    for fact in book.facts().values():
        if not fact["id"].startswith("military."):
            continue
        years = {c["key"]["year"] for c in fact["inputs"] if c["table"] == "arms_transfers" and c["column"] in spread}
        assert len(years) != 1, fact["id"]


def test_the_extent_of_the_chapter(book):
    record = json.loads((book.out / "executed" / "military.json").read_text(encoding="utf-8"))
    kinds = [e["kind"] for e in record["exhibits"]]
    assert 8 <= kinds.count("figure") <= 12
    assert 6 <= kinds.count("table") <= 9
    assert mean(len(e["alt"]) for e in record["exhibits"] if e["kind"] == "figure") > 100

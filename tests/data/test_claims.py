"""Claims: each sentence of the account has its place, rules decide, and what would turn a verdict is found."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from alliance import verdicts
from alliance.data import DATA, Package

PACKAGE = Package()
ROWS = PACKAGE.table("claims").rows
JUDGED = {row["id"]: verdicts.judge(row, PACKAGE) for row in ROWS}
WORDS_OF_QUANTITY = re.compile(
    r"\b(three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|thirds?|quarters?|doubled|tripled|most of|dozens?|hundreds?|thousands?)\b",
    re.IGNORECASE,
)


def test_every_sentence_of_the_account_has_its_claims_or_a_reason():
    judged = {row["bullet"] for row in ROWS}
    sentences = PACKAGE.table("account").rows
    assert judged <= {s["id"] for s in sentences}
    for sentence in sentences:
        assert (sentence["id"] in judged) != bool(sentence["no_claim"]), sentence["id"]


def test_the_verdicts_of_the_record_are_the_ones_reviewed():
    with open(Path(__file__).with_name("verdicts.csv"), encoding="utf-8") as handle:
        reviewed = {row.pop("id"): row for row in csv.DictReader(handle)}
    words = {None: "", True: "yes", False: "no"}
    found = {i: {k: c[k] or "" for k in ("verdict", "at_the_time", "outcome")} | {"robust": words[c["robust"]]} for i, c in JUDGED.items()}
    assert found == reviewed


def test_the_account_is_judged_as_a_whole():
    assert len(ROWS) >= 100
    assert {row["chapter"] for row in ROWS} == {"geopolitics", "economics", "military", "technology", "limitations"}
    assert sum(row["rule"] != verdicts.REVIEW for row in ROWS) > len(ROWS) / 2
    assert len({row["quote"] + row["claim"] for row in ROWS}) == len(ROWS)


def test_claims_stand_in_the_order_of_the_account():
    order = {row["id"]: i for i, row in enumerate(PACKAGE.table("account").rows)}
    places = [order[row["bullet"]] for row in ROWS]
    assert places == sorted(places)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_a_claim_is_short_and_complete(row):
    assert len(row["quote"].split()) <= 30
    assert len(row["explanation"]) > 40
    judged = JUDGED[row["id"]]
    assert judged["verdict"] in verdicts.VERDICTS
    assert judged["sources"], "a verdict without a source"
    assert (judged["at_the_time"] is None) == (judged["outcome"] is None)
    assert "not available" not in judged["why"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_an_explanation_prints_numbers_only_from_measures(row):
    text = verdicts.PLACEHOLDER.sub("", row["explanation"])
    text = re.sub(r"\b(1[6-9]|20)\d\d\b", "", text)  # years
    for name in (r["term"] for r in PACKAGE.table("glossary").rows):
        text = text.replace(name, "")
    assert not re.search(r"\d", text), text
    assert not WORDS_OF_QUANTITY.search(text), WORDS_OF_QUANTITY.search(text)


def test_no_verdict_on_one_source_or_on_state_media_alone_is_sure():
    tiers = {s: row["tier"] for s, row in PACKAGE.sources.items()}
    for claim in JUDGED.values():
        if claim["confidence"] != "low":
            assert len(claim["sources"]) > 1, claim["id"]
            assert {tiers[s] for s in claim["sources"]} != {"state media"}, claim["id"]


def test_robustness_is_said_of_every_rule_and_of_no_review():
    for claim in JUDGED.values():
        assert (claim["robust"] is None) == (claim["decided_by"] == "review")
        assert claim["robust"] is None or claim["robust"] == (not claim["flips"])
        for flip in claim["flips"]:
            assert flip["what"]
            assert flip["verdict"] != claim["verdict"]
            assert flip["kind"] in ("threshold", "measure", "source")


def a_claim(**changed) -> dict:
    row = next(r for r in ROWS if r["id"] == "trade-2023")
    return row | changed


def test_a_threshold_moved_by_a_tenth_turns_a_close_verdict():
    close = a_claim(claimed=239.0, threshold=1.05)  # the value is 240.11, off by 1.11
    assert verdicts.judge(close, PACKAGE)["verdict"] == "contradicted"
    flips = verdicts.judge(close, PACKAGE)["flips"]
    assert [(f["kind"], f["value"], f["verdict"]) for f in flips] == [("threshold", pytest.approx(1.155), "supported")]
    assert verdicts.judge(a_claim(claimed=239.0, threshold=0.5), PACKAGE)["robust"]


def test_another_measure_of_the_same_thing_turns_a_verdict():
    row = a_claim(alternatives="trade_2023=trade_2024")
    (flip,) = verdicts.judge(row, PACKAGE)["flips"]
    assert (flip["kind"], flip["verdict"]) == ("measure", "contradicted")
    assert flip["value"] == pytest.approx(244.81)


def test_a_forecast_is_robust_if_its_outcome_is_whatever_could_be_expected():
    row = a_claim(rule="forecast", measures="trade_2023;trade_2023;trade_2024", claimed=242.0, threshold=None)
    swapped = row | {"measures": "trade_2024;trade_2024;trade_2024"}
    judged = [verdicts.decide(r, PACKAGE) for r in (row, swapped)]
    assert [(v.verdict, v.at_the_time) for v in judged] == [("supported", "contradicted"), ("supported", "supported")]
    assert verdicts.judge(row | {"alternatives": "trade_2023=trade_2024"}, PACKAGE)["robust"]
    (flip,) = verdicts.judge(row | {"alternatives": "trade_2024=trade_2023"}, PACKAGE)["flips"]
    assert flip["verdict"] == "contradicted"


def test_another_source_s_value_for_the_cell_turns_a_verdict(tmp_path):
    header = (DATA / "disagreements.csv").read_text(encoding="utf-8").splitlines()[0]
    line = "trade_annual,2023,china_exports_usd_bn,Exports of 2023,110.97,,teller-2024-01-12,100,,ria-2025-08-29,USD bn,another count"
    (tmp_path / "disagreements.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")
    (flip,) = verdicts.judge(a_claim(), Package(overlay=tmp_path))["flips"]
    assert (flip["kind"], flip["value"], flip["verdict"]) == ("source", 100.0, "contradicted")
    assert "RIA Novosti" in flip["what"]


def test_a_disagreement_on_a_computed_total_is_tried_too(tmp_path):
    header = (DATA / "disagreements.csv").read_text(encoding="utf-8").splitlines()[0]
    line = "trade_annual,2023,total_usd_bn,Trade of 2023,240.11,,teller-2024-01-12,200,,ria-2025-08-29,USD bn,another count"
    (tmp_path / "disagreements.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")
    assert [f["value"] for f in verdicts.judge(a_claim(), Package(overlay=tmp_path))["flips"]] == [200.0]


def test_every_numeric_disagreement_is_about_a_row_that_stands():
    with open(DATA / "disagreements.csv", encoding="utf-8") as handle:
        stated = [r for r in csv.DictReader(handle) if r["other_value"]]
    assert len(PACKAGE.disagreements) == len(stated)
    assert all(d["row"] is not None for d in PACKAGE.disagreements)

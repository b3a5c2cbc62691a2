"""Measures: the language of formulas, and the numbers of the claims recomputed from the tables alone."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from alliance.data import DATA, Package
from alliance.formulas import FormulaError
from alliance.words import measured

PACKAGE = Package()


def rows(table: str) -> list[dict]:
    with open(DATA / PACKAGE.resources[table]["path"], encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize(
    ("formula", "value", "unit"),
    [
        ("trade_annual[2024].total_usd_bn", 115.49 + 129.32, "USD bn"),
        ("change(trade_annual[2024].total_usd_bn, trade_annual[2023].total_usd_bn)", 100 * (244.81 / 240.11 - 1), "percent"),
        ("share(crude_imports[2024, 'Russia'].mt, crude_imports[2024, 'World'].mt)", 100 * 108.47 / 553.4, "percent"),
        ("-trade_annual[2024].balance_usd_bn", 115.49 - 129.32, "USD bn"),
        ("2 ** 3 + 1 - 4 / 2 * 1", 7, ""),
        ("min(trade_annual[2023].total_usd_bn, trade_annual[2024].total_usd_bn)", 240.11, "USD bn"),
        ("distance(trade_annual[2023].total_usd_bn, trade_annual[2024].total_usd_bn)", 4.7, "USD bn"),
        ("coalesce(trade_annual[1950].total_usd_bn, trade_annual[2023].total_usd_bn)", 240.11, "USD bn"),
        ("earliest(gas_trade.year, flow == 'Russia to China by pipeline', bcm > 0)", 2019, "year"),
        ("highest(power_of_siberia.bcm, kind == 'delivered', year <= 2024)", 31.12, "bcm"),
        ("total(power_of_siberia.bcm, kind == 'delivered', year in (2023, 2024))", 22.73 + 31.12, "bcm"),
        ("count(power_of_siberia, kind == 'delivered', bcm > power_of_siberia[2023, 'delivered'].bcm)", 2, "count"),
    ],
)
def test_the_language_of_formulas(formula, value, unit):
    quantity = PACKAGE.evaluate(formula)
    assert quantity.value == pytest.approx(value)
    assert quantity.unit == unit


def test_counts_leave_out_rows_from_memory_and_compare_dates_as_far_as_they_go():
    recalled = sum(r["evidence"] == "recalled" for r in rows("trade_annual"))
    assert recalled
    assert PACKAGE.evaluate("count(trade_annual)").value == len(rows("trade_annual")) - recalled
    of_2024 = [r for r in rows("trade_monthly") if r["period_end"].startswith("2024") and r["basis"] == "ytd"]
    counted = PACKAGE.evaluate("count(trade_monthly, basis == 'ytd', period_end >= '2024', period_end <= '2024')")
    assert counted.value == len(of_2024) > 3
    assert len(counted.inputs) == len(of_2024)  # every counted row is behind the number


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("trade_annual[2024].total", "has no column"),
        ("no_table[2024].total", "no table"),
        ("trade_annual[2024, 'x'].total_usd_bn", "has the key (year)"),
        ("no_such_measure + 1", "no measure"),
        ("__import__('os').system('true')", "cannot hold"),
        ("open('x')", "no function open"),
        ("[1, 2]", "cannot hold"),
        ("1 +", "not a formula"),
        ("count(trade_annual, 2024 > year)", "not a condition"),
        ("count(trade_annual, ear == 2024)", "has no column"),
    ],
)
def test_what_the_language_does_not_know_is_refused_in_words(formula, words):
    with pytest.raises(FormulaError, match=words.replace("(", r"\(").replace(")", r"\)")):
        PACKAGE.evaluate(formula)


def test_a_measure_that_is_defined_by_itself_is_refused(tmp_path):
    text = (DATA / "measures.csv").read_text(encoding="utf-8")
    assert "trade_annual[2023].total_usd_bn" in text
    (tmp_path / "measures.csv").write_text(text.replace("trade_annual[2023].total_usd_bn", "trade_2023 + 1", 1), encoding="utf-8")
    with pytest.raises(FormulaError, match="defined by itself"):
        Package(overlay=tmp_path).measure("trade_2023")


def test_a_measure_that_cannot_be_computed_says_the_same_when_asked_again(tmp_path):
    text = (DATA / "measures.csv").read_text(encoding="utf-8")
    (tmp_path / "measures.csv").write_text(text.replace("trade_annual[2023].total_usd_bn", "trade_annual[2023].total", 1), encoding="utf-8")
    package = Package(overlay=tmp_path)
    for _ in range(2):
        with pytest.raises(FormulaError, match='has no column "total"'):
            package.measure("trade_2023")


def test_every_measure_has_a_value_that_was_read_and_a_text():
    for name, row in PACKAGE.measures.items():
        quantity = PACKAGE.measure(name)
        assert quantity.evidence == "read", name
        assert measured(row, quantity).text != "not available", name


def test_a_supposed_value_changes_one_cell_and_nothing_else():
    table = PACKAGE.table("trade_annual")
    supposed = PACKAGE.supposing("trade_annual", table.find(year=2023), "china_exports_usd_bn", 100.0, "elsewhere")
    assert supposed.measure("trade_2023").value == pytest.approx(229.14)
    assert supposed.measure("trade_2023").sources[0] == "elsewhere"
    assert supposed.measure("trade_2024").value == PACKAGE.measure("trade_2024").value
    assert PACKAGE.measure("trade_2023").value == pytest.approx(240.11)


def test_a_measure_on_a_recalled_row_is_refused(tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(DATA, copy)
    file = copy / "measures.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("trade_annual[2023]", "trade_annual[2011]", 1), encoding="utf-8")
    from alliance.check import check

    found = check(Package(Path(copy)))
    assert any(p.rule == "measure" and "recalled" in p.message for p in found)

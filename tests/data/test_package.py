"""The data package: valid, complete, loaded as described, with derived values computed from primary ones."""

from __future__ import annotations

import json
from pathlib import Path

import frictionless
import pytest
from alliance import check, describe
from alliance.data import DATA, Package, load
from alliance.problems import DataError
from alliance.quantity import Quantity, change_pct, share_pct

DESCRIPTOR = json.loads((DATA / "datapackage.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def package() -> Package:
    return Package()


def test_the_book_s_own_data_keep_every_rule(package):
    assert [str(p) for p in check.check(package)] == []


def test_datapackage_json_is_what_the_descriptions_make():
    assert (DATA / "datapackage.json").read_text(encoding="utf-8") == describe.text(describe.descriptor(DATA))


def test_frictionless_finds_the_package_valid():
    report = frictionless.Package(str(DATA / "datapackage.json")).validate()
    assert report.valid, report.to_summary()
    assert len(report.tasks) == len(DESCRIPTOR["resources"])


def test_every_file_is_described_and_every_description_has_its_file():
    described = {r["path"] for r in DESCRIPTOR["resources"]}
    assert described == {str(f.relative_to(DATA)) for f in DATA.rglob("*.csv")}


@pytest.mark.parametrize("resource", DESCRIPTOR["resources"], ids=lambda r: r["name"])
def test_descriptions_say_what_a_reader_needs(resource):
    for text in ("title", "description", "vintage", "next_update", "terms"):
        assert resource[text]
    for field in resource["schema"]["fields"]:
        assert field["title"]
        assert field["type"] != "number" or field.get("unit") or field.get("unitColumn"), f"{field['name']} has no unit"
    for derived in resource.get("derived", []):
        assert derived["title"]
        assert derived["formula"]
        assert derived.get("unit") or derived.get("unitColumn")


def test_tables_store_no_value_that_the_book_computes():
    for resource in DESCRIPTOR["resources"]:
        stored = {f["name"] for f in resource["schema"]["fields"]}
        assert not stored & {d["name"] for d in resource.get("derived", [])}


def test_load_gives_typed_values_and_derived_columns():
    trade = load("trade_annual").set_index("year")
    assert trade.attrs["table"] == "trade_annual"
    assert trade.loc[2024, "total_usd_bn"] == pytest.approx(115.49 + 129.32)
    assert trade.loc[2024, "balance_usd_bn"] == pytest.approx(129.32 - 115.49)
    assert trade.loc[2024, "yoy_pct"] == pytest.approx(100 * (244.81 / 240.11 - 1))
    assert trade.loc[2021, "total_usd_bn"] == 146.887  # printed total, as the flows were not read


def test_recalled_values_are_blank_unless_asked_for():
    shown, whole = load("trade_annual").set_index("year"), load("trade_annual", recalled=True).set_index("year")
    assert shown["total_usd_bn"].isna()[[2001, 2004, 2011, 2012]].all()
    assert whole.loc[2011, "total_usd_bn"] == 79.25
    assert shown["yoy_pct"].isna()[[2012, 2013]].all()  # a rate on a recalled year is recalled too


def test_a_value_knows_the_cells_and_sources_behind_it(package):
    share = package.value("crude_imports", "share_pct", year=2024, supplier="Russia")
    assert share.value == pytest.approx(100 * 108.47 / 553.4)
    assert {(c.key, c.column, c.value) for c in share.inputs} == {
        ((("year", "2024"), ("supplier", "Russia")), "mt", 108.47),
        ((("year", "2024"), ("supplier", "World")), "mt", 553.4),
    }
    assert share.sources == ("ubn-2025", "unn-2025-01-20", "marinelink-2025-01")
    assert share.evidence == "read"


def test_the_weakest_evidence_of_the_inputs_is_inherited(package):
    assert package.value("crude_imports", "share_pct", year=2010, supplier="Russia").evidence == "recalled"
    assert package.value("trade_annual", "yoy_pct", year=2013).evidence == "recalled"


def test_an_unknown_row_is_missing_and_an_unknown_column_an_error(package):
    assert not package.value("trade_annual", "total_usd_bn", year=1990).known
    with pytest.raises(KeyError, match="it has china_exports_usd_bn"):
        package.value("trade_annual", "total", year=2024)


def test_arithmetic_carries_inputs_and_the_expression(package):
    now, then = (package.value("trade_annual", "total_usd_bn", year=y) for y in (2024, 2023))
    change = change_pct(now, then)
    assert change.value == pytest.approx(100 * (244.81 / 240.11 - 1))
    assert change.expression == "(total_usd_bn[2024] / total_usd_bn[2023] − 1) × 100"
    assert len(change.inputs) == 4
    assert change.unit == "percent"
    assert share_pct(now - then, then).expression == "(total_usd_bn[2024] − total_usd_bn[2023]) / total_usd_bn[2023] × 100"
    assert (now / (then / then)).expression == "total_usd_bn[2024] / (total_usd_bn[2023] / total_usd_bn[2023])"
    with pytest.raises(ValueError, match="cannot add"):
        now + package.value("crude_imports", "mt", year=2024, supplier="Russia")


@pytest.mark.parametrize(
    ("compute", "unit"),
    [
        (lambda usd, gas: usd * gas, "USD bn × bcm"),
        (lambda usd, gas: gas * usd + usd * gas, "USD bn × bcm"),  # the order of factors makes no other unit
        (lambda usd, gas: usd / gas, "USD bn / bcm"),
        (lambda usd, gas: usd / gas * gas, "USD bn"),
        (lambda usd, gas: usd / (usd / gas), "bcm"),
        (lambda usd, gas: usd * gas / gas / gas, "USD bn / bcm"),
        (lambda usd, gas: 1 / usd, "1 / USD bn"),
        (lambda usd, gas: 1 / usd * usd, ""),
        (lambda usd, gas: gas / usd / usd, "bcm / USD bn / USD bn"),
        (lambda usd, gas: 2 * usd / 4, "USD bn"),
        (lambda usd, gas: usd / usd, ""),
    ],
)
def test_products_and_quotients_compose_their_units(compute, unit):
    found = compute(Quantity(8.0, "USD bn"), Quantity(2.0, "bcm"))
    assert found.unit == unit


def test_what_has_composed_units_is_not_added_to_what_has_one_of_them():
    usd, gas = Quantity(8.0, "USD bn"), Quantity(2.0, "bcm")
    for compute in (lambda: usd * gas + usd, lambda: usd / gas - usd, lambda: 1 / usd + usd):
        with pytest.raises(ValueError, match="cannot add or subtract"):
            compute()


def test_missing_values_stay_missing_through_arithmetic():
    nothing = Quantity(None, "USD bn")
    assert not (nothing + 1).known
    assert not change_pct(nothing, Quantity(2.0, "USD bn")).known
    assert not (nothing < 1)
    assert not (nothing > 1)


def overlay(folder: Path, **tables: str) -> Package:
    folder.mkdir(exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name.replace('__', '.')}.csv").write_text(text, encoding="utf-8")
    return Package(overlay=folder)


def rows(name: str) -> str:
    return (DATA / "economics" / f"{name}.csv").read_text(encoding="utf-8")


NEW_ROW = "2026,100,120,,,me,mine-2027,,,supplied,my own count\n"
NEW_SOURCE = (
    "id,title,publisher,url,published,language,tier,licence,checked,note\nmine-2027,My count,Me,https://example.org/a,2027,en,press,CC0,2027-01-15,\n"
)


def test_an_overlay_appends_rows_and_sources(tmp_path):
    header = rows("trade_annual").splitlines()[0] + "\n"
    package = overlay(tmp_path / "mine", trade_annual__append=header + NEW_ROW, sources__append=NEW_SOURCE)
    assert [p for p in check.check(package) if p.severity == "error"] == []
    total = package.value("trade_annual", "total_usd_bn", year=2026)
    assert (total.value, total.evidence, total.sources) == (220.0, "supplied", ("mine-2027",))
    assert package.value("trade_annual", "total_usd_bn", year=2024).value == pytest.approx(244.81)


def test_a_row_that_names_two_sources_in_one_field_cites_both(tmp_path):
    header = rows("trade_annual").splitlines()[0] + "\n"
    row = NEW_ROW.replace("mine-2027", "mine-2027;bne-2025-01-13")
    package = overlay(tmp_path / "mine", trade_annual__append=header + row, sources__append=NEW_SOURCE)
    assert package.value("trade_annual", "total_usd_bn", year=2026).sources == ("mine-2027", "bne-2025-01-13")


def test_a_derived_value_is_supplied_if_it_rests_on_a_supplied_row(tmp_path):
    supplied = (
        rows("trade_annual").replace("2024,115.49,129.32,,1.9,GACC,", "2024,115,129,,1.9,GACC,").replace('read,"the printed', 'supplied,"the printed')
    )
    frame = overlay(tmp_path / "mine", trade_annual=supplied).table("trade_annual").frame().set_index("year")
    assert list(frame["evidence"][[2023, 2024, 2025]]) == ["read", "supplied", "supplied"]  # growth of 2025 counts from 2024


def test_an_overlay_replaces_a_whole_table(tmp_path):
    package = overlay(tmp_path / "mine", trade_annual=rows("trade_annual").replace("115.49", "130.68"))
    assert package.value("trade_annual", "total_usd_bn", year=2024).value == pytest.approx(260)


def test_an_overlay_s_mistakes_are_named_in_its_own_file(tmp_path):
    header = rows("trade_annual").splitlines()[0] + "\n"
    again = "2024,1,2,,,me,bne-2025-01-13,,,supplied,\n"
    package = overlay(tmp_path / "mine", trade_annual__append=header + again, trade_anual=header + again)
    found = {(Path(p.file).name, p.rule) for p in check.check(package)}
    assert ("trade_annual.append.csv", "key") in found
    assert ("trade_anual.csv", "file-unknown") in found


def test_loading_a_broken_table_names_every_problem(tmp_path):
    package = overlay(tmp_path / "mine", trade_annual=rows("trade_annual").replace("115.49", "NaN").replace("129.32", "x"))
    with pytest.raises(DataError) as caught:
        package.table("trade_annual")
    assert len(caught.value.problems) == 2

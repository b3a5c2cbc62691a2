"""The World Bank's feed against a local server: what it tells, what it writes, and what it refuses."""

from __future__ import annotations

import shutil

import pytest
from alliance import check
from alliance.data import Package
from alliance.feeds import worldbank
from alliance.feeds.fetch import FeedError, Fetcher
from alliance.press.project import Project
from offices import WorldBank
from workspace import ROOT

GDP, PEOPLE, RESEARCH = "NY.GDP.MKTP.CD", "SP.POP.TOTL", "GB.XPD.RSDV.GD.ZS"


def only_known(desk) -> None:
    """Let the bank know no more than the tables hold, so that a run finds nothing new."""
    desk.bank.values = {k: v for k, v in desk.bank.values.items() if not k[0].startswith("MS.")}


def test_every_page_of_every_series_is_read_and_equal_values_are_no_news(desk):
    only_known(desk)
    desk.bank.values["MS.MIL.XPND.CD", "CHN", 1993] = desk.bank.values["MS.MIL.XPND.GD.ZS", "CHN", 1993] = 0
    ran = desk.update()
    assert ran.code == 0, ran.err
    assert "2 new, 0 changed, 0 gone" in ran.out  # the two values that keep the server from refusing the series
    for code in (GDP, PEOPLE, RESEARCH):
        assert [query["page"] for path, query, _ in desk.bank.asked if path.endswith(code)] == ["1", "2"]
    path, query, headers = desk.bank.asked[0]
    assert path == f"/country/CHN;RUS;USA;IND;EUU;WLD/indicator/{GDP}"
    assert query["format"] == "json"
    assert query["date"].startswith("1990:")
    assert "russia-china-alliance" in headers["User-Agent"]


def test_new_changed_and_gone_values_are_told_and_nothing_is_written_unasked(desk):
    desk.bank.values[GDP, "CHN", 2025] = 19_400_000_000_000.4
    desk.bank.values[GDP, "RUS", 2023] = 2_071_506_000_000
    del desk.bank.values[PEOPLE, "CHN", 1992]
    before = desk.bytes()
    ran = desk.update()
    assert ran.code == 0, ran.err
    assert "new     2025; China; GDP at current prices: 19400 USD bn" in ran.out
    assert "changed 2023; Russia; GDP at current prices: 2021.421 → 2071.506 USD bn (+2.5%)" in ran.out
    assert "gone    1992; China; population: was 1164.97 million people" in ran.out
    assert "Nothing is written without --write" in ran.out
    assert desk.bytes() == before


def test_writing_changes_exactly_the_lines_that_differ(desk):
    only_known(desk)
    bank = desk.bank.values
    bank["MS.MIL.XPND.CD", "CHN", 2024] = 313_658_000_000
    bank["MS.MIL.XPND.GD.ZS", "CHN", 2024] = 1.7
    bank[GDP, "RUS", 2023] = 2_071_506_000_000
    bank[GDP, "RUS", 2024] = 2_173_836_000_000
    del bank[PEOPLE, "CHN", 1992]
    before = {k: v.decode() for k, v in desk.bytes().items()}
    ran = desk.update(write=True)
    assert ran.code == 0, ran.err
    after = {k: v.decode() for k, v in desk.bytes().items()}

    old = before["limitations/world_bank.csv"]
    changed = "2023,Russia,GDP at current prices,2071.506,USD bn,world-bank-api,,NY.GDP.MKTP.CD,read,\n"
    added = "2024,Russia,GDP at current prices,2173.836,USD bn,world-bank-api,,NY.GDP.MKTP.CD,read,\n"
    expected = old.replace("2023,Russia,GDP at current prices,2021.421,USD bn,datahub-gdp-2024,,NY.GDP.MKTP.CD,read,\n", changed + added)
    expected = expected.replace("1992,China,population,1164.97,million people,datahub-population-2026,,SP.POP.TOTL,read,\n", "")
    expected += "2024,China,military spending,313.658,USD bn,world-bank-api,,MS.MIL.XPND.CD,read,\n"
    expected += '2024,China,"military spending, share of GDP",1.7,percent,world-bank-api,,MS.MIL.XPND.GD.ZS,read,\n'
    assert after["limitations/world_bank.csv"] == expected

    told = before["limitations/tables.toml"].replace('vintage = "2026-03-06"', 'vintage = "2026-07-01"')
    assert after["limitations/tables.toml"] == told
    (source,) = set(after["sources.csv"].splitlines()) - set(before["sources.csv"].splitlines())
    assert source.startswith("world-bank-api,")
    assert "2026-07-01" in source
    touched = {"limitations/world_bank.csv", "limitations/tables.toml", "sources.csv", "datapackage.json"}
    assert {k for k in after if after[k] != before.get(k)} == touched
    assert set(after) == set(before)

    assert [p for p in check.check(desk.package()) if p.severity == "error"] == []
    value = desk.package().value("world_bank", "value", year=2023, country="Russia", indicator="GDP at current prices")
    assert (value.value, value.sources, value.evidence) == (2071.506, ("world-bank-api",), "read")
    again = desk.update(write=True)
    assert "up to date" in again.out
    assert {k: v.decode() for k, v in desk.bytes().items()} == after


def test_a_value_goes_where_the_bank_s_own_rows_are_and_other_rows_stay(desk):
    desk.bank.values[RESEARCH, "CHN", 2023] = 2.61  # the table has 2.58, from the press
    desk.bank.values[RESEARCH, "RUS", 2018] = 0.98
    desk.bank.values[GDP, "RUS", 1991] = 518_000_000_000  # before the IMF's series begins: a table of its own
    before = desk.bytes()["technology/rd_spending.csv"].decode()
    ran = desk.update(write=True)
    assert ran.code == 0, ran.err
    assert "kept    2023; China; research and development, share of GDP: 2.58 percent of people-2025-09-30 stays; the office says 2.61" in ran.out
    after = desk.bytes()["technology/rd_spending.csv"].decode()
    (line,) = set(after.splitlines()) - set(before.splitlines())
    assert line == '2018,Russia,"research and development, share of GDP",,0.98,percent,world-bank-api,,,read,'
    assert "macro_1990_1991  changed 1991; Russia: 517.963 → 518 USD bn" in ran.out
    assert desk.package().value("macro_1990_1991", "gdp_usd_bn", year=1991, country="Russia").value == 518
    assert desk.package().value("macro_1990_1991", "population_mn", year=1991, country="Russia").value == 148.394


def spoil_rows(change):
    def spoil(answer):
        for row in answer[1] if len(answer) == 2 else ():
            change(row)
        return answer

    return spoil


def rename(old, new):
    return spoil_rows(lambda row: row.update({new: row.pop(old)}))


def head(**values):
    return lambda answer: [answer[0] | values, *answer[1:]]


FOREIGN = {
    "a renamed field": (rename("value", "obs_value"), "lacks 'value'"),
    "a renamed country": (rename("countryiso3code", "iso3"), "lacks 'countryiso3code'"),
    "another indicator": (spoil_rows(lambda r: r["indicator"].update(id="NY.GDP.MKTP.KD")), "another country, indicator or period"),
    "quarters": (spoil_rows(lambda r: r.update(date=r["date"] + "Q1")), "another country, indicator or period"),
    "words": (spoil_rows(lambda r: r.update(value="12,3")), "no such quantity"),
    "a negative": (spoil_rows(lambda r: r.update(value=-1)), "no such quantity"),
    "not a number": (spoil_rows(lambda r: r.update(value=float("nan"))), "no such quantity"),
    "infinity": (spoil_rows(lambda r: r.update(value=float("inf"))), "no such quantity"),
    "an object": (lambda answer: {"data": answer[1]}, "another form than documented"),
    "no rows": (lambda answer: answer[:1], "lacks its rows"),
    "null rows": (lambda answer: [answer[0], None], "lacks its rows"),
    "no total": (lambda answer: [{k: v for k, v in answer[0].items() if k != "total"}, answer[1]], "lacks total"),
    "another page": (head(page=7), "page 7 came"),
    "a page that is no number": (head(page="x"), "says of page 'x', which is no count"),
    "half a page": (head(pages=1.5), "says of pages 1.5, which is no count"),
    "no number of rows": (head(total=None), "says of total None, which is no count"),
    "no day of change": (head(lastupdated=None), "last changed on None, which is no date"),
    "a day that would end a string": (head(lastupdated='2026-07-01"'), "which is no date"),
    "a message without words": (lambda answer: [{"message": None}], "is refused: None"),
    "a message in words": (lambda answer: [{"message": "back soon"}], "is refused: back soon"),
    "a row that is no row": (lambda answer: [answer[0], [7, *answer[1][1:]]], "a row of NY.GDP.MKTP.CD"),
    "a year that is a number": (spoil_rows(lambda r: r.update(date=2020)), "a row of NY.GDP.MKTP.CD"),
    "a year in other digits": (spoil_rows(lambda r: r.update(date="²⁰²⁰")), "another country, indicator or period"),
    "a country in a list": (spoil_rows(lambda r: r.update(countryiso3code=["CHN"])), "a row of NY.GDP.MKTP.CD"),
    "too few rows": (lambda answer: [answer[0], answer[1][:-1]], "and sends"),
    "a message": (lambda answer: [{"message": [{"id": "105", "key": "Service currently unavailable", "value": "try"}]}], "Service currently"),
}


@pytest.fixture(scope="module")
def package():
    return Package()


@pytest.mark.parametrize("name", FOREIGN)
def test_an_answer_of_another_form_is_refused_and_kept_for_a_look(package, tmp_path, monkeypatch, name):
    spoil, words = FOREIGN[name]
    bank = WorldBank(package.path)
    bank.spoil = spoil
    monkeypatch.setenv("ALLIANCE_WORLDBANK_URL", bank.url)
    monkeypatch.setenv("ALLIANCE_FEED_PAUSE", "0")
    with pytest.raises(FeedError, match=words) as caught:
        worldbank.harvest(Fetcher("The World Bank", tmp_path), package, None, 2026)
    assert caught.value.code == 6
    assert "kept in" in str(caught.value) or name == "too few rows"
    assert name == "too few rows" or list((tmp_path / "refused").glob("*.body"))
    bank.close()


def test_an_outage_or_a_changed_form_damages_nothing_and_breaks_no_build(desk):
    for file in ("_config.yml", "_toc.yml", "requirements.lock"):
        shutil.copy(ROOT / file, desk.root)
    before, inputs = desk.bytes(), Project(desk.root, desk.out).inputs
    desk.bank.faults = [(503, {}, b"")] * 4
    desk.update(write=True)
    desk.bank.spoil = rename("value", "obs_value")
    ran = desk.update(write=True)
    assert ran.code == 6
    assert "Traceback" not in ran.err
    assert desk.bytes() == before
    assert Project(desk.root, desk.out).inputs == inputs
    assert not (desk.root / ".data-update").exists()


def test_a_country_that_is_missing_as_a_whole_is_refused(desk):
    desk.bank.values = {k: v for k, v in desk.bank.values.items() if not (k[0] == GDP and k[1] == "RUS")}
    before = desk.bytes()
    ran = desk.update(write=True)
    assert ran.code == 6
    assert "no value at all of GDP at current prices for Russia" in ran.err
    assert desk.bytes() == before


def test_half_an_answer_is_not_taken_for_news(desk):
    desk.bank.values = {k: v for k, v in desk.bank.values.items() if k[0] != PEOPLE or k[2] > 2015}
    before = desk.bytes()
    ran = desk.update(write=True)
    assert ran.code == 6
    assert "looks like half an answer" in ran.err
    assert desk.bytes() == before


@pytest.mark.parametrize(("factor", "word"), [(1000, "thousand"), (1e-6, "million")])
def test_a_value_in_another_unit_is_refused_as_wrong_data(desk, factor, word):
    desk.bank.spoil = spoil_rows(lambda r: r["indicator"]["id"] == PEOPLE and r["value"] and r.update(value=r["value"] * factor))
    before = desk.bytes()
    ran = desk.update(write=True)
    assert ran.code == 2
    assert f"Probably the unit is off by a factor of a {word}" in ran.err
    assert "nothing was written" in ran.err
    assert desk.bytes() == before


def test_a_new_value_is_held_against_that_of_another_office(desk):
    desk.bank.values[GDP, "IND", 2024] = 3_909_892_000  # the table has no such row; the IMF's is 3,909 billion
    ran = desk.update(write=True)
    assert ran.code == 2
    assert "2024; India; GDP at current prices: the office's value is far from the" in ran.err
    assert "of the table macro" in ran.err


def test_a_change_of_edition_between_two_pages_is_refused(desk):
    desk.bank.faults = [None, lambda path, query: setattr(desk.bank, "edition", "2026-10-10")]
    ran = desk.update()
    assert ran.code == 6
    assert "--fresh" in ran.err


def test_data_with_problems_are_not_updated(desk):
    file = desk.data / "limitations" / "world_bank.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("426.916", "NaN"), encoding="utf-8")
    before = desk.bytes()
    ran = desk.update(write=True)
    assert ran.code == 2
    assert "world_bank.csv, line 2, column value: not a number" in ran.err
    assert desk.bytes() == before


def test_the_repository_s_table_holds_only_rows_of_mirrors_that_were_read():
    table = Package().table("world_bank")
    assert {row["evidence"] for row in table.rows} == {"read"}
    assert {row["source_id"] for row in table.rows} <= set(Package().sources)
    for other in Package().disagreements:
        if other["table"] == "macro" and other["other_source_id"] == "datahub-gdp-2024":
            year, country = other["key"].split(";")
            assert table.find(year=int(year), country=country, indicator="GDP at current prices")["value"] == other["other_value"]

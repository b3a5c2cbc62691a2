"""UN Comtrade's feed against a local server: preview and key, the table it makes, and what it refuses."""

from __future__ import annotations

import pytest
from alliance import check
from alliance.data import Package
from alliance.feeds import comtrade
from alliance.feeds.fetch import FeedError, Fetcher
from offices import Comtrade


def test_a_key_goes_into_the_header_and_nowhere_else(desk, monkeypatch):
    monkeypatch.setenv("ALLIANCE_COMTRADE_KEY", desk.comtrade.key)
    ran = desk.update("comtrade", write=True)
    assert ran.code == 0, ran.err
    path, query, headers = desk.comtrade.asked[0]
    assert path == "/data/v1/get/C/A/HS"
    assert headers["Ocp-Apim-Subscription-Key"] == "secret-key"
    assert "subscription-key" not in {k.lower() for k in query}
    everything = [f.read_bytes() for folder in (desk.data, desk.out) for f in folder.rglob("*") if f.is_file()]
    assert all(b"secret-key" not in content for content in everything)
    assert "secret-key" not in ran.out + ran.err


def test_a_wrong_key_is_said_without_showing_it(desk, monkeypatch):
    monkeypatch.setenv("ALLIANCE_COMTRADE_KEY", "not-the-key")
    ran = desk.update("comtrade")
    assert ran.code == 6
    assert "invalid subscription key" in ran.err
    assert "not-the-key" not in ran.err


def test_the_first_writing_makes_the_table_of_chapters(desk):
    before = desk.bytes()
    ran = desk.update("comtrade", write=True)
    assert ran.code == 0, ran.err
    after = desk.bytes()
    touched = {"economics/trade_chapters.csv", "economics/tables.toml", "sources.csv", "datapackage.json"}
    assert {k for k in after if after[k] != before.get(k)} == touched
    lines = after["economics/trade_chapters.csv"].decode().splitlines()
    assert lines[0] == "year,direction,chapter,usd_mn,source_id,other_source_ids,evidence,note"
    assert lines[1:6] == [
        "2021,Russia to China,TOTAL,75000,un-comtrade-api,,read,",
        "2022,Russia to China,TOTAL,114150,un-comtrade-api,,read,",
        "2023,Russia to China,TOTAL,129140,un-comtrade-api,,read,",
        "2024,Russia to China,TOTAL,129320,un-comtrade-api,,read,",
        "2025,Russia to China,TOTAL,124796,un-comtrade-api,,read,",
    ]
    package = desk.package()
    assert [p for p in check.check(package) if p.severity == "error"] == []
    share = package.value("trade_chapters", "share_pct", year=2024, direction="Russia to China", chapter="27")
    assert (share.value, share.unit) == (pytest.approx(75), "percent")
    assert after["economics/tables.toml"].startswith(before["economics/tables.toml"].rstrip(b"\n"))
    again = desk.update("comtrade", write=True)
    assert "up to date" in again.out
    assert desk.bytes() == after


def test_goods_that_the_book_follows_are_kept_up(desk):
    goods = desk.comtrade.goods
    old = round(goods[2024, "M", "270900"] / 1e9, 4)
    goods[2024, "M", "270900"] *= 1.01
    goods[2023, "M", "270900"] += 1e4  # less than the table's decimals show
    ran = desk.update("comtrade", write=True)
    assert ran.code == 0, ran.err
    new = round(goods[2024, "M", "270900"] / 1e9, 4)
    assert f"trade_commodities  changed 2024; crude oil: {old:g} → {new:g} USD bn (+1.0%)" in ran.out
    assert "2023; crude oil" not in ran.out
    assert desk.package().value("trade_commodities", "usd_bn", year=2024, commodity="crude oil").value == new
    assert "the cell holds" in ran.out  # the disagreement about this cell repeats the old value: a warning


def test_a_true_jump_needs_a_reason_from_a_person(desk):
    desk.comtrade.goods[2025, "M", "100590"] = 9e9  # maize, sixty times the year before
    before = desk.bytes()
    ran = desk.update("comtrade", write=True)
    assert ran.code == 2
    assert "[jump]" in ran.err
    assert '--reason "why"' in ran.out
    assert desk.bytes() == before
    ran = desk.update("comtrade", write=True, reason="a bad harvest, as the press says")
    assert ran.code == 0, ran.err
    (line,) = set(desk.bytes()["exceptions.csv"].splitlines()) - set(before["exceptions.csv"].splitlines())
    assert line == b'jump,trade_commodities,2025;maize,usd_bn,"a bad harvest, as the press says"'
    assert [p for p in check.check(desk.package()) if p.severity == "error"] == []


def test_thousands_of_dollars_are_refused_as_wrong_data(desk):
    desk.comtrade.values = {k: v / 1000 for k, v in desk.comtrade.values.items()}
    before = desk.bytes()
    ran = desk.update("comtrade", write=True, reason="they are right")
    assert ran.code == 2
    assert "factor of a thousand" in ran.err
    assert "of the table trade_annual" in ran.err
    assert desk.bytes() == before


def each(change):
    def spoil(answer):
        for record in answer["data"]:
            change(record)
        return answer

    return spoil


def many(answer):
    answer["data"] = (answer["data"] * 500)[:500]
    return answer | {"count": 500}


FOREIGN = {
    "the limit of the preview": (many, r"cut at 500 records.*ALLIANCE_COMTRADE_KEY"),
    "a renamed field": (each(lambda r: r.update(tradeValue=r.pop("primaryValue"))), "lacks 'primaryValue'"),
    "another partner": (each(lambda r: r.update(partnerCode=0)), "another reporter, partner"),
    "another reporter": (each(lambda r: r.update(reporterCode=643)), "another reporter, partner"),
    "another year": (each(lambda r: r.update(period="1999")), "another reporter, partner"),
    "by mode of transport": (each(lambda r: r.update(motCode=2100)), "breakdown than asked"),
    "re-exports": (each(lambda r: r.update(flowCode="RX")), "breakdown than asked"),
    "words": (each(lambda r: r.update(primaryValue="n/a")), "no such quantity"),
    "a negative": (each(lambda r: r.update(primaryValue=-5.0)), "no such quantity"),
    "another commodity": (each(lambda r: r.update(cmdCode="999")), "was not asked for"),
    "twice": (lambda a: a | {"data": a["data"] * 2, "count": 2 * len(a["data"])}, "says twice"),
    "cut short": (lambda a: a | {"data": a["data"][:-1]}, "announces 2 records and holds 1"),
    "a list": (lambda a: a["data"], "another form than documented"),
    "no data": (lambda a: {"count": 0, "error": ""}, "another form than documented"),
    "an error": (lambda a: a | {"error": "Too many records"}, "refused: Too many records"),
    "records that are none": (lambda a: a | {"data": [1, 2]}, "a record of TOTAL in 2024 lacks"),
    "a count in words": (lambda a: a | {"count": "two"}, "announces two records and holds 2"),
    "a list for a flow": (each(lambda r: r.update(flowCode=["M"])), r"another form than documented \(TypeError"),
    "a period without end": (each(lambda r: r.update(period=float("inf"))), r"another form than documented \(OverflowError"),
    "nothing at all": (lambda a: a | {"data": [], "count": 0}, "sends nothing for 2024"),
}


@pytest.fixture(scope="module")
def package():
    return Package()


@pytest.fixture
def office(package, monkeypatch):
    made = Comtrade(package.path, range(2024, 2026))
    monkeypatch.setenv("ALLIANCE_COMTRADE_URL", made.url)
    monkeypatch.setenv("ALLIANCE_FEED_PAUSE", "0")
    monkeypatch.delenv("ALLIANCE_COMTRADE_KEY", raising=False)
    yield made
    made.close()


@pytest.mark.parametrize("name", FOREIGN)
def test_an_answer_of_another_form_is_refused(package, office, tmp_path, name):
    office.spoil, words = FOREIGN[name]
    with pytest.raises(FeedError, match=words) as caught:
        comtrade.harvest(Fetcher("UN Comtrade", tmp_path), package, 2024, 2026)
    assert caught.value.code == 6
    assert name == "nothing at all" or list((tmp_path / "refused").glob("*.body"))


@pytest.mark.parametrize("damage", ["a chapter missing", "the total missing"])
def test_the_chapters_must_make_the_total(package, office, tmp_path, damage):
    del office.values[2024, "M", "84" if damage == "a chapter missing" else "TOTAL"]
    with pytest.raises(FeedError, match="in 2024 the chapters of the flow M make"):
        comtrade.harvest(Fetcher("UN Comtrade", tmp_path), package, 2024, 2026)


def test_without_a_key_the_preview_is_asked(package, office, tmp_path):
    comtrade.harvest(Fetcher("UN Comtrade", tmp_path), package, 2024, 2026)
    path, query, headers = office.asked[0]
    assert path == "/public/v1/preview/C/A/HS"
    assert {k: query[k] for k in ("reporterCode", "partnerCode", "period", "cmdCode", "flowCode", "maxRecords")} == {
        "reporterCode": "156",
        "partnerCode": "643",
        "period": "2024",
        "cmdCode": "TOTAL",
        "flowCode": "M,X",
        "maxRecords": "500",
    }
    # without these three a total comes once for each mode of transport and customs procedure
    assert (query["partner2Code"], query["customsCode"], query["motCode"]) == ("0", "C00", "0")
    assert "Ocp-Apim-Subscription-Key" not in headers
    assert [q["cmdCode"][:5] for _, q, _ in office.asked[:3]] == ["TOTAL", "AG2", "02023"]


def test_a_year_that_is_not_published_yet_is_no_fault(package, office, tmp_path):
    office.values = {k: v for k, v in office.values.items() if k[0] < 2025}
    office.goods = {k: v for k, v in office.goods.items() if k[0] < 2025}
    harvest = comtrade.harvest(Fetcher("UN Comtrade", tmp_path), package, 2024, 2026)
    assert {o.key[0] for o in harvest.observations} == {"2024"}
    assert not harvest.covers("trade_commodities", {"year": "2025"})

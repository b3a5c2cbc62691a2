"""UN Comtrade: China's reported trade with Russia, total, by chapter and for the goods of the table trade_commodities.

Without a key the preview answers, with up to 500 records a question; with a key (ALLIANCE_COMTRADE_KEY, free of
charge) the full interface. The form comes from the documentation and from the office's own client; see the README.
"""

from __future__ import annotations

import os
from collections import defaultdict

from alliance.data import Package
from alliance.feeds.changes import Harvest, Observation
from alliance.feeds.fetch import FeedError, Fetcher

NAME = "comtrade"
OFFICE = "UN Comtrade"
ADDRESS = "https://comtradeapi.un.org"
FIRST_YEAR = 2015
LIMITS = {False: 500, True: 100_000}  # records in one answer, without and with a key
SOURCE = "un-comtrade-api"
MIRRORS = ("comtrade-cipf",)
CHINA, RUSSIA = 156, 643
DIRECTIONS = {"M": "Russia to China", "X": "China to Russia"}  # China's imports and exports
FLOWS = {words: flow for flow, words in DIRECTIONS.items()}
CUSTOMS = {"M": "china_imports_usd_bn", "X": "china_exports_usd_bn"}  # the same in trade_annual
ANCHOR_FACTOR = 1.3
SECRET = 0.1  # share of the total that may be missing from the chapters: goods whose kind is kept secret
TABLES = ("trade_commodities", "trade_chapters")
Flows = dict[tuple[str, str], float]  # dollars, by flow and commodity code

CHAPTERS = """
[[table]]
name = "trade_chapters"
title = "China-Russia goods trade by chapter, as China reports it"
description = "Value of all goods (TOTAL) and of each chapter of the Harmonized System (two digits) as China reports it to UN Comtrade; flows to China are its imports, which include freight and insurance, flows to Russia its exports. Revised by the office, so it differs from the first releases in trade_annual. Written by alliance update."
key = ["year", "direction", "chapter"]
time = "year"
jump = 1000
parts = { column = "chapter", total = "TOTAL", measures = ["usd_mn"] }
vintage = "2000"
next_update = "UN Comtrade (reporter 156, partner 643), some months after the year; alliance update comtrade"
terms = "comtrade"
columns = [
  "year",
  { name = "direction", enum = ["Russia to China", "China to Russia"] },
  { name = "chapter", title = "Chapter of the Harmonized System, or TOTAL", type = "string", required = true, pattern = "TOTAL|[0-9]{2}" },
  { name = "usd_mn", title = "Customs value" },
]
derived = [
  { name = "share_pct", title = "Share of all goods in this direction", formula = 'usd_mn / within(usd_mn, chapter="TOTAL") * 100' },
]
"""  # noqa: E501


def headers() -> dict[str, str]:
    """The key, if there is one; it is sent and stored nowhere."""
    key = os.environ.get("ALLIANCE_COMTRADE_KEY", "").strip()
    return {"Ocp-Apim-Subscription-Key": key} if key else {}


def harvest(fetcher: Fetcher, package: Package, since: int | None, year: int) -> Harvest:
    """Ask for every finished year: the total, the chapters, and the single goods that the book follows.

    Parameters
    ----------
    fetcher : asks and remembers
    package : the tables, for the goods to ask for and what the values are held against
    since : first year, 2015 if None
    year : the running year

    Raises
    ------
    FeedError
        If the office does not answer, or not as documented, cuts an answer short, or leaves out a year.
    """
    first, observations = since or FIRST_YEAR, []
    goods = {(FLOWS[r["direction"]], r["hs_code"]): r["commodity"] for r in package.table("trade_commodities").rows}
    codes = ",".join(sorted({code for _, code in goods}))
    for period in range(first, year):
        total = _ask(fetcher, period, "TOTAL")
        if not total:
            _refuse_missing_year(package, period, fetcher.office)
            continue
        chapters = _ask(fetcher, period, "AG2")
        _compare_sums(period, total, chapters, fetcher.office)
        observations += [_chapter(period, *item, package) for item in [*total.items(), *chapters.items()]]
        singles = _ask(fetcher, period, codes)
        observations += [o for key, value in singles.items() if key in goods and (o := _good(period, *key, goods[key], value))]
    if not observations:
        raise FeedError(f"{fetcher.office} has no data for the years from {first} to {year - 1}. The data are as they were.")
    got = {o.key[0] for o in observations}
    fetched = max(fetcher.fetched).date().isoformat()
    return Harvest(
        _source(fetched),
        frozenset({SOURCE, *MIRRORS}),
        fetched,
        observations,
        lambda table, row: row["year"] in got,
        {} if "trade_chapters" in package.resources else {"trade_chapters": ("economics", CHAPTERS)},
    )


def _ask(fetcher: Fetcher, period: int, codes: str) -> Flows:
    base = os.environ.get("ALLIANCE_COMTRADE_URL", ADDRESS).rstrip("/")
    keyed = bool(headers())
    question = {
        "reporterCode": CHINA,
        "partnerCode": RUSSIA,
        "partner2Code": 0,
        "period": period,
        "cmdCode": codes,
        "flowCode": "M,X",
        "customsCode": "C00",
        "motCode": 0,
        "maxRecords": LIMITS[keyed],
        "format": "JSON",
        "includeDesc": "false",
    }
    address = f"{base}/{'data/v1/get' if keyed else 'public/v1/preview'}/C/A/HS"
    return fetcher.get(address, question, lambda answer: _understand(answer, period, codes, keyed))


def _understand(answer, period: int, codes: str, keyed: bool) -> Flows:
    """Values by flow and code, or what is wrong with the answer."""
    what = f"{codes if len(codes) < 10 else 'single goods'} in {period}"
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list) or "count" not in answer:
        raise FeedError(f"the answer to {what} has another form than documented.")
    if answer.get("error"):
        raise FeedError(f"the question for {what} is refused: {answer['error']}.")
    records = answer["data"]
    if len(records) >= LIMITS[keyed]:
        hint = "" if keyed else " Set ALLIANCE_COMTRADE_KEY to a key, which is free of charge."
        raise FeedError(f"the answer to {what} is cut at {len(records)} records.{hint}")
    if answer["count"] not in (len(records), None):
        raise FeedError(f"the answer to {what} announces {answer['count']} records and holds {len(records)}.")
    flows: Flows = {}
    for record in records:
        key, value = _record(record, period, what)
        if not _asked(key[1], codes):
            raise FeedError(f"the answer to {what} holds the commodity {key[1]}, which was not asked for.")
        if key in flows:
            raise FeedError(f"the answer to {what} says twice what the flow {key[0]} of {key[1]} is.")
        flows[key] = value
    return flows


def _asked(code: str, codes: str) -> bool:
    return len(code) == 2 and code.isdigit() if codes == "AG2" else code in codes.split(",")


def _record(record: dict, period: int, what: str) -> tuple[tuple[str, str], float]:
    try:
        place = (int(record["reporterCode"]), int(record["partnerCode"]), int(record["partner2Code"] or 0), int(record["period"]))
        breakdown = (record["customsCode"], int(record["motCode"]))
        flow, code, value = record["flowCode"], record["cmdCode"], record["primaryValue"]
    except (KeyError, TypeError, ValueError) as error:
        raise FeedError(f"a record of {what} lacks {error}; its form has changed.") from None
    if place != (CHINA, RUSSIA, 0, period) or breakdown != ("C00", 0) or flow not in DIRECTIONS:
        raise FeedError(f"a record of {what} is of another reporter, partner, period or breakdown than asked for.")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e14:
        raise FeedError(f"a value of {what} is {value!r}, which is no such quantity.")
    return (flow, str(code)), float(value)


def _compare_sums(period: int, total: Flows, chapters: Flows, office: str) -> None:
    """The chapters of a flow make its total, else one of the two answers is cut short or in another unit."""
    sums: dict[str, float] = defaultdict(float)
    for (flow, _), value in chapters.items():
        sums[flow] += value
    for flow in DIRECTIONS:
        whole = total.get((flow, "TOTAL"))
        if whole is None or not (1 - SECRET) * whole <= sums[flow] <= 1.001 * whole:
            said = "nothing" if whole is None else f"{whole / 1e9:.4g} USD bn"
            raise FeedError(
                f"{office}: in {period} the chapters of the flow {flow} make {sums[flow] / 1e9:.4g} USD bn, the total is {said}. "
                "The data are as they were; try again with --fresh."
            )


def _refuse_missing_year(package: Package, period: int, office: str) -> None:
    """A year that the office has not published yet is no fault; one that the tables hold is."""
    for name in TABLES:
        if name in package.resources and any(r["year"] == period and r["source_id"] in (SOURCE, *MIRRORS) for r in package.table(name).rows):
            raise FeedError(f"{office} sends nothing for {period}, of which {name} has rows. The data are as they were.")


def _chapter(period: int, key: tuple[str, str], value: float, package: Package) -> Observation:
    flow, code = key
    anchor = None
    if code == "TOTAL":
        known = package.value("trade_annual", CUSTOMS[flow], year=period)
        anchor = (known.value * 1000, ANCHOR_FACTOR, "the table trade_annual") if known.known else None
    return Observation("trade_chapters", (str(period), DIRECTIONS[flow], code), "usd_mn", value / 1e6, 3, "USD mn", anchor=anchor)


def _good(period: int, flow: str, code: str, commodity: str, value: float) -> Observation | None:
    """A value of the table trade_commodities; None where it is too small for the table's decimals."""
    fields = (("direction", DIRECTIONS[flow]), ("hs_code", code))
    made = Observation("trade_commodities", (str(period), commodity), "usd_bn", value / 1e9, 4, "USD bn", fields)
    return made if float(made.text) else None


def _source(fetched: str) -> dict[str, str]:
    return {
        "id": SOURCE,
        "title": "UN Comtrade, trade of China with Russia as China reports it",
        "publisher": "UN Comtrade",
        "url": "https://comtradeplus.un.org",
        "published": fetched,
        "language": "en",
        "tier": "official statistics",
        "licence": "UN Comtrade data terms",
        "checked": fetched[:7],
        "note": f"reporter 156, partner 643, HS as reported; fetched on {fetched}",
    }

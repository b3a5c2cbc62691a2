"""The World Bank: output, population, military spending, research. Indicators API, version 2; no key.

An answer is a list of two: what page this is, and the rows. A question that the bank does not understand is answered
with status 200 and a list of one, a message. The form comes from the bank's documentation; see the README.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from alliance.data import Package
from alliance.feeds.changes import Harvest, Observation
from alliance.feeds.fetch import FeedError, Fetcher
from alliance.problems import shorten

NAME = "worldbank"
OFFICE = "The World Bank"
ADDRESS = "https://api.worldbank.org/v2"
FIRST_YEAR = 1990
PER_PAGE = 1000
SOURCE = "world-bank-api"
MIRRORS = ("datahub-gdp-2024", "datahub-population-2026", "knoema-ppp", "wb-api-dec-2025-copy", "wb-st-2021-mirror")

# The bank names groups by two-letter codes of its own; some answers leave the three-letter code empty.
COUNTRIES = {
    "CHN": "China",
    "RUS": "Russia",
    "USA": "United States",
    "IND": "India",
    "EUU": "European Union",
    "WLD": "World",
}
SHORT = {"CN": "CHN", "RU": "RUS", "US": "USA", "IN": "IND", "EU": "EUU", "1W": "WLD"}


@dataclass(frozen=True)
class Series:
    """An indicator and where its values go; ``anchor`` is the table and column of the same thing by another office."""

    code: str
    indicator: str
    unit: str
    divisor: float
    digits: int
    table: str = "world_bank"
    anchor: tuple[str, str] | None = None
    early: str | None = None  # column of the table of 1990 and 1991


SERIES = (
    Series("NY.GDP.MKTP.CD", "GDP at current prices", "USD bn", 1e9, 3, anchor=("macro", "gdp_usd_bn"), early="gdp_usd_bn"),
    Series("NY.GDP.MKTP.PP.CD", "GDP at purchasing power parity", "international USD bn", 1e9, 3, anchor=("macro", "gdp_ppp_intl_usd_bn")),
    Series("SP.POP.TOTL", "population", "million people", 1e6, 3, anchor=("macro", "population_mn"), early="population_mn"),
    Series("MS.MIL.XPND.CD", "military spending", "USD bn", 1e9, 3, anchor=("military_spending", "spending_usd_bn")),
    Series("MS.MIL.XPND.GD.ZS", "military spending, share of GDP", "percent", 1, 3, anchor=("military_spending", "published_share_gdp_pct")),
    Series("GB.XPD.RSDV.GD.ZS", "research and development, share of GDP", "percent", 1, 5, table="rd_spending"),
)
EARLY = "macro_1990_1991"
SINCE = 1992  # first year of the table world_bank
ANCHORED_FROM = 2000  # before, offices convert roubles at rates that differ several times
ANCHOR_FACTOR = 2.0
RESEARCH = ("China", "Russia", "United States", "European Union")  # those of the table rd_spending
TABLES = ("world_bank", "rd_spending", EARLY)


def headers() -> dict[str, str]:
    """Nothing: the bank wants no key."""
    return {}


def harvest(fetcher: Fetcher, package: Package, since: int | None, year: int) -> Harvest:
    """Ask for every series.

    Parameters
    ----------
    fetcher : asks and remembers
    package : the tables, for what the values are held against
    since : first year, all of the tables if None
    year : the running year

    Raises
    ------
    FeedError
        If the bank does not answer, or not as documented, or leaves out a country that the table holds.
    """
    first = since or FIRST_YEAR
    base = os.environ.get("ALLIANCE_WORLDBANK_URL", ADDRESS).rstrip("/")
    editions, observations = set(), []
    for series in SERIES:
        rows, edition = _ask(fetcher, base, series, first, year)
        editions.add(edition)
        observations += [o for row in rows if (o := _observation(series, row, package))]
    _refuse_gaps(package, observations, first, fetcher.office)
    asked = {(s.table, s.indicator) for s in SERIES}

    def covers(table: str, row: dict[str, str]) -> bool:
        mine = table == EARLY or (table, row["indicator"]) in asked
        return mine and first <= int(row["year"]) <= year and row["country"] in COUNTRIES.values()

    owned = frozenset({SOURCE, *MIRRORS})
    return Harvest(_source(max(editions), max(fetcher.fetched).date().isoformat()), owned, max(editions), observations, covers)


def _ask(fetcher: Fetcher, base: str, series: Series, first: int, last: int) -> tuple[list[dict], str]:
    """All pages of a series, and the day on which the bank last changed it."""
    address = f"{base}/country/{';'.join(COUNTRIES)}/indicator/{series.code}"
    rows: list[dict] = []
    page, pages, edition = 1, 1, None
    while page <= pages:
        question = {"format": "json", "date": f"{first}:{last}", "per_page": PER_PAGE, "page": page}
        head, found = fetcher.get(address, question, lambda answer, page=page: _understand(answer, series, page))
        if edition not in (None, head["lastupdated"]):
            raise FeedError(f"{fetcher.office} changed {series.code} while we read it. Run the command again with --fresh.")
        edition, pages, total = head["lastupdated"], int(head["pages"]), int(head["total"])
        rows += found
        page += 1
    if len(rows) != total:
        raise FeedError(f"{fetcher.office} announces {total} rows of {series.code} and sends {len(rows)}. The data are as they were.")
    return rows, edition


def _understand(answer, series: Series, page: int) -> tuple[dict, list[dict]]:
    """Head and rows of a page, or what is wrong with it."""
    if not isinstance(answer, list) or not answer or not isinstance(answer[0], dict):
        raise FeedError(f"the answer to {series.code} has another form than documented.")
    head = answer[0]
    if "message" in head:
        raise FeedError(f"the question for {series.code} is refused: {_message(head['message'])}.")
    lacking = [k for k in ("page", "pages", "total", "lastupdated") if k not in head]
    if lacking or len(answer) != 2 or not isinstance(answer[1], list):
        raise FeedError(f"the answer to {series.code} lacks {', '.join(lacking) or 'its rows'}; its form has changed.")
    _check_head(head, series, page)
    for row in answer[1]:
        _check(row, series)
    return head, answer[1]


def _message(said) -> str:
    """The bank's words; in whatever form they come, they are all there is to go by."""
    if isinstance(said, list) and all(isinstance(m, dict) for m in said):
        return "; ".join(f"{m.get('key')}: {m.get('value')}" for m in said)
    return shorten(str(said))


def _check_head(head: dict, series: Series, page: int) -> None:
    for name in ("page", "pages", "total"):
        if not str(head[name]).isdecimal():
            raise FeedError(f"the head of {series.code} says of {name} {head[name]!r}, which is no count.")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(head["lastupdated"])):
        raise FeedError(f"the head of {series.code} says that it was last changed on {head['lastupdated']!r}, which is no date.")
    if int(head["page"]) != page:
        raise FeedError(f"page {page} of {series.code} was asked for, page {head['page']} came.")


def _check(row: dict, series: Series) -> None:
    try:
        year = re.fullmatch(r"[0-9]{4}", row["date"]) is not None
        known = _country(row) is not None and row["indicator"]["id"] == series.code and year
        value = row["value"]
    except (KeyError, TypeError) as error:
        raise FeedError(f"a row of {series.code} lacks {error}; its form has changed.") from None
    if not known:
        raise FeedError(f"a row of {series.code} is of another country, indicator or period than asked for.")
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e18):
        raise FeedError(f"a value of {series.code} is {value!r}, which is no such quantity.")


def _country(row: dict) -> str | None:
    code = row["countryiso3code"] or SHORT.get(row["country"]["id"])
    return COUNTRIES.get(code)


def _observation(series: Series, row: dict, package: Package) -> Observation | None:
    """The row as the table would hold it; None where there is no value or no place for it."""
    country, year = _country(row), row["date"]
    if row["value"] is None:
        return None
    value = row["value"] / series.divisor
    if series.table == "world_bank" and int(year) < SINCE:
        if series.early is None or country not in ("China", "Russia"):
            return None
        return Observation(EARLY, (year, country), series.early, value, series.digits, series.unit)
    if series.table == "rd_spending" and country not in RESEARCH:
        return None
    fields = (("unit", series.unit), ("locator", series.code))
    anchor = _anchor(series, country, int(year), package)
    return Observation(series.table, (year, country, series.indicator), "value", value, series.digits, series.unit, fields, anchor)


def _anchor(series: Series, country: str, year: int, package: Package) -> tuple[float, float, str] | None:
    if series.anchor is None or year < ANCHORED_FROM:
        return None
    table, column = series.anchor
    known = package.value(table, column, year=year, country=country)
    return (known.value, ANCHOR_FACTOR, f"the table {table}") if known.known else None


def _refuse_gaps(package: Package, observations: list[Observation], first: int, office: str) -> None:
    """A country that the answer leaves out as a whole is a fault of the answer, not news."""
    came = {(o.table, *o.key[1:]) for o in observations}
    series = {(s.table, s.indicator) for s in SERIES}
    for table in ("world_bank", "rd_spending"):
        for row in package.table(table).rows:
            mine = row["source_id"] in (SOURCE, *MIRRORS) and (table, row["indicator"]) in series
            if mine and row["year"] >= first and (table, row["country"], row["indicator"]) not in came:
                message = f"{office} sends no value at all of {row['indicator']} for {row['country']}, of which {table} has some."
                raise FeedError(f"{message} The data are as they were.")


def _source(edition: str, fetched: str) -> dict[str, str]:
    return {
        "id": SOURCE,
        "title": "World Development Indicators, Indicators API",
        "publisher": "World Bank",
        "url": "https://data.worldbank.org",
        "published": edition,
        "language": "en",
        "tier": "official statistics",
        "licence": "CC BY 4.0",
        "checked": fetched[:7],
        "note": f"last changed by the bank on {edition}; fetched on {fetched}; indicator codes in the locator",
    }

"""Rules within and across tables of facts: keys, countries, dates, parts and totals, printed and computed values."""

from __future__ import annotations

from collections import defaultdict

from alliance import hints
from alliance.data import Table
from alliance.formulas import FormulaError, names
from alliance.quantity import Quantity
from alliance.reader import listed
from alliance.rules import at, rule

POINTS = 1.5  # how far a printed share may lie from the computed one
RELATIVE = 0.005  # how far totals may lie from the sum of their parts, as a share

# The same thing counted twice: measure formulas that must agree to within so many percent, and why they may differ.
MIRRORS = (
    ("gas_trade[2023, 'Russia to China by pipeline'].bcm", "china_gas_suppliers[2023, 'Russia', 'pipeline'].bcm", 0.1, "one review prints both"),
    ("power_of_siberia[2023, 'delivered'].bcm", "gas_trade[2023, 'Russia to China by pipeline'].bcm", 10, "another cubic metre"),
    ("crude_imports[2023, 'Russia'].mt", "crude_destinations[2023, 'China', 'crude', 'trade matrix'].mt", 0.5, "one office counts both"),
)


@rule("key")
def keys(package, tables):
    """The key of a table names each row once, and no part of it is empty."""
    for table in tables.values():
        seen: dict[tuple, int] = {}
        for i, row in enumerate(table.rows):
            key = table.key_of(row)
            if None in key:
                column = table.key_columns[key.index(None)]
                shown = ", ".join("" if k is None else str(k) for k in key)
                yield at(table, i, column, shown, "key", "a part of the key is empty", "Fill it in.")
            elif key in seen:
                file, line = table.lines[seen[key]]
                message = f"the key ({', '.join(table.key_columns)}) stands already in {file}, line {line}"
                shown = ", ".join(str(k) for k in key)
                yield at(table, i, table.key_columns[0], shown, "key", message, "Keep one of the rows; an overlay replaces a table as a whole.")
            else:
                seen[key] = i


@rule("country")
def countries(package, tables):
    """A country or group has one name, that of the table countries; its code, if any, is of ISO 3166-1."""
    if "countries" not in package.resources:
        return
    rows = [row.fields for row in package.sheet("countries").rows]  # names can be looked up even if another column is broken
    names = {row["name"] for row in rows}
    for other in tables.values() if names else ():
        for column in (c for c, f in other.fields.items() if f.get("country")):
            for i, row in enumerate(other.rows):
                if row[column] is not None and row[column] not in names:
                    meant = _meant(row[column], {r["name"]: r["iso3"] for r in rows})
                    remedy = f'Did you mean "{meant}"?' if meant else "Write the name as in countries.csv, or add it there."
                    message = f"no such name in countries.csv{hints.strange_letter(row[column])}"
                    yield at(other, i, column, row[column], "country", message, remedy)
    yield from _codes(tables["countries"]) if "countries" in tables else ()


OTHER_NAMES = {"prc": "CHN", "people's republic of china": "CHN", "mainland china": "CHN", "us": "USA", "u.s.": "USA", "america": "USA", "uk": "GBR"}
OTHER_NAMES |= {"great britain": "GBR", "england": "GBR", "holland": "NLD", "burma": "MMR", "rok": "KOR", "dprk": "PRK", "uae": "ARE", "drc": "COD"}
OTHER_NAMES |= {"россия": "RUS", "рф": "RUS", "кнр": "CHN", "сша": "USA", "великобритания": "GBR", "южная корея": "KOR", "北韩": "PRK", "韩国": "KOR"}


def _meant(name: str, known: dict[str, str]) -> str | None:
    """The book's name of a country that has another name: official, a code, in Russian or Chinese, or nearly spelled so."""
    plain = name.strip().lower().removeprefix("the ")
    code = OTHER_NAMES.get(plain) or _code_of(plain)
    by_code = {iso: own for own, iso in known.items() if iso}
    return by_code.get(code or "") or hints.near(name, list(known))


def _code_of(name: str) -> str | None:
    """The ISO 3166-1 alpha-3 code of a country by any of the names that the standard's tables know."""
    import gettext

    import pycountry

    for language in ("ru", "zh_CN") if not name.isascii() else ():
        words = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True).gettext
        for country in pycountry.countries:
            forms = {
                words(form).lower() for form in (country.name, getattr(country, "official_name", ""), getattr(country, "common_name", "")) if form
            }
            if name in forms:
                return country.alpha_3
    try:
        return pycountry.countries.lookup(name).alpha_3
    except LookupError:
        return None


def _codes(table: Table):
    import pycountry

    for i, row in enumerate(table.rows):
        known = row["iso3"] is not None and pycountry.countries.get(alpha_3=row["iso3"]) is not None
        if row["iso3"] and not known:
            yield at(table, i, "iso3", row["iso3"], "country", "not a code of ISO 3166-1", "Write the alpha-3 code, or leave it empty for a group.")
        if row["kind"] in ("state", "territory") and not row["iso3"]:
            yield at(table, i, "iso3", "", "country", f"a {row['kind']} has no code", "Write its ISO 3166-1 alpha-3 code.")


@rule("dates", excusable=True)
def dates(package, tables):
    """The end of a span is not before its start, and nothing that happened is dated later than it can be known.

    That is: not after the newest information of its table (a warning for rows supplied by you, which may be newer than
    the book), nor after its sources were looked up. A row whose kind or status is projection may lie ahead.
    """
    looked_up = {s: row["checked"] for s, row in package.sources.items()} if "sources" in tables else {}
    for table in tables.values():
        columns = [c for c, f in table.fields.items() if f.get("partialDate") or f["type"] == "year"]
        spans = [(a, b) for a, b in (("start_date", "end_date"), ("period_start", "period_end"), ("joined", "left")) if {a, b} <= set(columns)]
        time = table.description.get("time")
        for i, row in enumerate(table.rows):
            for start, end in spans:
                if row[start] and row[end] and _before(str(row[end]), str(row[start])):
                    yield at(table, i, end, row[end], "dates", f"the span ends before it starts ({row[start]})", "Correct one of the dates.")
            planned = row.get("status") == "projection" or row.get("kind") == "projection"
            if not planned and time in columns and row[time] is not None:
                for message, remedy, severity in _ahead(table, row, str(row[time]), looked_up):
                    yield at(table, i, time, row[time], "dates", message, remedy, severity)


def _ahead(table: Table, row: dict, when: str, looked_up: dict[str, str]):
    """Why a row's date cannot be one of something that happened; a user's own rows may be newer than the book."""
    vintage = table.description["vintage"]
    supplied = row.get("evidence") == "supplied"
    cited = [looked_up[s] for s in listed(row.get("source_id")) + listed(row.get("other_source_ids")) if s in looked_up]
    if _before(vintage, when) and not supplied:
        message = f"the date lies after the newest information of the table ({vintage})"
        yield message, 'Correct the date, or set the "vintage" in tables.toml.', "error"
    elif cited and _before(max(cited), when):
        message = f"the date lies ahead of the day on which its source was looked up ({max(cited)}), so this is no actual value"
        yield message, "Correct the date, or say when the source was looked up.", "error"
    elif _before(vintage, when):
        yield f"the date lies after the newest information of the book's table ({vintage})", "Make sure that it is right.", "warning"


def _before(a: str, b: str) -> bool:
    """Whether partial date ``a`` lies before ``b``, as far as both are known."""
    size = min(len(a), len(b))
    return a[:size] < b[:size]


@rule("formula")
def derived_columns(package, tables):
    """The formula of every derived column can be evaluated: it names columns of its table and adds what has one unit.

    Tried on the first row, since a formula that fails does so on all of them.
    """
    for table in tables.values():
        for column, described in table.derived.items():
            try:
                for row in table.rows[:1]:
                    table.quantity(row, column)
            except (FormulaError, KeyError, ValueError) as error:
                remedy = f"Correct the formula of {column} in tables.toml: {described['formula']}"
                yield at(table, 0, column, "", "formula", str(error).strip("'\""), remedy)


@rule("printed", excusable=True)
def printed_values(package, tables):
    """What a source printed agrees with what its other values make.

    A total to within half a percent, a share to within one and a half points (or the exception is named). A growth
    rate only warns, since offices print it against revised figures.
    """
    for table in tables.values():
        for column in table.fields:
            computed = column.removeprefix("published_")
            if computed == column or computed not in table.derived:
                continue
            for i, row in enumerate(table.rows):
                made = None if row[column] is None else _without(table, row, column, computed)
                if made is None:
                    continue
                limit = POINTS if table.unit(column) == "percent" else RELATIVE * abs(row[column])
                gap = abs(made - row[column])
                if gap > limit:
                    remedy = "Correct the printed value or those it should follow from."
                    message = f"the other values make {made:.6g}"
                    yield at(table, i, column, row[column], "printed", message, remedy, "warning" if "yoy" in column else "error")


def _without(table: Table, row: dict, printed: str, computed: str) -> float | None:
    """The computed value of a row if the printed one were not there."""
    quantity = table.quantity(row | {printed: None}, computed)
    return quantity.value if quantity.known and quantity.evidence != "recalled" else None


@rule("parts", excusable=True)
def parts(package, tables):
    """The parts of a total that stands in the same table do not exceed it by more than half a percent."""
    for table in tables.values():
        stated = table.description.get("parts")
        if not stated:
            continue
        column, whole, measures = stated["column"], stated["total"], stated["measures"]
        for measure in measures:
            sums: dict[tuple, float] = defaultdict(float)
            for row in table.rows:
                if row[column] != whole:
                    sums[_rest(table, row, column)] += row[measure] or 0
            for i, row in enumerate(table.rows):
                together = sums.get(_rest(table, row, column), 0)
                if row[column] == whole and row[measure] is not None and together > (1 + RELATIVE) * row[measure]:
                    message = f"the parts add up to {together:.6g}, more than the total"
                    yield at(table, i, measure, row[measure], "parts", message, "Correct the part or the total that is wrong.")


def _rest(table: Table, row: dict, column: str) -> tuple:
    return tuple(row[c] for c in table.key_columns if c != column)


@rule("plausible", excusable=True)
def plausible_values(package, tables):
    """A value lies between the bounds that its table states as plausible, such as the price of a tonne."""
    for table in tables.values():
        for column, (low, high) in table.description.get("plausible", {}).items():
            for i, row in enumerate(table.rows):
                quantity = table.quantity(row, column)
                if quantity.known and not low <= quantity.value <= high:
                    message = f"{column} is {quantity.value:.6g}; between {low:g} and {high:g} is plausible"
                    # The last input is the one that a formula divides by; the first is the likelier to be mistaken.
                    blamed = quantity.inputs[0]
                    yield at(table, i, blamed.column, blamed.value, "plausible", message, "Correct the value, or name the exception with its reason.")


@rule("sums", excusable=True)
def sums(package, tables):
    """Rows that a table names as parts of another of its rows add up to it, to within two percent."""
    for table in tables.values():
        for stated in table.description.get("sums", []):
            column, whole, members, measure = stated["column"], stated["whole"], stated["parts"], stated["measure"]
            for i, row in enumerate(table.rows):
                if row[column] != whole or row[measure] is None:
                    continue
                key = dict(zip(table.key_columns, table.key_of(row), strict=True))
                found = [table.find(**(key | {column: m})) for m in members]
                if None in found or any(f[measure] is None for f in found):
                    continue
                together = sum(f[measure] for f in found)
                if abs(together - row[measure]) > 0.02 * abs(row[measure]):
                    message = f"{' and '.join(members)} add up to {together:.6g}"
                    yield at(table, i, measure, row[measure], "sums", message, "Correct the part or the whole that is wrong.")


PACE = (0.55, 1.75)  # how a part of a year may run against the whole, as a factor


@rule("pace", excusable=True)
def paces(package, tables):
    """A part of a year runs at a pace between 0.55 and 1.75 times that of the whole year (a warning: trade may turn)."""
    for table in tables.values():
        yearly = tables.get(table.description.get("yearly", ""))
        if yearly is None:
            continue
        shared = [c for c in yearly.key_columns if c != "year"]
        for i, row in enumerate(table.rows):
            span = _months(row)
            whole = yearly.find(year=int(row["period_end"][:4]), **{c: row[c] for c in shared}) if span and span < 12 else None
            for column in table.measures if whole else ():
                part = table.quantity(row, column)
                total = yearly.quantity(whole, column) if column in yearly.measures and column not in yearly.derived else Quantity(None)
                if column in table.derived or not (part.known and total.known and total.value):
                    continue
                factor = part.value / span * 12 / total.value
                if not PACE[0] <= factor <= PACE[1]:
                    message = f"the pace is {factor:.3g} times that of the year ({yearly.name}: {total.value:g})"
                    yield at(table, i, column, part.value, "pace", message, "Check this row and the year's.", "warning")


def _months(row: dict) -> int | None:
    """Months that a row of a part of a year covers, counted from January for a sum from January."""
    start, end = row.get("period_start"), row["period_end"]
    if len(end) < 7:
        return None
    if row.get("basis") in ("ytd", "month"):
        return int(end[5:7]) if row["basis"] == "ytd" else 1
    if not start or len(start) < 7 or start[:4] != end[:4] or start[:7] > end[:7]:
        return None
    return int(end[5:7]) - int(start[5:7]) + 1


@rule("bounds", excusable=True)
def bounds(package, tables):
    """A low end does not exceed its high end, and a part named so by the table does not exceed its whole."""
    for table in tables.values():
        pairs = [(c, c.replace("_low", "_high")) for c in table.fields if "_low" in c and c.replace("_low", "_high") in table.fields]
        pairs += [tuple(pair) for pair in table.description.get("not_above", [])]
        for small, great in pairs:
            for i, row in enumerate(table.rows):
                if row[small] is not None and row[great] is not None and row[small] > row[great]:
                    yield at(table, i, small, row[small], "bounds", f"it exceeds {great} ({row[great]:g})", "Correct one of the two.")


@rule("year-to-date", excusable=True)
def year_to_date(package, tables):
    """A sum from January never falls within the year, does not exceed the full year, and grows by what the month says."""
    table, annual = tables.get("trade_monthly"), tables.get("trade_annual")
    if table is None:
        return
    rows = sorted((r["period_end"], i) for i, r in enumerate(table.rows) if r["basis"] == "ytd")
    best: dict[str, float] = {}
    for period, i in rows:
        total = table.quantity(table.rows[i], "total_usd_bn")
        if not total.known:
            continue
        year = period[:4]
        if total.value < best.get(year, 0):
            message = "the sum from January is lower than that of an earlier month"
            yield at(table, i, "published_total_usd_bn", total.value, "year-to-date", message, "Correct this row or the earlier one.")
        best[year] = max(total.value, best.get(year, 0))
        full = annual.quantity(annual.find(year=int(year)), "total_usd_bn") if annual else None
        if full is not None and full.known and total.value > full.value * (1 + RELATIVE):
            message = f"the sum from January exceeds the full year ({full.value:g} in trade_annual)"
            yield at(table, i, "published_total_usd_bn", total.value, "year-to-date", message, "Correct this row or the full year.")
        yield from _single_month(table, table.rows[i], i)


def _single_month(table: Table, row: dict, position: int):
    """A month stands within seven percent of the difference of the sums around it."""
    year, month = row["period_end"].split("-")
    alone = table.find(period_end=row["period_end"], basis="month")
    before = table.find(period_end=f"{year}-{int(month) - 1:02d}", basis="ytd")
    for column in ("china_exports_usd_bn", "china_imports_usd_bn", "total_usd_bn") if alone and before else ():
        now, then, single = (table.quantity(r, column) for r in (row, before, alone))
        if now.known and then.known and single.known and abs(now.value - then.value - single.value) > 0.07 * single.value:
            message = f"the sums from January make {now.value - then.value:.4g} of this month, which the table gives as {single.value:g}"
            yield at(table, position, column, now.value, "year-to-date", message, "Correct the month or one of the sums.")


@rule("mirror", excusable=True)
def mirrors(package, tables):
    """The same thing in two tables agrees, as far as the two counts can: see the list in alliance.rules.tables."""
    for first, second, percent, reason in MIRRORS:
        if not {*names(first)[0], *names(second)[0]} <= set(tables):
            continue  # a table whose form is wrong is reported as that
        a, b = package.evaluate(first), package.evaluate(second)
        if not (a.known and b.known) or abs(a.value - b.value) * 100 <= percent * abs(b.value):
            continue
        cell = a.inputs[0]
        table = tables[cell.table]
        position = next(i for i, row in enumerate(table.rows) if tuple(table.shown_key(row).items()) == cell.key)
        message = f"{b.expression} makes {b.value:.6g}; the two should agree to within {percent:g} percent ({reason})"
        yield at(table, position, cell.column, a.value, "mirror", message, "Correct one of the two, or name the exception with its reason.")

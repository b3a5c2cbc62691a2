"""The list of what is due: when, where, and which columns; and the command as a person types it."""

from __future__ import annotations

import datetime
import subprocess
import sys

import pytest
from alliance.data import Package
from alliance.feeds.todo import due_date, lines, tasks
from alliance.feeds.update import FEEDS
from workspace import ROOT, Workspace

DAY = datetime.date.fromisoformat
FED = {table: name for name, feed in FEEDS.items() for table in feed.TABLES}


@pytest.mark.parametrize(
    ("where", "vintage", "due"),
    [
        ("Customs, mid-January each year", "2026-01-14", "2027-01-20"),  # not the one that was just read
        ("Energy Institute, late June each year", "2025", "2026-06-30"),
        ("Energy Institute, late June each year", "2024-06", "2025-06-30"),
        ("World Bank, July and December", "2026-03-20", "2026-07-31"),
        ("Bank, spring and autumn; Bureau, January and September", "2025-12-04", "2026-01-31"),
        ("Autostat, second week of each month", "2026-03-10", "2026-05-20"),
        ("Customs, table by origin on the 18th to 20th of each month", "2026-11-20", "2027-01-20"),
        ("UN Comtrade (reporter 156), some months after the year", "2026-03-10", "2027-03-20"),
        ("Inter RAO, quarterly accounts", "2026-01-16", "2026-05-20"),
        ("the treaty runs to February 2027: look for a new extension", "2025-04-01", "2027-02-28"),
        ("no calendar; statements of officials", "2024-05-19", None),
        ("on events only", "2023-09", None),
        ("no calendar; Bank of Russia, 1 September 2026 and later", "2026-07-03", "2026-09-30"),
    ],
)
def test_when_a_table_is_due_follows_from_its_words(where, vintage, due):
    assert due_date(where, vintage) == (due and DAY(due))


@pytest.fixture(scope="module")
def found():
    return tasks(Package(), FED)


def test_every_table_of_facts_is_on_the_list_and_those_of_the_record_are_not(found):
    named = {t.table for t in found}
    assert {"trade_annual", "macro", "military_spending", "rd_spending"} <= named
    assert not named & {"claims", "measures", "sources", "glossary", "account"}
    assert all(t.where and t.vintage and t.columns for t in found)


def test_the_longest_overdue_comes_first_and_what_has_ended_last(found):
    dated = [t.due for t in found if t.due]
    assert dated == sorted(dated)
    assert found[-1].table == "trade_russia_count"
    assert found[-1].ended


def test_a_table_without_a_date_says_why(found):
    """Words that name no time must be words about events, else the list would be silent about a table that is due."""
    events = ("no calendar", "after each", "with each", "on events", "secretariats", "after such", "summits", "at the yearly", "after the")
    for task in found:
        assert task.due or task.ended or any(word in task.where for word in events), task


def test_the_list_tells_where_when_and_the_exact_columns(found):
    told = "\n".join(lines(found, DAY("2027-02-01")))
    block = next(b for b in told.split("\n\n") if b.startswith("trade_annual:"))
    assert block.splitlines() == [
        "trade_annual: due since 2027-01-20. China-Russia goods trade by year",
        "  newest row: 2025; information to 2026-01-14",
        "  published: General Administration of Customs of China, mid-January each year; UN Comtrade (reporter 156, partner 643) some months later",
        "  columns: year (year, key), china_exports_usd_bn (USD bn), china_imports_usd_bn (USD bn), published_total_usd_bn (USD bn), "
        "published_yoy_pct (percent), reporter, source_id, other_source_ids, locator, evidence (read | recalled | supplied, required), note",
    ]
    assert "has a feed: alliance update worldbank" in next(b for b in told.split("\n\n") if b.startswith("world_bank:"))
    header = Package().path.joinpath("economics/trade_annual.csv").read_text(encoding="utf-8").splitlines()[0]
    assert [c.split(" (")[0] for c in next(t for t in found if t.table == "trade_annual").columns] == header.split(",")


# the command


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    workspace = Workspace(ROOT)
    command = [sys.executable, "-m", "alliance", *arguments]
    return subprocess.run(command, cwd=ROOT, env=workspace.environment(environment), capture_output=True, text=True, timeout=60)


def test_the_command_lists_what_is_to_do():
    done = run("update", "--todo")
    assert done.returncode == 0, done.stderr
    assert "tables are due on" in done.stdout
    assert "crude_imports: " in done.stdout


def test_an_unknown_feed_is_named_with_those_there_are():
    done = run("update", "imf")
    assert done.returncode == 2
    assert done.stderr == 'alliance: There is no feed "imf". Feeds: worldbank, comtrade.\n'


@pytest.mark.parametrize("year", ["1066", "2999"])
def test_a_first_year_that_cannot_be_is_refused(year):
    done = run("update", "comtrade", "--since", year)
    assert done.returncode == 2
    assert "the first year lies between 1990 and" in done.stderr


def test_without_a_network_the_command_says_so_in_plain_words(tmp_path):
    closed = {"ALLIANCE_WORLDBANK_URL": "http://127.0.0.1:9", "ALLIANCE_COMTRADE_URL": "http://127.0.0.1:9", "ALLIANCE_FEED_PAUSE": "0"}
    done = run("update", "--fresh", **closed)
    assert done.returncode == 6
    assert "The World Bank could not be reached: no connection" in done.stderr
    assert "UN Comtrade could not be reached: no connection" in done.stderr  # one outage keeps no other feed from working
    assert "Traceback" not in done.stderr
    done = run("update", "worldbank", "--fresh", "--debug", **closed)
    assert "Traceback" in done.stderr

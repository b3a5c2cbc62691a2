"""The rules of the data: each refuses what it is for, names the place, and passes what is right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alliance import check, describe
from alliance.data import DATA, Package
from alliance.rules import RULES, at
from alliance.verdicts import judge


def overlay(folder: Path, **tables: str) -> Package:
    folder.mkdir(exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return Package(overlay=folder)


@pytest.fixture
def copy(tmp_path) -> Path:
    shutil.copytree(DATA, tmp_path / "data")
    return tmp_path / "data"


def text_of(table: str) -> str:
    return (DATA / Package().resources[table]["path"]).read_text(encoding="utf-8")


def problems_after(folder: Path, table: str, old: str, new: str) -> list:
    text = text_of(table)
    assert text.count(old), f"{old!r} does not stand in {table}"
    return check.check(overlay(folder / "mine", **{table: text.replace(old, new, 1)}))


BROKEN = [
    ("source", "trade_annual", "bne-2025-01-13", "bne-2025-13-01", "Add it to sources.csv"),
    ("source", "crude_imports", "2024,Russia,108.47,2.17,62.59,,1,1,ubn-2025", "2024,Russia,108.47,2.17,62.59,,1,1,", "mark the row as recalled"),
    ("key", "trade_annual", "2023,110.97", "2024,110.97", "Keep one"),
    ("printed", "trade_annual", "2007,28.48,19.67,48.2", "2007,28.48,19.67,84.2", "Correct the printed value"),
    ("printed", "trade_annual", ",-6.9,GACC", ",6.9,GACC", "Correct the printed value"),
    ("year-to-date", "trade_monthly", "2024-07,ytd,61.64,75.03", "2024-07,ytd,31.64,75.03", "Correct this row"),
    ("year-to-date", "trade_annual", "2024,115.49,129.32", "2024,15.49,129.32", "full year"),
    ("parts", "crude_imports", "2024,Saudi Arabia,78.64", "2024,Saudi Arabia,778.64", "Correct the part"),
    ("jump", "trade_annual", "2024,115.49", "2024,115490", "factor of a thousand"),
    ("mirror", "power_of_siberia", "2023,delivered,22.73", "2023,delivered,27.73", "Correct one of the two"),
    ("mirror", "china_gas_suppliers", "2023,Russia,pipeline,21.294", "2023,Russia,pipeline,0", "Correct one of the two"),
    ("dates", "gas_projects", "2025-09-02", "2035-09-02", "vintage"),
    ("tier", "sources", "2025-01-13,,press", "2025-01-13,,research", "tier_rules.csv"),
    ("measure", "measures", "trade_annual[2023].total_usd_bn", "trade_annual[2023].total", "Correct the formula"),
    ("measure", "measures", "trade_annual[2023].total_usd_bn", "trade_anual[2023].total_usd_bn", "Correct the formula"),
    ("claim", "claims", "within,trade_2023,", "within,trade_2032,", "measures.csv"),
    ("claim", "claims", "forecast_high;trade_2024,,,", "forecast_high;trade_2024,,,supported", "the verdict is computed"),
    ("exception", "exceptions", "jump,crude_imports,2020;United States", "jump,crude_imports,2021;Atlantis", "Correct or remove"),
]


@pytest.mark.parametrize(("rule", "table", "old", "new", "remedy"), BROKEN)
def test_a_rule_refuses_and_says_what_to_do(tmp_path, rule, table, old, new, remedy):
    found = [p for p in problems_after(tmp_path, table, old, new) if p.rule == rule]
    assert found
    assert any(remedy in f"{p.message} {p.remedy}" for p in found)
    assert all(p.line for p in found)


def test_all_problems_are_reported_at_once(tmp_path):
    package = overlay(
        tmp_path / "mine",
        trade_annual=text_of("trade_annual").replace("2023,110.97", "2024,110.97"),
        crude_imports=text_of("crude_imports").replace("2024,Saudi Arabia,78.64", "2024,Saudi Arabia,778.64"),
        claims=text_of("claims").replace("within,trade_2023,", "within,trade_2032,"),
    )
    assert {"key", "parts", "claim"} <= {p.rule for p in check.check(package)}


def test_a_printed_rate_only_warns(tmp_path):
    package = overlay(tmp_path / "mine", trade_annual=text_of("trade_annual").replace("110.97,129.14,,26.3", "110.97,129.14,,24"))
    assert {p.severity for p in check.check(package)} == {"warning"}
    assert [p.rule for p in check.require_valid(package)] == ["printed"]


def test_an_exception_excuses_exactly_its_cell_and_is_named_when_idle(copy):
    file = copy / "exceptions.csv"
    lines = text_of("exceptions").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "2020;United States" not in line), encoding="utf-8")
    assert [(p.rule, p.column) for p in check.check(Package(copy))] == [("jump", "mt")]
    file.write_text("".join([*lines, "jump,trade_annual,2023,published_total_usd_bn,for no reason\n"]), encoding="utf-8")
    assert [(p.rule, p.severity) for p in check.check(Package(copy))] == [("exception", "warning")]


JUMPED = text_of("trade_annual").replace("2025,103.309", "2025,503.309")
EXCUSES = "rule,table,key,column,reason\n" + "".join(
    f"{rule},trade_annual,2025,{column},I know better\n" for rule, column in (("jump", "china_exports_usd_bn"),)
)


TRADE_2010 = "55.45,,vnplus-2011-01,59.34,,wtr-2011-08-27"


@pytest.mark.parametrize(
    ("new", "lacking"),
    [
        (",,vnplus-2011-01,59.34,,wtr-2011-08-27", ["used_value"]),
        ("55.45,,vnplus-2011-01,,,wtr-2011-08-27", ["other_value"]),
        (",,vnplus-2011-01,,,wtr-2011-08-27", ["other_value", "used_value"]),
        (",,vnplus-2011-01,,about 59,wtr-2011-08-27", ["used_text"]),
        ("55.45,,vnplus-2011-01,,about 59,wtr-2011-08-27", ["other_value", "used_text"]),
    ],
)
def test_a_disagreement_has_two_sides_of_one_kind(tmp_path, new, lacking):
    found = problems_after(tmp_path, "disagreements", TRADE_2010, new)
    errors = [p for p in found if p.severity == "error"]
    assert [(p.rule, p.line, p.column) for p in errors] == [("disagreement", 2, column) for column in lacking]
    assert all("used_text and other_text where they are dates or words" in p.remedy for p in errors)
    package = Package(overlay=tmp_path / "mine")
    assert "Trade of 2010" not in {d["topic"] for d in package.disagreements}  # so that no verdict is tried with half of one
    for row in package.table("claims").rows:
        judge(row, package)


def test_a_span_that_ends_before_it_starts_has_no_pace(tmp_path):
    found = problems_after(tmp_path, "crude_cumulative", "2023-01-01,2023-04-30,Russia", "2023-06-01,2023-04-30,Russia")
    assert {p.rule for p in found if p.line == 4} == {"dates"}


def test_exceptions_of_one_s_own_are_added_to_the_book_s(tmp_path):
    found = check.check(overlay(tmp_path / "without", trade_annual=JUMPED))
    assert [(p.rule, p.severity) for p in found if p.severity == "error"] == [("jump", "error")]
    found = check.check(overlay(tmp_path / "with", trade_annual=JUMPED, exceptions=EXCUSES))
    assert [p for p in found if p.severity == "error"] == []
    assert [p for p in found if p.rule == "jump"] == []  # the book's own exceptions hold as well


def test_exceptions_of_one_s_own_may_be_given_as_rows_to_add(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "exceptions.append.csv").write_text(EXCUSES, encoding="utf-8")
    found = check.check(overlay(tmp_path / "mine", trade_annual=JUMPED))
    assert [p for p in found if p.severity == "error"] == []


@pytest.mark.parametrize(
    ("row", "severity", "remedy"),
    [
        ("jump,trade_annual,2023,china_exports_usd_bn,idle", "warning", "Remove the exception"),
        ("jump,trade_annual,2099,china_exports_usd_bn,no such row", "error", "Correct or remove it"),
        ("jump,trade_annual,2023,china_exports,no such column", "error", "Correct or remove it"),
        ("key,trade_annual,2023,year,a rule that knows no exceptions", "error", "Rules that know exceptions: bounds, dates"),
        ("range,trade_annual,2023,china_exports_usd_bn,a rule of form", "error", "Rules that know exceptions"),
        ("jump,trade_annual,2023,china_exports_usd_bn,", "error", "Fill it in"),
        ("jump,trade_annual,2023", "error", "missing commas"),
    ],
)
def test_an_exception_of_one_s_own_that_excuses_nothing_is_named(tmp_path, row, severity, remedy):
    found = check.check(overlay(tmp_path / "mine", exceptions=f"rule,table,key,column,reason\n{row}\n"))
    (problem,) = found
    assert (Path(problem.file).name, problem.line, problem.severity) == ("exceptions.csv", 2, severity)
    assert remedy in problem.remedy


def test_the_book_s_own_exceptions_rest_while_other_data_are_in_use(tmp_path):
    lines = [line for line in text_of("crude_imports").splitlines(keepends=True) if not line.startswith("2020,United States")]
    found = check.check(overlay(tmp_path / "mine", crude_imports="".join(lines)))
    assert {p.rule for p in found} == {"rows-lost"}


def test_a_country_that_countries_csv_does_not_name_is_refused_wherever_it_stands(tmp_path):
    package = Package()
    named = sum(row[c] == "Russia" for t in map(package.table, package.resources) for c in t.fields if t.fields[c].get("country") for row in t.rows)
    found = [p for p in problems_after(tmp_path, "countries", "\nRussia,RUS,", "\nRussian Federation,RUS,") if p.rule == "country"]
    assert len(found) == named > 100
    assert {(p.value, p.remedy) for p in found} == {("Russia", "Write the name as in countries.csv, or add it there.")}
    found = problems_after(tmp_path, "countries", "\nRussia,RUS,", "\nRussia,RUZ,")
    assert [(p.rule, p.value) for p in found] == [("country", "RUZ")]


def failing(*tables: str):
    """A rule that warns of every table, and has an error that some tables bring to light."""

    def rule(package, given):
        for name, table in given.items():
            yield at(table, 0, table.key_columns[0], "", "failing", "seen", "Go on.", "warning")
            if name in tables:
                {}[name]

    return rule


def test_a_rule_that_fails_on_a_table_is_told_and_all_else_is_checked(tmp_path, monkeypatch):
    monkeypatch.setitem(RULES, "failing", failing("gas_trade", "trade_annual"))
    found = problems_after(tmp_path, "crude_imports", "2024,Saudi Arabia,78.64", "2024,Saudi Arabia,778.64")
    failures = [p for p in found if p.rule == "rule-failed"]
    assert [(Path(p.file).name, p.severity) for p in failures] == [("gas_trade.csv", "error"), ("trade_annual.csv", "error")]
    for failure, table in zip(failures, ("gas_trade", "trade_annual"), strict=True):
        assert f"the rule \"failing\" cannot be applied here (KeyError: '{table}'; check.py, line " in failure.message
        assert "an error of the program" in failure.remedy
    assert "parts" in {p.rule for p in found}  # other rules, and this rule on other tables
    assert len([p for p in found if p.rule == "failing"]) == len(Package().resources) - 2


def test_a_rule_that_always_fails_is_told_once(monkeypatch):
    monkeypatch.setitem(RULES, "failing", lambda package, tables: iter([1 / 0]))
    (problem,) = check.check(Package())
    assert (problem.rule, problem.file, problem.line) == ("rule-failed", "data", 0)
    assert "ZeroDivisionError" in problem.message


def test_a_failing_rule_is_told_even_if_exceptions_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setitem(RULES, "jump", failing("gas_trade"))
    found = check.check(overlay(tmp_path / "mine", exceptions="rule"))
    assert "rule-failed" in {p.rule for p in found}


def test_a_disk_that_fails_is_no_error_of_a_rule(monkeypatch):
    def rule(package, tables):
        raise OSError("no space")
        yield

    monkeypatch.setitem(RULES, "failing", rule)
    with pytest.raises(OSError, match="no space"):
        check.check(Package())


def test_the_book_s_own_table_is_reported_beneath_one_that_replaces_it(copy, tmp_path):
    append(copy / "economics" / "trade_annual.csv", "2027,x,120,,,GACC,bne-2025-01-13,,,read,")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "trade_annual.csv").write_text(text_of("trade_annual"), encoding="utf-8")
    (problem,) = check.check(Package(copy, tmp_path / "mine"))
    assert (Path(problem.file).name, problem.column, problem.value) == ("trade_annual.csv", "china_exports_usd_bn", "x")


def test_every_rule_can_be_explained():
    for rule in [*check.FORM_RULES, *check.OWN_RULES, *RULES]:
        assert len(check.explain(rule)) > 30


def append(file: Path, line: str) -> None:
    with open(file, "a", encoding="utf-8") as handle:
        handle.write(line + "\n")


def test_a_new_row_says_that_its_source_is_missing(copy):
    append(copy / "economics" / "trade_annual.csv", "2027,100,120,,,GACC,office-2028-01,,,read,")
    found = check.check(Package(copy))
    assert {(p.rule, p.value) for p in found if p.severity == "error"} == {("source", "office-2028-01"), ("dates", "2027"), ("gap", "2027")}


def test_a_new_source_says_that_no_row_cites_it_and_which_tier_is_due(copy):
    append(copy / "sources.csv", "tass-2027-01,Trade of 2026,TASS,https://example.org/t,2027-01-10,,press,,2027-01,")
    found = {(p.rule, p.severity) for p in check.check(Package(copy))}
    assert found == {("source-unused", "warning"), ("tier", "error")}


def test_a_source_of_one_s_own_is_one_that_only_supplied_rows_cite(copy):
    append(copy / "sources.csv", "mine-2027,My count,Me,https://example.org/t,2027-01-10,en,own,CC0,2027-01,")
    row = "2026,120,130,,,me,mine-2027,,,{},counted by myself"
    whole = (copy / "economics" / "trade_annual.csv").read_text(encoding="utf-8")
    found = {}
    for evidence in ("supplied", "read"):
        (copy / "economics" / "trade_annual.csv").write_text(whole + row.format(evidence) + "\n", encoding="utf-8")
        found[evidence] = [(p.rule, p.value) for p in check.check(Package(copy)) if p.rule == "tier"]
    assert found == {"supplied": [], "read": [("tier", "own")]}


def test_a_new_claim_says_which_measures_and_sentence_it_lacks(copy):
    append(
        copy / "claims.csv",
        "new-claim,economics,no-such-sentence,Trade,some words,A claim,5,percent,within,no_such_measure,,1,,,,low,It is {another_one}.,,2026-11",
    )
    found = {(p.rule, p.value) for p in check.check(Package(copy))}
    assert found == {("claim", "no-such-sentence"), ("claim", "no_such_measure"), ("claim", "another_one")}


def test_a_changed_description_asks_for_a_new_package(copy):
    tables = copy / "economics" / "tables.toml"
    tables.write_text(tables.read_text(encoding="utf-8").replace("China-Russia goods trade by year", "Trade"), encoding="utf-8")
    assert [p.rule for p in check.check(Package(copy))] == ["description"]
    describe.write(copy)
    assert check.check(Package(copy)) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "China-Russia goods trade by year"\n', "", "table trade_annual: title missing"),
        ('[[table]]\nname = "trade_annual"', '[[table]\nname = "trade_annual"', "not valid TOML"),
        ('{ name = "china_exports_usd_bn", title = "China\'s exports to Russia" }', '"china_exports_usd_bn"', "has no title"),
        ('precision = "month"', 'precision = "week"', "table trade_monthly: the description has not the form of the others ('week')"),
    ],
)
def test_a_broken_description_is_named_with_its_file_and_table(copy, old, new, words):
    tables = copy / "economics" / "tables.toml"
    text = tables.read_text(encoding="utf-8")
    assert old in text
    tables.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = [p for p in check.check(Package(copy)) if p.rule == "description"]
    assert len(found) == 1
    assert words in found[0].message
    assert "tables.toml" in found[0].message

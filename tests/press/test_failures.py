"""Failures: each has its exit code and a message that names the place and the remedy; the published edition stays."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from alliance.editions import read_edition
from alliance.writer import csv_text
from workspace import SMALL_CHAPTER, Workspace, small_project, tree_bytes, unprivileged, write_chapter


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Workspace:
    """A small book, published once; each test damages the sources and puts them back."""
    workspace = small_project(tmp_path_factory.mktemp("built") / "project")
    workspace.build()
    return workspace


@pytest.fixture
def damaged(built):
    """The small book, with what a test changes in it undone afterwards, and the published edition compared."""
    kept = {name: built.root.parent / f"kept-{name}" for name in ("book", "data")}
    for name, copy in kept.items():
        shutil.copytree(built.root / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = tree_bytes(built.html)
    yield built
    assert tree_bytes(built.html) == before, "the published edition changed"
    for name, copy in kept.items():
        shutil.rmtree(built.root / name)
        shutil.move(copy, built.root / name)
    assert "Nothing changed" in built.build().stdout


def with_cell(workspace: Workspace, source: str) -> None:
    write_chapter(workspace, "small", [*SMALL_CHAPTER[:3], ("code", source), *SMALL_CHAPTER[3:]])


CHAPTERS = [
    ("x = 1\n\nx / 0", 1, ["book/small.ipynb, cell 4 of 7", "line 3: `x / 0`", "ZeroDivisionError"]),
    ("chapter.load('trade_anual')", 1, ["cell 4 of 7", 'no table "trade_anual"', "trade_annual"]),
    ("chapter.value('trade_annual', 'total', year=2024)", 1, ["cell 4 of 7", "it has china_exports_usd_bn"]),
    ("import os\nos._exit(7)", 1, ["cell 4 of 7", "the kernel died"]),
    ("import sys\nprint('look out', file=sys.stderr)", 1, ["cell 4 of 7", "wrote to stderr", "look out"]),
    ("chapter.fact('total', total, 'again')", 1, ["cell 4 of 7", "made twice"]),
    (
        "chapter.fact('old', chapter.value('trade_annual', 'total_usd_bn', year=2011), 'from memory')",
        1,
        ["cell 4 of 7", "rests on recalled rows"],
    ),
    ("import time\ntime.sleep(60)", 1, ["cell 4 of 7", "ran longer than 3 s", "ALLIANCE_CELL_SECONDS"]),
    (
        "chapter.figure('f', plt.figure(), data=annual, title='', unit='u', alt='a' * 80)",
        1,
        ["cell 4 of 7", 'Exhibit "f" lacks its title'],
    ),
    (
        "chapter.figure('f', plt.figure(), data=annual[['year']], title='t', unit='u', alt='a' * 80)",
        1,
        ["cell 4 of 7", "name no source", "keep the column source_id"],
    ),
]


@pytest.mark.parametrize(("source", "code", "words"), CHAPTERS, ids=[c[0][:28] for c in CHAPTERS])
def test_a_failing_cell_is_named_with_its_line(damaged, source, code, words):
    with_cell(damaged, source)
    done = damaged.run("build", env={"ALLIANCE_CELL_SECONDS": "3"} if "sleep" in source else {})
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_an_edition_is_kept_once_and_noted_in_the_changelog(damaged):
    changelog = damaged.root / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## 9.8.0 (2027)\n\n- New.\n\n## 9.7.0\n\n- Old.\n", encoding="utf-8")
    kept = damaged.run("edition", "9.8.0")
    assert kept.returncode == 0, kept.stderr
    assert read_edition(damaged.root / "data" / "editions" / "9.8.0").facts == read_edition(damaged.out).facts
    ours, others = changelog.read_text(encoding="utf-8").split("\n## 9.7.0\n")
    assert re.search(r"- New\.\n\n### Data\n\nSince \d\.\d\.\d: .*numbers? (is|are) gone", ours)
    assert others == "\n- Old.\n"
    again = damaged.run("edition", "9.8.0")
    assert (again.returncode, "is already kept" in again.stderr) == (2, True)
    damaged.run("edition", "9.9.0")
    assert "\n## 9.9.0\n\n### Data\n\nSince 9.8.0: Nothing moved.\n\n## 9.8.0 (2027)\n" in changelog.read_text(encoding="utf-8")


def test_a_cell_that_fails_on_a_user_s_data_names_their_files(damaged, tmp_path):
    with_cell(damaged, "annual.set_index('year').loc[2023, 'note'].upper()")  # the book's row of 2023 has a note, the user's has none
    with open(damaged.root / "data" / "economics" / "trade_annual.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    without = [[*row[:-1], "" if row[0] == "2023" else row[-1]] for row in rows]
    (tmp_path / "trade_annual.csv").write_text(csv_text(without), encoding="utf-8")
    done = damaged.run("build", "--data", tmp_path)
    assert done.returncode == 1, done.stderr
    assert "cell 4 of 7" in done.stderr
    assert "Your data were in use (trade_annual.csv)" in done.stderr


def test_a_misspelled_parameter_is_refused(damaged):
    damaged.cell("small", "focus_year = 2024", "focus_yaer = 2024")
    done = damaged.run("build")
    assert done.returncode == 2
    assert "sets the parameter focus_year" in done.stderr
    assert "offers data_dir, focus_yaer" in done.stderr


def test_a_chapter_that_does_not_finish_is_refused(damaged):
    damaged.cell("small", "chapter.finish()", "pass")
    done = damaged.run("build")
    assert done.returncode == 1
    assert "must call chapter.finish()" in done.stderr


UNKNOWN = [
    ("{fact}`total`", "{fact}`totl`", 'cell 1 of 6: there is no fact "totl". Did you mean "small.total"?'),
    ("{.guard-rose}", "{.guard-fell}", 'there is no guard "fell"'),
    ("{confidence}`trade`", "{confidence}`trad`", 'there is no confidence "trad". Did you mean "small.trade"?'),
    ("{confidence}`trade`", "{claim}`trade-2022`", 'there is no claim "trade-2022"'),
    ("{confidence}`trade`", "{term}`power-of-siberia-3`", 'Did you mean "power-of-siberia-2"?'),
]


@pytest.mark.parametrize(("old", "new", "words"), UNKNOWN, ids=[u[1] for u in UNKNOWN])
def test_an_unknown_name_in_prose_stops_the_build(damaged, old, new, words):
    damaged.cell("small", old, new)
    done = damaged.run("build")
    assert done.returncode == 1
    assert words in done.stderr


def test_warnings_of_sphinx_are_errors_with_cell_and_line(damaged):
    damaged.cell("small", "Trade was", "See [nothing](#nowhere).\n\nTrade was")
    damaged.cell("small", "## Numbers", "## Numbers\n\nText.\n\nMore [of it](#elsewhere).")
    done = damaged.run("build")
    assert done.returncode == 1
    assert re.search(r"book/small\.ipynb, cell 1, line 3: .*nowhere", done.stderr)
    assert re.search(r"book/small\.ipynb, cell 6, line 5: .*elsewhere", done.stderr)


def test_a_broken_guard_marks_its_sentence_and_under_strict_refuses(built, tmp_path):
    workspace = small_project(tmp_path / "guard")
    workspace.cell("small", "total > before", "total < before")
    strict = workspace.run("build", "--strict")
    assert strict.returncode == 5
    assert "small.rose: Trade rose" in strict.stderr
    assert not workspace.html.exists()
    done = workspace.build()
    assert "no longer true of these data: small.rose: Trade rose" in done.stdout
    page = (workspace.html / "small.html").read_text(encoding="utf-8")
    assert '<span class="guard-broken">It rose<span class="guard-mark"> [no longer true of these data: Trade rose]' in page
    text = subprocess.run(["pdftotext", str(workspace.pdf()), "-"], capture_output=True, text=True, check=True).stdout
    assert "no longer true of these data" in " ".join(text.split())
    assert workspace.run("build", "--strict").returncode == 5  # also when nothing has to be built


def test_a_guard_without_data_says_that_it_cannot_tell(tmp_path):
    workspace = small_project(tmp_path / "undecided")
    workspace.cell("small", "year=2023)", "year=1990)")
    done = workspace.build()
    assert "cannot be told from these data: small.rose" in done.stdout
    assert "guard-undecided" in (workspace.html / "small.html").read_text(encoding="utf-8")


OPTIONS = [
    (["build", "--year", "2019"], 2, "between 2021 and 2025"),
    (["build", "--year", "soon"], 2, "invalid int value"),
    (["build", "--yaer", "2024"], 2, "unrecognized arguments"),
    (["build", "--fo"], 2, "unrecognized arguments"),
    (["build", "--data", "nowhere"], 2, "this is not a folder"),
    (["build", "--only", "smal"], 2, "Chapters: small"),
    (["check", "--explain", "nonsense"], 2, "There is no rule"),
    (["edition", "v0.4.0"], 2, '"v0.4.0" is no version. An edition is named by three numbers with full stops, such as 0.3.0.'),
    (["edition", "0.4.0-rc1"], 2, '"0.4.0-rc1" is no version'),
    (["edition", "0.4"], 2, '"0.4" is no version'),
    (["edition", "../0.4.0"], 2, '"../0.4.0" is no version'),
    (["diff", "nowhere", "nowhere"], 2, "holds no facts.json"),
    ([], 2, "required: command"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), OPTIONS, ids=[" ".join(o[0]) for o in OPTIONS])
def test_wrong_options_are_refused(built, arguments, code, words):
    before = sorted((built.root / "data").rglob("*"))
    done = built.run(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted((built.root / "data").rglob("*")) == before


MARCH = '2023-03,"Russian exports, all partners",Bank of Russia,,'
EUROPE = "10,Russia to Europe by pipeline,168.09,"
DAMAGE = {
    "decimal comma": ("trade_annual", "2024,115.49,129.32", '2024,"115,49",129.32', "number", "115.49"),
    "thousands separator": ("trade_annual", "2023,110.97", '2023,"1,110.97"', "number", "1110.97"),
    "a field too many": ("trade_annual", "2022,76.12,", "2022,1,176.12,", "fields", "1176.12"),
    "unclosed quote": ("trade_annual", "2020,50.58", '2020,"50.58', "quotes", "Close the quote"),
    "duplicate key": ("crude_imports", "2023,Iraq", "2022,Iraq", "key", "Keep one"),
    "missing column": ("gas_projects", "agreed_bcm,", "", "header", "agreed_bcm"),
    "unknown source": ("gas_trade", f"{EUROPE}ei-2024", f"{EUROPE}ei-2042", "source", "sources.csv"),
    "share of 140": ("settlement_currency", f"{MARCH}18,", f"{MARCH}140,", "range", "Correct"),
    "text in a number column": ("crude_cumulative", "71.97", "about 72", "number", "note"),
    "full-width digits": ("crude_destinations", "138.201", "１３８.201", "number", "138.201"),
    "NaN": ("power_of_siberia", "2020,delivered,4.1", "2020,delivered,NaN", "number", "empty field"),
    "year 20244": ("trade_russia_count", "2018,56.02", "20184,56.02", "year", "four ASCII digits"),
}  # fmt: skip
WHOLE = {
    "semicolon file": ("china_gas_suppliers", lambda t: t.replace(",", ";").encode(), "file-delimiter"),
    "UTF-16": ("trade_monthly", lambda t: t.encode("utf-16"), "file-encoding"),
    "empty file": ("trade_targets", lambda t: b"", "file-empty"),
}


def test_bad_data_are_refused_all_in_one_report(damaged):
    for table, old, new, *_ in DAMAGE.values():
        damaged.edit(f"data/economics/{table}.csv", old, new)
    for table, change, _ in WHOLE.values():
        file = damaged.root / "data" / "economics" / f"{table}.csv"
        file.write_bytes(change(file.read_text(encoding="utf-8")))
    done = damaged.run("build")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    for kind, (table, _, _, rule, remedy) in DAMAGE.items():
        # A table whose form is broken is not examined for content; the content rules have tables of their own here.
        assert any(f"{table}.csv" in line and f"[{rule}]" in line and remedy in line for line in lines), f"{kind}\n{done.stderr}"
    for kind, (table, _, rule) in WHOLE.items():
        assert any(f"data/economics/{table}.csv" in line and f"[{rule}]" in line for line in lines), kind
    report = json.loads(damaged.run("check", "--format", "json").stdout)
    assert len(report) == len([line for line in lines if line.startswith("  ")])
    assert {"file", "line", "column", "value", "rule", "message", "remedy", "severity"} == set(report[0])


def test_who_reads_only_the_head_of_a_report_gets_its_exit_code(damaged):
    for table, old, new, *_ in DAMAGE.values():
        damaged.edit(f"data/economics/{table}.csv", old, new)
    for arguments in (["check"], ["check", "--format", "json"], ["build"]):
        command = [sys.executable, "-m", "alliance", *arguments]
        reader, writer = os.pipe()
        os.close(reader)
        for stream in ("stdout", "stderr"):
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writer}
            done = subprocess.run(command, cwd=damaged.root, env=damaged.environment(None), **pipes)
            assert done.returncode == 2, (arguments, stream)
            assert b"Traceback" not in (done.stderr or b"")
        os.close(writer)


def test_a_permission_is_told_in_words_where_nothing_but_the_standard_library_is(damaged, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o555)
    code = (
        "import sys; sys.modules |= dict.fromkeys(('papermill', 'nbformat', 'nbclient', 'pandas'))\n"
        "from alliance.cli import main; sys.exit(main(['build', '--force', '--out', sys.argv[1]]))"
    )
    command = unprivileged([sys.executable, "-c", code, str(out)])
    done = subprocess.run(command, cwd=damaged.root, env=damaged.environment(None), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "make the folder writable, or give --out" in done.stderr


def test_bom_and_crlf_change_nothing(damaged):
    file = damaged.root / "data" / "economics" / "trade_annual.csv"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert "stale" not in damaged.run("list").stdout
    done = damaged.run("build", "--out", damaged.root.parent / "bom")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(damaged.root.parent / "bom")


def test_a_missing_table_is_named(damaged):
    (damaged.root / "data" / "economics" / "gas_trade.csv").unlink()
    done = damaged.run("build")
    assert done.returncode == 2
    assert "data/economics/gas_trade.csv: the file of table gas_trade is missing" in done.stderr


def test_a_broken_description_is_named(damaged):
    damaged.edit("data/datapackage.json", '"name": "trade_annual"', '"name": trade_annual')
    done = damaged.run("build")
    assert done.returncode == 2
    assert "datapackage.json is not valid JSON" in done.stderr


def test_a_folder_in_the_place_of_a_link_is_named(built, tmp_path):
    (tmp_path / "out" / "html").mkdir(parents=True)
    done = built.run("build", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "html is not the link that the build keeps there" in done.stderr


def test_an_output_that_cannot_be_written_is_named(built, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o555)
    command = unprivileged([sys.executable, "-m", "alliance", "build", "--out", str(out)])
    assert subprocess.run(unprivileged(["touch", str(out / "file")]), capture_output=True).returncode != 0  # or this proves nothing
    done = subprocess.run(command, cwd=built.root, env=built.environment(None), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "Permission denied" in done.stderr
    assert "make the folder writable, or give --out" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_published_edition_survives_its_folder_becoming_read_only(tmp_path):
    workspace = small_project(tmp_path / "locked")
    workspace.build()
    before = tree_bytes(workspace.html)
    workspace.edit("data/economics/trade_annual.csv", "2024,115.49", "2024,125.49")
    workspace.out.chmod(0o555)
    command = unprivileged([sys.executable, "-m", "alliance", "build"])
    done = subprocess.run(command, cwd=workspace.root, env=workspace.environment(None), capture_output=True, text=True)
    workspace.out.chmod(0o755)
    assert done.returncode == 3, done.stderr
    assert tree_bytes(workspace.html) == before
    workspace.build()
    assert tree_bytes(workspace.html) != before

"""The build: what it publishes, what it executes again and what not, and that equal inputs give equal bytes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from alliance.editions import latest_frozen
from alliance.press.project import Project
from workspace import SMALL_CHAPTER, Workspace, copy_project, shorten, small_project, tree_bytes, write_chapter, write_toc

OTHER = [
    (kind, source.replace("trade_annual", "power_of_siberia").replace("'year'], annual['total_usd_bn'", "'year'], annual['bcm'"))
    for kind, source in SMALL_CHAPTER
]


def snapshot(folder: Path) -> dict:
    return {str(f): (f.lstat().st_mtime_ns, f.lstat().st_ino) for f in sorted(folder.rglob("*")) if f.name != "__pycache__"}


def read_csv(file: Path) -> list[dict]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))


def pdf_text(workspace: Workspace) -> str:
    return subprocess.run(["pdftotext", str(workspace.pdf()), "-"], capture_output=True, text=True, check=True).stdout


def test_everything_the_contract_names_is_published(book):
    for name in (
        "html/index.html",
        "html/economics.html",
        "html/russia-china-alliance-2024.pdf",
        "html/facts.json",
        "html/claims.json",
        "html/claims.csv",
    ):
        assert (book.out / name).is_file(), name
    assert (book.out / "executed" / "economics.ipynb").is_file()
    assert (book.out / "html").is_symlink()
    assert (book.out / "current").resolve().parent == (book.out / "editions").resolve()
    for exhibit in json.loads((book.out / "executed" / "economics.json").read_text(encoding="utf-8"))["exhibits"]:
        assert (book.html / "downloads" / "economics" / f"{exhibit['key']}.csv").stat().st_size > 100


def test_cells_show_exhibits_and_nothing_else(book):
    for file in (book.out / "executed").glob("*.ipynb"):
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        outputs = [(cell["id"], output) for cell in cells for output in cell.get("outputs", [])]
        for cell, output in outputs:
            assert "text/markdown" in output.get("data", {}), f"{file.stem} {cell}: {str(output)[:200]}"
        assert outputs, f"{file.stem} shows nothing"


def test_the_run_record_names_inputs_versions_parameters_and_times(book):
    run = book.run_record()
    assert run["parameters"] == {"focus_year": 2024}
    assert len(run["inputs"]["data/economics/trade_annual.csv"]) == 64
    assert run["versions"]["papermill"] == "2.7.0"
    assert {"execute economics", "html", "pdf", "total"} <= set(run["seconds"])


def test_published_pages_hold_no_path_of_this_machine(book):
    for name, content in tree_bytes(book.html).items():
        assert str(book.root).encode() not in content, name


def test_a_second_build_says_so_and_touches_nothing(book):
    before = snapshot(book.root)
    done = book.build()
    assert "Nothing changed" in done.stdout
    assert snapshot(book.root) == before


def test_touching_a_file_without_changing_it_runs_nothing(book):
    os.utime(book.root / "data" / "economics" / "trade_annual.csv")
    os.utime(book.root / "book" / "economics.ipynb")
    assert "Nothing changed" in book.build().stdout


def test_injected_cells_and_parameters_never_show(book):
    executed = json.loads((book.out / "executed" / "economics.ipynb").read_text(encoding="utf-8"))
    (injected,) = [c for c in executed["cells"] if "injected-parameters" in c["metadata"].get("tags", [])]
    assert "remove-cell" in injected["metadata"]["tags"]
    page = (book.html / "economics.html").read_text(encoding="utf-8")
    assert "# Parameters" not in re.sub(r"<[^>]+>", "", page)
    assert page.count("data_dir = ") <= 1


def test_changed_data_reach_every_place_and_flip_the_verdict(project):
    """Raise both flows of 2024 to a total of 260; then go back."""
    shorten(project, ("economics",), "# Economics alone\n\nTrade was USD {fact}`economics.trade_total` bn.\n")
    project.build()
    a = tree_bytes(project.html)
    project.edit("data/economics/trade_annual.csv", "2024,115.49,129.32", "2024,123.00,137.00")
    project.build()
    assert project.run_record()["executed"] == ["economics"]
    assert project.facts()["economics.trade_total"]["text"] == "260.0"
    assert project.claims()["trade-250"]["verdict"] == "supported"
    assert project.claims()["trade-250"]["outcome"] == "supported"
    rows = read_csv(project.html / "downloads" / "economics" / "trade_total.csv")
    assert next(r["total_usd_bn"] for r in rows if r["year"] == "2024") == "260"
    # The source's own title names what it printed; nothing else may.
    titles = [r["title"] for r in read_csv(project.root / "data" / "sources.csv")]
    texts = {n: c.decode() for n, c in tree_bytes(project.html).items() if n.endswith((".html", ".json", ".csv"))} | {"pdf": pdf_text(project)}
    for name, text in texts.items():
        for title in titles:
            text = text.replace(title, "").replace(title.replace("'", "&#39;"), "")
        assert not re.search(r"244\.8", re.sub(r"\s+", " ", text)), name
    assert "260.0" in texts["economics.html"]
    assert "260.0" in texts["index.html"]
    assert "260.0" in texts["pdf"]
    broken = [line for line in (project.html / "economics.html").read_text(encoding="utf-8").splitlines() if "guard-broken" in line]
    assert broken  # "did not come true" is marked on the page

    project.edit("data/economics/trade_annual.csv", "2024,123.00,137.00", "2024,115.49,129.32")
    project.build()
    b = tree_bytes(project.html)
    assert {n for n in a.keys() | b.keys() if a.get(n) != b.get(n)} == set()

    project.edit("data/economics/trade_annual.csv", "2024,115.49,129.32", "2024,123.00,137.00")
    done = project.build()
    assert "nothing is executed" in done.stdout
    assert project.facts()["economics.trade_total"]["text"] == "260.0"


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Workspace:
    """Two small chapters that read different tables, built once; each test puts back what it changes."""
    workspace = small_project(tmp_path_factory.mktemp("pair") / "project", ("small", "other"))
    other = [
        (
            k,
            s.replace("'total_usd_bn', year=2024", "'bcm', year=2024, kind='delivered'").replace(
                "'total_usd_bn', year=2023", "'bcm', year=2023, kind='delivered'"
            ),
        )
        for k, s in OTHER
    ]
    write_chapter(workspace, "other", other)
    workspace.build()
    assert workspace.run_record()["executed"] == ["other", "small"]
    return workspace


STALE = [
    ("data/economics/trade_annual.csv", "2024,115.49", "2024,115.50", {"small"}, "table trade_annual"),
    ("data/economics/power_of_siberia.csv", "2024,delivered,31.12", "2024,delivered,31.13", {"other"}, "table power_of_siberia"),
    (
        "data/datapackage.json",
        "Power of Siberia: delivered, planned, nameplate",
        "Power of Siberia: three measures",
        {"other"},
        "table power_of_siberia",
    ),
    ("data/sources.csv", "OSW Centre for Eastern Studies", "Centre for Eastern Studies", {"other"}, "sources"),
    ("data/economics/crude_imports.csv", "2024,Russia,108.47", "2024,Russia,108.48", set(), None),
    ("book/alliance/words.py", 'NOT_AVAILABLE = "not available"', 'NOT_AVAILABLE = "not known"', {"small", "other"}, "package"),
    ("requirements.lock", "pandas==3.1.1", "pandas==3.1.1 ", {"small", "other"}, "lock"),
    ("book/small.ipynb", "Trade rose", "Trade went up", {"small"}, "notebook"),
]


@pytest.mark.parametrize(("file", "old", "new", "stale", "reason"), STALE, ids=[f"{s[0]}-{i}" for i, s in enumerate(STALE)])
def test_exactly_the_chapters_that_read_a_thing_are_stale(pair, file, old, new, stale, reason):
    pair.edit(file, old, new)
    try:
        told = dict(re.findall(r"^(\w+): (.+)$", pair.run("list").stdout, flags=re.MULTILINE))
        assert {name for name, state in told.items() if state.startswith("stale")} == stale
        assert all(reason in told[name] for name in stale)
    finally:
        pair.edit(file, new, old)
    assert "stale" not in pair.run("list").stdout


def test_a_notebook_made_from_the_records_follows_them(tmp_path):
    """It runs after the chapters, reads what they published, and is stale when that changes, whatever tables it reads."""
    workspace = small_project(tmp_path / "digest")
    sums_up = "chapter.phrase('count', str(sum(len(r['facts']) for r in chapter.records.values())), 'Facts of all chapters')\nchapter.finish()"
    cells = [SMALL_CHAPTER[1], ("code", "from alliance.chapter import Chapter\nchapter = Chapter('NAME', focus_year, data_dir)"), ("code", sums_up)]
    write_chapter(workspace, "digest", [("markdown", "# Digest\n\n{fact}`count` facts."), *cells])
    notebook = workspace.root / "book" / "digest.ipynb"
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content["metadata"]["alliance"] = {"reads": "records"}
    notebook.write_text(json.dumps(content), encoding="utf-8")
    write_toc(workspace, ("digest", "small", "sources"))
    workspace.build()
    assert workspace.facts()["digest.count"]["text"] == "1"
    workspace.cell("small", "chapter.finding('trade'", "chapter.fact('before', before, 'Two-way trade, 2023')\nchapter.finding('trade'")
    assert "records" in workspace.run("list").stdout
    workspace.build()
    assert workspace.run_record()["executed"] == ["digest", "small"]
    assert workspace.facts()["digest.count"]["text"] == "2"
    assert "Nothing changed" in workspace.build().stdout


def test_only_the_stale_chapter_is_executed_and_old_versions_stay_in_the_cache(pair):
    published = tree_bytes(pair.html)
    pair.edit("data/economics/power_of_siberia.csv", "2024,delivered,31.12", "2024,delivered,32.34")
    pair.build("--jobs", "2")
    assert pair.run_record()["executed"] == ["other"]
    assert "32.3" in (pair.html / "other.html").read_text(encoding="utf-8")
    pair.edit("data/economics/power_of_siberia.csv", "2024,delivered,32.34", "2024,delivered,31.12")
    assert "nothing is executed" in pair.build().stdout
    assert tree_bytes(pair.html) == published


def test_forcing_gives_the_same_bytes(pair):
    published = tree_bytes(pair.html)
    pair.build("--force")
    assert pair.run_record()["executed"] == ["other", "small"]
    assert tree_bytes(pair.html) == published


def test_another_output_folder_another_place_the_same_bytes(pair, tmp_path):
    pair.build("--out", tmp_path / "elsewhere")
    assert tree_bytes(tmp_path / "elsewhere" / "html") == tree_bytes(pair.html)


def test_progress_names_chapter_cell_and_time_in_plain_lines(pair):
    done = pair.run("build", "--force")
    assert re.search(r"^small\s+\d+\.\d s  cell 3 of 6: import matplotlib", done.stdout, flags=re.MULTILINE)
    assert re.search(r"^other\s+\d+\.\d s  \d+\.\d s$", done.stdout, flags=re.MULTILINE)
    assert "\x1b" not in done.stdout


def test_a_hidden_folder_above_the_project_hides_nothing(pair, tmp_path):
    """As a worktree in ``.worktrees/feature`` has one: what counts is where a file lies within the project."""
    copy = copy_project(tmp_path / ".worktrees" / "feature", pair.root)
    (copy.root / "book" / ".ipynb_checkpoints").mkdir()
    (copy.root / "book" / ".ipynb_checkpoints" / "small-checkpoint.ipynb").write_text("{}", encoding="utf-8")
    inputs = Project(copy.root, copy.out).inputs
    assert inputs == Project(pair.root, pair.out).inputs
    assert {"book/small.ipynb", "data/sources.csv", "data/editions/0.1.0/facts.json", "book/alliance/press/build.py"} <= set(inputs)


def test_what_a_build_told_of_its_changes_is_written_before_another_begins(tmp_path):
    """The list is complete when the output is free again, and replaces the one before as a whole."""
    workspace = small_project(tmp_path / "told")
    workspace.build()
    workspace.edit("data/economics/trade_annual.csv", "2024,115.49", "2024,125.49")
    code = (
        "import sys; from alliance import journal; from alliance.press import build, publish; from alliance.problems import AllianceError\n"
        "from alliance.press.project import Project; put = journal.put\n"
        "import subprocess\n"
        "def held(file, content):\n"
        "    if file.name == 'changes.md':\n"
        "        other = [sys.executable, '-m', 'alliance', 'build', '--force']\n"
        "        print('SECOND', subprocess.run(other, capture_output=True).returncode)\n"
        "    put(file, content)\n"
        "journal.put = held\n"
        "from alliance.cli import main; sys.exit(main(['build']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=workspace.root, env=workspace.environment(None), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SECOND 4" in done.stdout
    assert "small.total" in (workspace.out / "changes.md").read_text(encoding="utf-8") or "254.8" in (workspace.out / "changes.md").read_text(
        encoding="utf-8"
    )


def test_a_preview_can_be_forced_and_strict(tmp_path):
    workspace = small_project(tmp_path / "strict")
    workspace.cell("small", "total > before", "total < before")
    assert workspace.run("build", "--only", "small").returncode == 0
    page = workspace.out / "preview" / "html" / "small.html"
    assert "guard-broken" in page.read_text(encoding="utf-8")
    assert "small: " not in workspace.run("build", "--only", "small").stdout
    before = page.stat().st_mtime_ns
    refused = workspace.run("build", "--only", "small", "--strict")
    assert refused.returncode == 5
    assert "small.rose: Trade rose" in refused.stderr
    assert page.stat().st_mtime_ns == before
    forced = workspace.run("build", "--only", "small", "--force")
    assert forced.returncode == 0, forced.stderr
    assert "small: forced" in forced.stdout


def test_only_folders_named_by_a_version_are_kept_editions(tmp_path):
    for name in ("0.2.0", "0.10.0", "0.9.0-rc1", "draft", "v0.11.0", "0.30.0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "facts.json").write_text("{}", encoding="utf-8")
    assert latest_frozen(tmp_path, "0.12.0") == tmp_path / "0.10.0"
    assert latest_frozen(tmp_path, "0.2.0") is None


def test_a_preview_publishes_nothing(pair):
    before = snapshot(pair.out / "editions")
    done = pair.run("build", "--only", "small")
    assert done.returncode == 0, done.stderr
    assert (pair.out / "preview" / "html" / "small.html").exists()
    assert snapshot(pair.out / "editions") == before


def test_an_overlay_builds_a_book_of_its_own(pair, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    text = (pair.root / "data" / "economics" / "trade_annual.csv").read_text(encoding="utf-8")
    (mine / "trade_annual.csv").write_text(text.replace("2024,115.49", "2024,215.49"), encoding="utf-8")
    pair.build("--data", mine, "--out", tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "html" / "facts.json").read_text(encoding="utf-8"))["facts"]
    assert next(f["text"] for f in facts if f["id"] == "small.total") == "344.8"


def test_another_year_renames_the_book_and_folds_what_tells_of_later_years(tmp_path):
    workspace = small_project(tmp_path / "year")
    told = ["Of 2021.", "Of 2023.", "Quoted: “in 2024”.", "{.edition}\nA reading of the edition.", "{.any-year}\nLooked up in 2025."]
    workspace.cell("small", "## Numbers", "\n\n".join([*told, "- Item of 2021.", "- Item of 2023.", "## Numbers"]))
    folded = {}
    for year in (2022, 2024):
        workspace.build("--year", str(year), "--out", str(tmp_path / str(year)))
        html = tmp_path / str(year) / "html"
        page = (html / "small.html").read_text(encoding="utf-8")
        assert f"Exploring the Russia-China Alliance in {year}</title>" in page
        paragraphs = re.findall(r'<details class="other-year"><summary>Written for 2024, not for 2022</summary><p[^>]*>(.*?)</p>', page, re.DOTALL)
        folded[year] = [re.sub(r"<.*?>", "", p) for p in paragraphs]
        text = subprocess.run(["pdftotext", html / f"russia-china-alliance-{year}.pdf", "-"], capture_output=True, text=True, check=True).stdout
        on_cover = (html / "index.html").read_text(encoding="utf-8").count("Written for 2024, not for 2022")
        assert on_cover == (year == 2022)  # it prints the same number
        assert text.count("Written for 2024, not for 2022") == len(paragraphs) + on_cover
        assert "Item of 2023" in text
    # the first paragraph names no year, but its number rests on a row of 2024
    first, *others = folded[2022]
    assert first.startswith("Trade was 244.8 bn.")
    assert others == ["Of 2023.", "A reading of the edition.", "Item of 2023."]
    assert folded[2024] == []


def test_verify_compares_with_the_golden_edition(book, pair):
    assert book.run("verify").returncode == 0
    assert pair.run("verify").returncode == 10


def test_the_golden_edition_is_this_build(book):
    for name in ("facts.json", "claims.json"):
        golden = json.loads((book.root / "tests" / "expected" / name).read_text(encoding="utf-8"))
        assert golden == book.json(name), f"copy _build/html/{name} to tests/expected/ if the change is meant"


def test_diff_says_in_words_what_moved(book, tmp_path):
    changed = json.loads((book.html / "facts.json").read_text(encoding="utf-8"))
    fact = next(f for f in changed["facts"] if f["id"] == "economics.trade_total")
    fact |= {"value": 260.0, "text": "260.0"}
    other = next(f for f in changed["facts"] if f["id"] == "economics.trade_2023")
    other["text"] = "about 240"
    (tmp_path / "facts.json").write_text(json.dumps(changed), encoding="utf-8")
    claims = book.json("claims.json")
    next(c for c in claims if c["id"] == "trade-250")["verdict"] = "supported"
    (tmp_path / "claims.json").write_text(json.dumps(claims), encoding="utf-8")
    done = book.run("diff", book.out, tmp_path)
    assert done.returncode == 10
    assert "1 number moved; 1 number reads differently" in done.stdout
    assert "economics.trade_total: 244.8 → 260.0 (+6.2%)" in done.stdout
    assert "economics.trade_2023: 240.1 → about 240, the same value in other words" in done.stdout
    assert "verdict on trade-250: contradicted → supported" in done.stdout
    assert book.run("diff", book.out, book.out).returncode == 0


def test_a_chapter_runs_by_hand_and_leaves_nothing_behind(pair, tmp_path):
    """As in JupyterLab: from ``book/``, without the press; what it shows there is a figure, not a directive alone."""
    before = snapshot(pair.root)
    command = [sys.executable, "-m", "papermill", "small.ipynb", str(tmp_path / "small.ipynb"), "--no-progress-bar"]
    environment = pair.environment({"PYTHONDONTWRITEBYTECODE": "1"})
    subprocess.run(command, cwd=pair.root / "book", env=environment, check=True, capture_output=True)
    assert snapshot(pair.root) == before
    executed = json.loads((tmp_path / "small.ipynb").read_text(encoding="utf-8"))
    shown = [o["data"] for c in executed["cells"] for o in c.get("outputs", []) if "data" in o]
    assert any("<svg" in "".join(data.get("text/html", "")) for data in shown)

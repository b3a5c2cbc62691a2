"""All or nothing: whatever moment a kill comes, the data are the old ones or the new ones."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import os
import re
import select
import shutil
import subprocess
import sys

import pytest
from alliance import check, describe, journal
from alliance.data import Package
from alliance.feeds.update import _set_vintage
from alliance.press.project import Project
from alliance.press.publish import lock
from alliance.problems import AllianceError, DataError
from alliance.writer import csv_text
from workspace import ROOT, unprivileged

OLD = {"a.csv": b"old a\n", "deep/b.csv": b"old b\n", "c.json": None}
NEW = {"a.csv": b"new a\n", "deep/b.csv": b"new b\n", "c.json": b"{}\n"}

CHILD = """
import os, sys
from pathlib import Path
from alliance import journal
real, left = os.replace, [int(sys.argv[2])]
def replace(*arguments):
    if left[0] == 0:
        os._exit(9)
    left[0] -= 1
    real(*arguments)
os.replace = replace
old = {"a.csv": b"old a\\n", "deep/b.csv": b"old b\\n", "c.json": None}
new = {"a.csv": b"new a\\n", "deep/b.csv": b"new b\\n", "c.json": b"{}\\n"}
journal.commit(Path(sys.argv[1]), {k: (old[k], new[k]) for k in new})
"""


def lay_down(data):
    for path, content in OLD.items():
        if content is not None:
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            (data / path).write_bytes(content)


def contents(data):
    return {path: (data / path).read_bytes() if (data / path).exists() else None for path in OLD}


def killed_at(data, step: int) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "book")}
    done = subprocess.run([sys.executable, "-c", CHILD, str(data), str(step)], env=environment, capture_output=True, text=True)
    assert done.returncode == (9 if step < 4 else 0), done.stderr


@pytest.mark.parametrize("step", range(5))
def test_a_kill_leaves_the_old_files_or_the_new_ones(tmp_path, step):
    data = tmp_path / "data"
    lay_down(data)
    killed_at(data, step)
    journal.finish(data)  # what opening the data does
    assert contents(data) == (OLD if step == 0 else NEW)
    assert not (tmp_path / ".data-update").exists() or step == 0


@pytest.mark.parametrize("write", range(8))
def test_a_full_disk_leaves_the_old_files_or_the_new_ones(tmp_path, monkeypatch, write):
    data = tmp_path / "data"
    lay_down(data)
    room, real = [write], journal._write

    def full(file, content):
        if room[0] == 0:
            file.write_bytes(content[: len(content) // 2])  # as much as still fits
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= 1
        real(file, content)

    monkeypatch.setattr(journal, "_write", full)
    told = pytest.raises(OSError, match="No space left") if write < 7 else contextlib.nullcontext()  # 3 files laid down, a list, 3 put in place
    with told:
        journal.commit(data, {k: (OLD[k], NEW[k]) for k in NEW})
    monkeypatch.undo()  # somebody makes room
    journal.finish(data)
    assert contents(data) == (OLD if write < 4 else NEW)


def test_after_a_kill_the_next_update_works(tmp_path):
    data = tmp_path / "data"
    lay_down(data)
    killed_at(data, 0)
    journal.commit(data, {"a.csv": (OLD["a.csv"], NEW["a.csv"])})
    assert contents(data) == OLD | {"a.csv": NEW["a.csv"]}
    assert not (tmp_path / ".data-update").exists()


def test_an_update_finishes_an_interrupted_one_first(tmp_path):
    data = tmp_path / "data"
    lay_down(data)
    killed_at(data, 2)
    journal.commit(data, {"a.csv": (NEW["a.csv"], b"newer a\n")})
    assert contents(data) == NEW | {"a.csv": b"newer a\n"}


STEPPING = """
import os, sys
from pathlib import Path
from alliance import journal
real = os.replace
def replace(*names):
    print("at", flush=True)
    input()
    real(*names)
os.replace = replace
print("begun", flush=True)
journal.finish(Path(sys.argv[1]))
"""


def test_two_processes_finish_an_interrupted_update_together(tmp_path):
    """Each stops before it puts a file in place; whatever the turns, all files become the new ones and both end well."""
    data = tmp_path / "data"
    lay_down(data)
    killed_at(data, 1)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "book")}
    command = [sys.executable, "-c", STEPPING, str(data)]
    unbuffered = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}

    def said(process, seconds: float) -> bytes:
        return process.stdout.readline() if select.select([process.stdout], [], [], seconds)[0] else b""

    with (
        subprocess.Popen(command, env=environment, **unbuffered) as first,
        subprocess.Popen(command, env=environment, **unbuffered) as second,
    ):
        assert [said(p, 60) for p in (first, second)] == [b"begun\n", b"begun\n"]
        at = [said(p, 1) for p in (first, second)]
        for process in [first, second] * (len(NEW) + 1):
            with contextlib.suppress(BrokenPipeError):  # it has ended
                process.stdin.write(b"\n")
            said(process, 0.3)
        assert [p.wait(30) for p in (first, second)] == [0, 0]
    assert sorted(at) == [b"", b"at\n"]  # one waited for the other
    assert contents(data) == NEW
    assert not (tmp_path / ".data-update").exists()


def test_data_that_may_only_be_read_can_be_read(tmp_path):
    data = tmp_path / "book" / "data"
    shutil.copytree(ROOT / "data", data)
    folders = [data.parent, data, *(f for f in data.rglob("*") if f.is_dir())]
    code = f"from alliance.data import Package; print(Package({str(data)!r}).value('trade_annual', 'total_usd_bn', year=2024).value)"

    def read():
        environment = os.environ | {"PYTHONPATH": str(ROOT / "book")}
        return subprocess.run(unprivileged([sys.executable, "-c", code]), env=environment, capture_output=True, text=True)

    for folder in folders:
        folder.chmod(0o555)
    assert subprocess.run(unprivileged(["touch", str(data / "file")]), capture_output=True).returncode != 0  # or this proves nothing
    done = read()
    assert (done.returncode, done.stdout) == (0, "244.81\n"), done.stderr
    data.parent.chmod(0o755)
    lay_down(data)
    killed_at(data, 1)
    data.parent.chmod(0o555)
    done = read()
    data.parent.chmod(0o755)
    for folder in folders:
        folder.chmod(0o755)
    assert "An update of the data was interrupted" in done.stderr
    assert "as a user who may write there" in done.stderr


def test_what_a_person_changed_in_the_meantime_is_not_overwritten(tmp_path):
    data = tmp_path / "data"
    lay_down(data)
    killed_at(data, 2)
    (data / "deep" / "b.csv").write_bytes(b"mine\n")
    with pytest.raises(AllianceError, match=r"b\.csv was changed since.*Delete") as caught:
        journal.finish(data)
    assert caught.value.code == 2
    assert (data / "deep" / "b.csv").read_bytes() == b"mine\n"


def test_what_changed_while_the_update_ran_is_not_overwritten(tmp_path):
    data = tmp_path / "data"
    lay_down(data)
    with pytest.raises(AllianceError, match="changed while the update ran"):
        journal.commit(data, {"a.csv": (b"what it was\n", NEW["a.csv"]), "c.json": (None, NEW["c.json"])})
    assert contents(data) == OLD
    assert not (tmp_path / ".data-update").exists()


COMMAND = """
import os, sys
real, left = os.replace, [2]
from alliance import journal
def commit(*arguments):
    def replace(*names):
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1
        real(*names)
    os.replace = replace
    begun(*arguments)
begun, journal.commit = journal.commit, commit
from pathlib import Path
from alliance.feeds.update import Options, update
from alliance.press.project import Project
root = Path(sys.argv[1])
sys.exit(update(Project(root, root / "_build"), ["worldbank"], Options(write=True)))
"""


def test_a_killed_update_is_finished_by_whoever_opens_the_data_next(desk):
    desk.bank.values["NY.GDP.MKTP.CD", "RUS", 2023] = 2_071_506_000_000
    before = desk.bytes()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "book")}
    done = subprocess.run([sys.executable, "-c", COMMAND, str(desk.root)], env=environment, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    half = desk.bytes()
    assert half != before
    assert half["limitations/world_bank.csv"] == before["limitations/world_bank.csv"]
    assert [p for p in check.check(Package(desk.data)) if p.severity == "error"] == []
    whole = desk.bytes()
    changed = {k for k in whole if whole[k] != before.get(k)}
    assert changed == {"datapackage.json", "limitations/tables.toml", "limitations/world_bank.csv", "sources.csv"}
    assert b"2071.506" in whole["limitations/world_bank.csv"]
    assert "up to date" in desk.update().out


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_form_that_the_reader_accepts_can_be_edited(desk, mark, newline):
    """A byte-order mark, the lines of Windows and columns in another order stay, and so does every line that is not new."""
    names = ("sources.csv", "exceptions.csv", "economics/trade_commodities.csv")
    for name in names:
        rows = list(csv.reader((desk.data / name).read_text(encoding="utf-8").splitlines()))
        moved = csv_text([*row[1:], row[0]] for row in rows)
        (desk.data / name).write_bytes((mark + moved.replace("\n", newline)).encode())
    before = desk.bytes()
    desk.comtrade.goods[2025, "M", "100590"] = 9e9  # a new row and a jump, which goes to exceptions.csv
    desk.comtrade.goods[2024, "M", "270900"] *= 1.01
    ran = desk.update("comtrade", write=True, reason="a bad harvest")
    assert ran.code == 0, ran.err
    after = desk.bytes()
    new = {}
    for name in names:
        old, now = (content.decode().split(newline) for content in (before[name], after[name]))
        assert now[0] == old[0]
        assert len(set(old) - set(now)) == (name == names[2])  # the row that changed
        new[name] = sorted(set(now) - set(old))
        assert not {"\r", "\n", "\ufeff"} & set("".join(new[name]))
    assert [line.rpartition(",")[2] for line in new["sources.csv"]] == ["un-comtrade-api"]
    assert new["exceptions.csv"] == ["trade_commodities,2025;maize,usd_bn,a bad harvest,jump"]
    assert [line.split(",")[1:3] + line.split(",")[-1:] for line in new[names[2]]] == [["crude oil", "270900", "2024"], ["maize", "100590", "2025"]]
    assert [p for p in check.check(desk.package()) if p.severity == "error"] == []


HEAD = '[[table]]\nname = "world_bank"\n'
DESCRIPTIONS = {
    "the name is not its first line": (lambda t: t.replace(HEAD, '[[table]]\n# of the bank\nwhat = "rows"\nname = "world_bank"\n'), None),
    "no vintage of its own": (lambda t: re.sub(rf"({re.escape(HEAD)}(?:.*\n)*?)vintage = ", r"\1'vintage' = ", t, count=1), "0 lines with a vintage"),
    "twice": (lambda t: t + t[t.index(HEAD) :].split("\n[[table]]")[0], "2 descriptions of this table"),
}


@pytest.mark.parametrize("form", DESCRIPTIONS)
def test_the_vintage_is_set_in_the_one_description_or_the_update_says_why_not(desk, form):
    change, words = DESCRIPTIONS[form]
    file = desk.data / "limitations" / "tables.toml"
    changed = change(file.read_text(encoding="utf-8"))
    assert changed != file.read_text(encoding="utf-8")
    file.write_text(changed, encoding="utf-8")
    if form != "twice":
        describe.write(desk.data)
    copy = desk.root / "copy"
    shutil.copytree(desk.data, copy)
    if words is None:
        _set_vintage(copy, "world_bank", "2026-07-01")
        assert (copy / "limitations" / "tables.toml").read_text(encoding="utf-8") == changed.replace("2026-03-06", "2026-07-01")
        return
    with pytest.raises(DataError, match=rf"data/limitations/tables\.toml, column vintage: .*{words}.*\[\[table\]\]") as caught:
        _set_vintage(copy, "world_bank", "2026-07-01")
    assert caught.value.code == 2
    assert (copy / "limitations" / "tables.toml").read_text(encoding="utf-8") == changed


def test_a_description_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    data = tmp_path / "data"
    shutil.copytree(ROOT / "data", data)
    file = data / "datapackage.json"
    before = file.read_bytes()
    columns = data / "columns.toml"
    columns.write_text(columns.read_text(encoding="utf-8").replace("USD bn", "USD billion"), encoding="utf-8")

    def full(target, content):
        target.write_bytes(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        describe.write(data)
    assert file.read_bytes() == before
    monkeypatch.undo()
    describe.write(data)
    assert b"USD billion" in file.read_bytes()


def test_describing_finishes_an_interrupted_update_first(tmp_path):
    """Else the update would meet a description that is neither its old nor its new one, and could not be finished."""
    data = tmp_path / "data"
    shutil.copytree(ROOT / "data", data)
    lay_down(data)
    killed_at(data, 1)
    describe.write(data)
    assert contents(data) == NEW


def test_a_build_is_of_the_data_that_an_interrupted_update_becomes(desk):
    """Else it would find, when it opens the data, that they change while it runs."""
    for file in ("_config.yml", "_toc.yml", "requirements.lock"):
        shutil.copy(ROOT / file, desk.root)
    lay_down(desk.data)
    killed_at(desk.data, 1)
    inputs = Project(desk.root, desk.out).inputs
    assert {path: inputs[f"data/{path}"] for path in NEW} == {path: hashlib.sha256(content).hexdigest() for path, content in NEW.items()}


def test_a_running_build_is_waited_for(desk):
    holder = "from alliance.press.project import Project; from alliance.press.publish import lock; from pathlib import Path\n"
    holder += f"r = Path({str(desk.root)!r})\nwith lock(Project(r, r / '_build')): print('held', flush=True); input()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "book")}
    desk.bank.values["NY.GDP.MKTP.CD", "RUS", 2023] = 2_071_506_000_000
    before = desk.bytes()
    with subprocess.Popen([sys.executable, "-c", holder], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(AllianceError, match="Another build") as caught:
            desk.update(write=True)
        other.communicate("\n")
    assert caught.value.code == 4
    assert desk.bytes() == before
    with lock(Project(desk.root, desk.out)):
        pass

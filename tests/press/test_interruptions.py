"""Power cuts, full disks, two builds at once: the published edition stays whole, and the next build works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workspace import ROOT, Workspace, small_project, tree_bytes

SEED = 20241031
INSTANTS = 20
STEPS = ("execute", "compile", "finish", "publish")


@pytest.fixture(scope="module")
def victim(tmp_path_factory) -> Workspace:
    """A small book in edition A, with the sources of edition B waiting to be built."""
    workspace = small_project(tmp_path_factory.mktemp("victim") / "project")
    workspace.build()
    workspace.edit("data/economics/trade_annual.csv", "2024,115.49", "2024,125.49")
    return workspace


@pytest.fixture(scope="module")
def edition_a(victim) -> dict[str, bytes]:
    return tree_bytes(victim.html)


@pytest.fixture(scope="module")
def edition_b(victim, edition_a, tmp_path_factory) -> tuple[dict[str, bytes], float]:
    """What B must become, and how long it takes, from a build elsewhere."""
    started = time.monotonic()
    out = tmp_path_factory.mktemp("b") / "out"
    victim.build("--out", out)
    return tree_bytes(out / "html"), time.monotonic() - started


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def back_to_a(victim: Workspace, edition_a: dict) -> None:
    """Publish A again and forget that B was ever executed or built."""
    victim.edit("data/economics/trade_annual.csv", "2024,125.49", "2024,115.49")
    victim.build()
    victim.edit("data/economics/trade_annual.csv", "2024,115.49", "2024,125.49")
    assert tree_bytes(victim.html) == edition_a


def test_killed_at_any_instant_the_old_edition_is_whole_and_the_next_build_works(victim, edition_a, edition_b):
    expected, seconds = edition_b
    chance = random.Random(SEED)
    for number in range(INSTANTS):
        process = victim.start("build", "--force")
        time.sleep(chance.uniform(0.05, seconds * 0.95))
        kill(process)
        assert tree_bytes(victim.html) in (edition_a, expected), f"instant {number}"
    done = victim.build()
    assert tree_bytes(victim.html) == expected, done.stdout
    back_to_a(victim, edition_a)


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_steps_the_old_edition_is_whole_and_the_next_build_works(victim, edition_a, edition_b, step):
    with victim.held(step, "--force") as process:
        kill(process)
    assert tree_bytes(victim.html) == edition_a
    victim.build()
    assert tree_bytes(victim.html) == edition_b[0]
    back_to_a(victim, edition_a)


def test_a_killed_build_leaves_no_process_behind(victim, edition_a):
    victim.cell("small", "chapter.finish()", "import time\ntime.sleep(600)\nchapter.finish()")
    process = victim.start("build", "--force")
    for line in process.stdout:
        if "cell 5" in line:
            break
    kill(process)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _processes(victim.root):
        time.sleep(0.3)
    assert _processes(victim.root) == []
    victim.cell("small", "import time\ntime.sleep(600)\nchapter.finish()", "chapter.finish()")


def _processes(root: Path) -> list[str]:
    """Command lines of processes whose working folder lies in the project."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            cwd, command = os.readlink(entry / "cwd"), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if cwd.startswith(str(root)) and command:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", ["execute", "compile", "publish"])
def test_interrupted_the_build_says_so(victim, edition_a, step, number):
    with victim.held(step, "--force") as process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    _was_interrupted(victim, edition_a, process, output)


def test_interrupted_while_a_cell_runs_the_build_says_so(victim, edition_a):
    victim.cell("small", "chapter.finish()", "import time\ntime.sleep(600)\nchapter.finish()")
    process = victim.start("build", "--force")
    assert any("cell 5" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    victim.cell("small", "import time\ntime.sleep(600)\nchapter.finish()", "chapter.finish()")
    _was_interrupted(victim, edition_a, process, output)


def _was_interrupted(victim: Workspace, edition_a: dict, process: subprocess.Popen, output: str) -> None:
    assert process.returncode == 130, output
    assert "the published edition is as it was" in output
    assert "Traceback" not in output
    assert tree_bytes(victim.html) == edition_a


def test_two_builds_at_once_the_second_is_told_who_holds_the_output(victim, edition_a):
    with victim.held("execute", "--force") as first:
        second = victim.run("build")
    assert second.returncode == 4
    assert f"Another build (process {first.pid})" in second.stderr
    first.communicate(timeout=120)
    assert first.returncode == 0
    back_to_a(victim, edition_a)


EDITS = {"execute": ("135.49", "136.49"), "finish": ("155.49", "156.49")}


@pytest.mark.parametrize("step", EDITS)
def test_what_is_edited_while_the_book_is_built_mixes_into_no_edition(victim, edition_a, step):
    """Neither the record of a chapter nor an edition is kept under the name of data that it was not made from."""
    begun, edited = EDITS[step]
    annual = "data/economics/trade_annual.csv"
    victim.edit(annual, "2024,125.49", f"2024,{begun}")
    with victim.held(step) as process:
        victim.edit(annual, f"2024,{begun}", f"2024,{edited}")
        (victim.root / "book" / "glossary.md").write_text("# New\n", encoding="utf-8")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2, output
    assert f"Changed while the book was built: book/glossary.md, {annual}. Nothing was published; run the command again." in output
    assert "Traceback" not in output
    assert tree_bytes(victim.html) == edition_a
    (victim.root / "book" / "glossary.md").unlink()
    victim.edit(annual, f"2024,{edited}", f"2024,{begun}")
    victim.build()
    assert victim.facts()["small.total"]["value"] == pytest.approx(float(begun) + 129.32)
    victim.edit(annual, f"2024,{begun}", "2024,125.49")
    back_to_a(victim, edition_a)


def test_a_reader_who_goes_away_stops_no_build(victim, edition_a, edition_b):
    process = victim.start("build", "--force")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 0
    assert tree_bytes(victim.html) == edition_b[0]
    back_to_a(victim, edition_a)


def test_a_full_disk_is_named_and_the_old_edition_stays(victim, edition_a, tmp_path):
    """The output lies on a disk that fills up during the build."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("only root can mount a disk; the test of files that may not grow stands for it")
    try:
        _fill_and_build(victim, disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert tree_bytes(victim.html) == edition_a


def _fill_and_build(victim: Workspace, disk: Path) -> None:
    out = disk / "out"
    victim.edit("data/economics/trade_annual.csv", "2024,125.49", "2024,115.49")
    victim.build("--out", out)
    published = tree_bytes(out / "html")
    victim.edit("data/economics/trade_annual.csv", "2024,115.49", "2024,125.49")
    free = shutil.disk_usage(disk).free
    for left in (0, 200_000, 2_000_000):
        filler = disk / "filler"
        filler.write_bytes(b"\0" * (free - left))
        done = victim.run("build", "--out", out)
        assert done.returncode == 3, f"{left} bytes left: {done.stdout}{done.stderr}"
        assert "free some space" in done.stderr.lower()
        assert "Traceback" not in done.stderr
        assert tree_bytes(out / "html") == published
        filler.unlink()
    victim.build("--out", out)
    assert tree_bytes(out / "html") != published


@pytest.mark.parametrize("limit", [8, 256])
def test_files_that_may_not_grow_are_named_and_the_old_edition_stays(victim, edition_a, tmp_path, limit):
    """As on a full disk, without the right to mount one: no file becomes larger than some KiB."""
    command = f"ulimit -f {limit}; exec '{sys.executable}' -m alliance build --out '{tmp_path / 'out'}'"
    done = subprocess.run(["bash", "-c", command], cwd=victim.root, env=victim.environment(None), capture_output=True, text=True)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "raise the limit (`ulimit -f`), or give --out on another disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "html").exists()
    assert tree_bytes(victim.html) == edition_a


def test_the_project_ignores_what_builds_leave(tmp_path):
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"_build/", ".venv/", ".data-update/", ".data-update.lock"} <= set(ignored)

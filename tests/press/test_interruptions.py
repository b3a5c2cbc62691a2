"""Power cuts, full disks, two builds at once: the published edition stays whole, and the next build works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
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
def test_killed_between_steps_the_old_edition_is_whole_and_the_next_build_works(victim, edition_a, edition_b, tmp_path, step):
    told = tmp_path / "steps"
    process = victim.start("build", "--force", env={"ALLIANCE_STEP_HOOK": str(told), "ALLIANCE_STEP_PAUSE": "1"})
    while not (told.exists() and step in told.read_text(encoding="utf-8").split()):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
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


def test_interrupted_the_build_says_so(victim, edition_a):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = victim.start("build", "--force")
        time.sleep(2)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 130, output
        assert "the published edition is as it was" in output
        assert "Traceback" not in output
    assert tree_bytes(victim.html) == edition_a


def test_two_builds_at_once_the_second_is_told_who_holds_the_output(victim, edition_a):
    first = victim.start("build", "--force")
    time.sleep(1.5)
    second = victim.run("build")
    assert second.returncode == 4
    assert f"Another build (process {first.pid})" in second.stderr
    first.wait(timeout=120)
    assert first.returncode == 0
    back_to_a(victim, edition_a)


def test_a_full_disk_is_named_and_the_old_edition_stays(victim, edition_a, tmp_path):
    """The output lies on a disk that fills up during the build."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.getuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True).returncode == 0:
        try:
            _fill_and_build(victim, disk)
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    else:
        _build_with_a_file_limit(victim, disk)
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


def _build_with_a_file_limit(victim: Workspace, disk: Path) -> None:
    """Without the right to mount a disk: files may not grow beyond a size."""
    command = f"ulimit -f 64; exec '{os.sys.executable}' -m alliance build --out '{disk / 'out'}'"
    done = subprocess.run(["bash", "-c", command], cwd=victim.root, env=victim.environment(None), capture_output=True, text=True)
    assert done.returncode != 0
    assert not (disk / "out" / "html").exists()


def test_the_project_ignores_what_builds_leave(tmp_path):
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"_build/", ".venv/"} <= set(ignored)

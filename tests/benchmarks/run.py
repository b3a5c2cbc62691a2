"""Time the build against the plain way, side by side in one run: ``python tests/benchmarks/run.py``.

The plain way is what a user without the press would type: the papermill command for each chapter, then
``jupyter-book build``. Times on shared machines mean little; read the ratios.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "book")]

from alliance.press.compile import stage_book  # noqa: E402
from alliance.press.gather import gather  # noqa: E402
from alliance.press.project import Project  # noqa: E402
from workspace import Workspace, copy_project  # noqa: E402

TABLE = "data/economics/trade_annual.csv"


def timed(action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def run(*command: str, cwd: Path, env: dict) -> None:
    subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def plain(workspace: Workspace, folder: Path) -> dict[str, float]:
    """The plain way: papermill chapter by chapter, then Jupyter Book."""
    project = Project(root=workspace.root, out=workspace.out)
    bin_ = Path(sys.executable).parent
    env = workspace.environment({"ALLIANCE_OUTPUT": str(folder / "output"), "MPLCONFIGDIR": str(Path(sys.prefix) / "var" / "matplotlib")})
    seconds = {}
    seconds["papermill"] = sum(
        timed(lambda c=c: run(str(bin_ / "papermill"), f"{c}.ipynb", str(folder / f"{c}.ipynb"), "--no-progress-bar", cwd=project.book, env=env))
        for c in project.chapters
    )
    executed = {c: project.fresh(c) for c in project.chapters}
    stage = folder / "stage"
    stage_book(project, executed, gather(project, executed), stage)
    command = [str(bin_ / "jupyter-book"), "build", str(stage), "--config", str(ROOT / "_config.yml"), "--toc", str(ROOT / "_toc.yml")]
    seconds["jupyter-book"] = timed(lambda: run(*command, "--path-output", str(folder / "html"), cwd=stage, env=env))
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = copy_project(folder / "project")
        seconds = {"cold build": timed(workspace.build)}
        steps = workspace.run_record()["seconds"]
        seconds["HTML step"], seconds["PDF step"] = steps["html"], steps["pdf"]
        seconds["nothing changed"] = min(timed(workspace.build) for _ in range(5))
        seconds["check"] = min(timed(lambda: workspace.run("check")) for _ in range(3))
        by_hand = plain(workspace, folder)
        workspace.edit(TABLE, "2024,115.49", "2024,115.50")
        seconds["one table changed"] = timed(workspace.build)
        workspace.edit(TABLE, "2024,115.50", "2024,115.49")
        seconds["back again"] = timed(workspace.build)
    total = sum(by_hand.values())
    print(f"plain way: {total:.1f} s (papermill {by_hand['papermill']:.1f} s, jupyter-book {by_hand['jupyter-book']:.1f} s; HTML only)")
    for step, value in seconds.items():
        print(f"{step:<18} {value:7.2f} s   {value / total:5.2f} of the plain way")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps({"plain": by_hand, "press": seconds, "cores": os.cpu_count()}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

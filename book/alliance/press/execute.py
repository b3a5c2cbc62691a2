"""Executing chapters: papermill in one process a chapter, with progress, time limits and failures that name the place."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.inspection import inspect_notebook

from alliance.data import digest_of
from alliance.press.project import CACHE_ENTRIES, Project
from alliance.problems import BAD_INPUT, BUILD_FAILED, ENVIRONMENT, FULL, AllianceError, describe_os_error

CELL_SECONDS = "ALLIANCE_CELL_SECONDS"  # environment: how long one cell may run
DEFAULT_CELL_SECONDS = 300
START_SECONDS = 120


class ReportingEngine(NBClientEngine):
    """papermill's own engine, telling which cell it starts."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, report=None, **options):
        begin = nb_man.cell_start

        def cell_start(cell, cell_index=None, **more):
            report(cell)
            return begin(cell, cell_index, **more)

        nb_man.cell_start = cell_start
        return super().execute_managed_notebook(nb_man, kernel_name, **options)


papermill_engines.register("reporting", ReportingEngine)


def check_parameters(project: Project, chapters: list[str]) -> None:
    """Every parameter the press sets must stand in the chapter's ``parameters`` cell; papermill ignores others in silence.

    Raises
    ------
    AllianceError
        Naming the chapter, the parameter and what the cell offers.
    """
    for chapter in chapters:
        offered = set(inspect_notebook(str(project.notebook(chapter))))
        for name in ("focus_year", "data_dir"):
            if name not in offered:
                has = ", ".join(sorted(offered)) or "none"
                raise AllianceError(
                    f"book/{chapter}.ipynb: the build sets the parameter {name}, but the cell tagged parameters offers {has}. "
                    "Correct its spelling there.",
                    BAD_INPUT,
                )


def execute(project: Project, chapters: list[str], jobs: int, progress) -> dict[str, float]:
    """Execute chapters in parallel and put the results into the cache.

    Parameters
    ----------
    project : what to build
    chapters : names of the stale chapters
    jobs : how many run at once
    progress : called with (chapter, event, text) as things happen

    Returns
    -------
    dict
        Seconds a chapter took.

    Raises
    ------
    AllianceError
        For the first chapter that fails; the others are stopped and nothing of this run is published.
    """
    check_parameters(project, chapters)
    waiting, running, seconds = list(chapters), {}, {}
    # Forking shares the imports already done here; other systems start a fresh interpreter.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                chapter = waiting.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(project, chapter, sender))
                process.start()
                sender.close()
                running[chapter] = (process, receiver)
                progress(chapter, "cell", "starting the kernel")
            for receiver in wait([r for _, r in running.values()]):
                chapter = next(c for c, (_, r) in running.items() if r is receiver)
                _handle(project, chapter, running, seconds, progress)
    finally:
        for process, _ in running.values():
            _stop(process)
    return seconds


def _handle(project: Project, chapter: str, running: dict, seconds: dict, progress) -> None:
    process, receiver = running[chapter]
    try:
        event, *details = receiver.recv()
    except EOFError:
        event, details = "failed", [f"Chapter {chapter}: its process ended without a word (killed, or out of memory).", BUILD_FAILED]
    if event == "cell":
        progress(chapter, "cell", details[0])
        return
    process.join()
    del running[chapter]
    if event == "failed":
        raise AllianceError(*details)
    seconds[chapter] = details[0]
    progress(chapter, "done", f"{details[0]:.1f} s")


def _stop(process) -> None:
    """End a worker and the kernel it started; both are in the worker's own session."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        process.terminate()
    process.join(5)
    if process.is_alive():
        process.kill()


def _work(project: Project, chapter: str, sender) -> None:
    """One chapter, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    _end_with_parent(os.getppid())
    started = time.perf_counter()
    folder = project.work / "chapters" / chapter
    try:
        _run(project, chapter, folder, sender)
        _store(project, chapter, folder)
        sender.send(("done", time.perf_counter() - started))
    except AllianceError as failure:
        sender.send(("failed", str(failure), failure.code))
    except OSError as error:
        sender.send(("failed", f"Chapter {chapter}: {describe_os_error(error)}", ENVIRONMENT))
    except Exception as error:
        sender.send(("failed", f"Chapter {chapter}: {type(error).__name__}: {error}", BUILD_FAILED))


def _end_with_parent(parent: int) -> None:
    """A killed build leaves no orphan: the worker ends itself, and its kernel follows."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _run(project: Project, chapter: str, folder: Path, sender) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = os.open(folder / "kernel.log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ |= kernel_environment(folder)
    if chapter in project.digests:
        from alliance.chapter import RECORDS

        os.environ[RECORDS] = json.dumps({c: str(file) for c, file in (project.records() or {}).items()})
    source = nbformat.read(project.notebook(chapter), as_version=4)
    cells = {cell.id: position for position, cell in enumerate(source.cells, start=1)}
    at: dict = {}

    def report(cell):
        if cell.cell_type == "code":
            at["id"], at["source"] = cell.id, cell.source
            if cell.id in cells:  # the injected parameters are no cell of the chapter
                first = next((line for line in cell.source.splitlines() if line.strip()), "")
                sender.send(("cell", f"cell {cells[cell.id]} of {len(cells)}: {first[:60]}"))

    limit = int(os.environ.get(CELL_SECONDS, DEFAULT_CELL_SECONDS))
    data_dir = os.path.relpath(project.overlay, project.book) if project.overlay else ""
    try:
        papermill.execute_notebook(
            str(project.notebook(chapter)),
            str(folder / "notebook.ipynb"),
            parameters={"focus_year": project.year, "data_dir": data_dir},
            cwd=str(project.book),
            kernel_name="python3",
            engine_name="reporting",
            report=report,
            progress_bar=False,
            request_save_on_cell_execute=False,
            start_timeout=START_SECONDS,
            execution_timeout=limit,
        )
    except PapermillExecutionError as error:
        raise _cell_failure(project, chapter, cells, at, error) from None
    except CellTimeoutError:
        place = _place(chapter, cells, at)
        raise AllianceError(f"{place}: the cell ran longer than {limit} s and was stopped. Make it faster, or set {CELL_SECONDS}.") from None
    except (DeadKernelError, RuntimeError) as error:
        tail = (folder / "kernel.log").read_text(errors="replace").strip().splitlines()[-1:]
        why = " ".join(tail) or type(error).__name__
        place = _place(chapter, cells, at)
        raise AllianceError(f"{place}: the kernel died ({why}). Often memory: see `free -h`, or run the chapter in JupyterLab.") from None
    _tidy(chapter, folder, cells)


def _place(chapter: str, cells: dict, at: dict, line: int | None = None) -> str:
    where = f"cell {cells[at['id']]} of {len(cells)} (id {at['id']})" if at.get("id") in cells else "the parameters cell"
    text = ""
    if line:
        lines = at["source"].splitlines()
        text = f", line {line}: `{lines[line - 1].strip()}`" if line <= len(lines) else f", line {line}"
    return f"book/{chapter}.ipynb, {where}{text}"


def _cell_failure(project: Project, chapter: str, cells: dict, at: dict, error: PapermillExecutionError) -> AllianceError:
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback or []))
    lines = re.findall(r"Cell In\[\d+\], line (\d+)", trace)
    code = BAD_INPUT if error.ename == "DataError" else BUILD_FAILED
    if error.ename == "OSError" and any(f"[Errno {number}]" in error.evalue for number in FULL):
        code = ENVIRONMENT
    foreseen = error.ename in ("AllianceError", "DataError")
    what = error.evalue if foreseen else f"{error.ename}: {error.evalue}"
    if project.overlay and not foreseen:
        given = ", ".join(sorted(file.name for file in Path(project.overlay).glob("*.csv")))
        what += f"\n  Your data were in use ({given}). If the book builds without them, the chapter lacks a row there that it needs."
    return AllianceError(f"{_place(chapter, cells, at, int(lines[0]) if lines else None)}\n  {what}", code)


def _tidy(chapter: str, folder: Path, cells: dict) -> None:
    """Make the executed notebook depend on its inputs only, and refuse what must not reach a page."""
    file = folder / "notebook.ipynb"
    notebook = nbformat.read(file, as_version=4)
    notebook.metadata.pop("papermill", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
            cell.metadata.tags = ["injected-parameters", "remove-cell"]
        elif cell.cell_type == "code":
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                place = _place(chapter, cells, {"id": cell.id})
                raise AllianceError(f"{place}: the cell wrote to stderr, which would print on the page:\n  {output.text.strip()}\nMend the cause.")
    nbformat.write(notebook, file)
    if not (folder / "record.json").exists():
        raise AllianceError(f"book/{chapter}.ipynb: the chapter made no record. Its last code cell must call chapter.finish().")


def _store(project: Project, chapter: str, folder: Path) -> None:
    """Move a finished chapter into the cache under the hash of what it was made from.

    Raises
    ------
    AllianceError
        If a file was changed since the build began: the kernel may have read it.
    """
    project.require_unchanged()
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    fingerprint = project.fingerprint(chapter, record["reads"], record["sources"])
    (folder / "fingerprint.json").write_text(json.dumps(fingerprint, indent=1), encoding="utf-8")
    for scrap in ("kernel.log", "ipython", "runtime"):
        path = folder / scrap
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    target = project.out / "cache" / chapter / digest_of(fingerprint)[:16]
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(folder, target)
    for old in project.cache_entries(chapter)[CACHE_ENTRIES:]:
        shutil.rmtree(old, ignore_errors=True)


def kernel_environment(folder: Path) -> dict[str, str]:
    """Variables that make a kernel independent of its user: no history, fixed hashes, the warmed font cache."""
    from alliance.chapter import OUTPUT

    mpl = Path(sys.prefix) / "var" / "matplotlib"
    return {
        OUTPUT: str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(mpl) if mpl.is_dir() else os.environ.get("MPLCONFIGDIR", str(folder / "matplotlib")),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH")])),
        "TZ": "UTC",
    }

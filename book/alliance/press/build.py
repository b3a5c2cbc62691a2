"""The build: check the data, execute what is stale, compile, publish."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from alliance import journal
from alliance.check import require_valid
from alliance.press import publish
from alliance.press.project import Project
from alliance.problems import BAD_INPUT, BUILD_FAILED, ENVIRONMENT, GUARD_BROKEN, OK, AllianceError, shorten

NEARLY_FULL = 4 * 1024 * 1024  # bytes
NAMED_ROWS = 10  # rows of a user that are named one by one
STEP = "ALLIANCE_STEP_HOOK"  # tests only: a file named after a step, before which the build waits until the file is gone


def build(project: Project, jobs: int, force: bool = False, strict: bool = False) -> int:
    """Build and publish an edition; returns the exit code.

    Parameters
    ----------
    project : inputs, parameters and output folder
    jobs : chapters executed at once
    force : execute every chapter and compile again, even if nothing changed
    strict : refuse to publish an edition with a broken guard

    Raises
    ------
    AllianceError
        With the exit code of the failure; the published edition stays as it was.
    """
    key = project.edition_key  # hashed before anything is read, so that an edit during the build can be told
    if not force and publish.published_key(project) == key:
        _tell(f"Nothing changed: {project.out / 'html' / 'index.html'} is up to date.")
        return _strict(project.current, strict)
    _check(project)
    with publish.lock(project):
        before = _published_before(project)
        edition = None if force else publish.stored_edition(project)
        if edition is None:
            with _disk_watched(project):
                edition = _make(project, jobs, force, strict)
        else:
            _tell("These inputs were built before; nothing is executed.")
            code = _strict(edition, strict)
            if code:
                return code
        _boundary("publish")
        publish.publish(project, edition)
        _report(project)
        _tell_changes(project, before)
        _tell_own_rows(project)
    return OK


def _check(project: Project) -> None:
    for warning in require_valid(project.package):
        _tell(f"warning: {warning}")


def _published_before(project: Project):
    """What readers saw until now, for telling what the build changed; None if there was nothing, or it cannot be read."""
    from alliance.editions import read_edition

    try:
        return read_edition(project.current)
    except AllianceError:
        return None


def _tell_changes(project: Project, before) -> None:
    """Say on the terminal, and in ``changes.md`` outside the published pages, what moved against the build before."""
    from alliance.editions import SHOWN, compare, read_edition

    if before:
        difference = compare(before, read_edition(project.current))
        journal.put(project.out / "changes.md", f"# Against the build before\n\n{difference.markdown()}".encode())
        _tell(f"Against the build before: {difference.summary()} See {project.out / 'changes.md'}.")
        for line in difference.lines(SHOWN // 4):
            _tell(f"  {line}")


def _tell_own_rows(project: Project) -> None:
    """Say which of the rows that a user supplied no number of the text rests on."""
    package = project.package
    own = {(name, tuple(package.table(name).shown_key(row).items())) for name, row in package.supplied_rows()}
    if own:
        facts = json.loads((project.current / "html" / "facts.json").read_text(encoding="utf-8"))["facts"]
        unused = sorted(own - {(c["table"], tuple(c["key"].items())) for f in facts for c in f["inputs"]})
        _tell(f"Your data: {len(own):,} rows supplied, {len(own) - len(unused):,} of them behind numbers of the text.")
        for table, key in unused[:NAMED_ROWS]:
            _tell(f"  behind no number: {table} {' '.join(value for _, value in key)} (figures and tables may show it)")
        if len(unused) > NAMED_ROWS:
            _tell(f"  and {len(unused) - NAMED_ROWS:,} more")


@contextmanager
def _disk_watched(project: Project):
    """A failure on a disk without space is told as that: kernels and compilers name it in many ways, or not at all."""
    try:
        yield
    except (AllianceError, OSError) as failure:
        if getattr(failure, "code", BUILD_FAILED) == BUILD_FAILED and shutil.disk_usage(project.out).free < NEARLY_FULL:
            first = shorten(str(failure).splitlines()[0], 200)
            raise AllianceError(
                f"The disk of {project.out} is full. Free some space, or give --out on another disk. ({first})", ENVIRONMENT
            ) from None
        raise


def _make(project: Project, jobs: int, force: bool, strict: bool) -> Path:
    prepared = _workshop(project)
    started = time.perf_counter()
    _boundary("execute")
    executed, seconds = execute_stale(project, project.chapters, jobs, force)
    if strict:
        _refuse_broken(executed)
    from alliance.press.compile import compile_book

    _boundary("compile")
    _tell("Compiling HTML and PDF")
    steps = compile_book(project, executed, prepared)
    _boundary("finish")
    project.require_unchanged()
    run = {
        "edition": project.edition_key,
        "inputs": project.inputs,
        "versions": versions(),
        "parameters": project.parameters,
        "executed": sorted(seconds),
        "seconds": {**{f"execute {c}": round(s, 2) for c, s in seconds.items()}, **steps, "total": round(time.perf_counter() - started, 2)},
    }
    edition = publish.finish(project, prepared, run)
    shutil.rmtree(project.work, ignore_errors=True)
    return edition


def _workshop(project: Project) -> Path:
    """An empty folder for what is being made."""
    shutil.rmtree(project.work, ignore_errors=True)
    prepared = project.work / "edition"
    prepared.mkdir(parents=True)
    return prepared


def _refuse_broken(executed: dict[str, Path]) -> None:
    broken = broken_guards(folder / "record.json" for folder in executed.values())
    if broken:
        listed = "\n".join(f"  {g['id']}: {g['meaning']}" for g in broken)
        remedy = "Rewrite them, or build without --strict to see them marked."
        raise AllianceError(f"Sentences that the data no longer support (--strict):\n{listed}\n{remedy}", GUARD_BROKEN)


def execute_stale(project: Project, chapters: list[str], jobs: int, force: bool) -> tuple[dict[str, Path], dict[str, float]]:
    """Executed version of each chapter, and the seconds that those executed now took; digests come after the others."""
    seconds: dict[str, float] = {}
    for group in ([c for c in chapters if c not in project.digests], [c for c in chapters if c in project.digests]):
        stale = [c for c in group if force or project.fresh(c) is None]
        seconds |= _execute(project, stale, jobs, force)
    return {c: project.fresh(c) for c in chapters}, seconds


def _execute(project: Project, stale: list[str], jobs: int, force: bool) -> dict[str, float]:
    seconds: dict[str, float] = {}
    if stale:
        from alliance.press.execute import execute
        from alliance.press.progress import Progress

        for chapter in stale:
            _tell(f"{chapter}: {'forced' if force else 'stale (' + ', '.join(project.why_stale(chapter)) + ')'}")
        with Progress(stale) as progress:
            seconds = execute(project, stale, jobs, progress)
    return seconds


def preview(project: Project, chapter: str, jobs: int, force: bool = False, strict: bool = False) -> int:
    """Execute and compile one chapter into ``preview/``, without touching any edition; returns the exit code.

    Parameters
    ----------
    project : inputs, parameters and output folder
    chapter : the one to show
    jobs : chapters executed at once
    force : execute again what the preview needs, even if nothing changed
    strict : refuse to show the chapter with a broken guard

    Raises
    ------
    AllianceError
        With the exit code of the failure; an earlier preview stays as it was.
    """
    if chapter not in project.chapters:
        raise AllianceError(f'There is no chapter "{chapter}". Chapters: {", ".join(project.chapters)}.', BAD_INPUT)
    _ = project.inputs  # hashed before anything is read, as for an edition
    _check(project)
    target = project.out / "preview"
    with publish.lock(project), _disk_watched(project):
        from alliance.press.compile import compile_book

        prepared = _workshop(project)
        needed = project.chapters if chapter in project.digests else [chapter]
        executed, _ = execute_stale(project, needed, jobs, force)
        if strict:
            _refuse_broken({chapter: executed[chapter]})
        compile_book(project, executed, prepared, pages=[chapter])
        project.require_unchanged()
        shutil.rmtree(target, ignore_errors=True)
        os.replace(prepared, target)
        shutil.rmtree(project.work, ignore_errors=True)
    _tell(f"Preview: {target / 'html' / f'{chapter}.html'}")
    return OK


def broken_guards(records: Iterable[Path]) -> list[dict]:
    """The guards of these records that do not hold, or of which the data cannot tell."""
    read = (json.loads(file.read_text(encoding="utf-8")) for file in records)
    return [g for record in read for g in record["guards"] if not g["holds"]]


def _edition_guards(edition: Path) -> list[dict]:
    return broken_guards(sorted((edition / "executed").glob("*.json")))


def _strict(edition: Path, strict: bool) -> int:
    broken = _edition_guards(edition) if strict else []
    for guard in broken:
        _tell(f"no longer supported by the data: {guard['id']}: {guard['meaning']}")
    return GUARD_BROKEN if broken else OK


def _report(project: Project) -> None:
    run = json.loads((project.current / "run.json").read_text(encoding="utf-8"))
    for guard in _edition_guards(project.current):
        state = "cannot be told from these data" if guard["holds"] is None else "no longer true of these data"
        _tell(f"{state}: {guard['id']}: {guard['meaning']}")
    made = f"executed {', '.join(run['executed'])}" if run["executed"] else "nothing executed"
    _tell(f"Built in {run['seconds']['total']:.0f} s ({made}): {project.out / 'html' / 'index.html'} and {project.pdf_name} beside it.")


def versions() -> dict[str, str]:
    from importlib.metadata import version

    named = ("jupyter-book", "sphinx", "myst-nb", "papermill", "pandas", "numpy", "matplotlib", "seaborn", "weasyprint")
    return {"python": sys.version.split()[0], **{name: version(name) for name in named}}


def _boundary(step: str) -> None:
    """Let a test hold the build before a step."""
    hook = Path(os.environ.get(STEP, ""))
    if hook.name == step:
        hook.touch()
        while hook.exists():
            time.sleep(0.02)


def _tell(text: str) -> None:
    print(text, flush=True)

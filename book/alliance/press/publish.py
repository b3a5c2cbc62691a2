"""Publishing: an edition is finished in a folder of its own and shown by replacing one link."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from alliance.press.project import Project
from alliance.problems import ENVIRONMENT, LOCKED, AllianceError

PUBLISHED = ("html", "executed", "run.json")
KEPT_EDITIONS = 4


@contextmanager
def lock(project: Project):
    """Hold the output folder; the operating system lets go of it however the build ends.

    Raises
    ------
    AllianceError
        If another build holds it.
    """
    project.out.mkdir(parents=True, exist_ok=True)
    with open(project.out / ".lock", "a+", encoding="utf-8") as handle:
        try:
            # A POSIX record lock belongs to this process: a worker that outlives a kill does not keep it.
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            holder = handle.read().strip()
            raise AllianceError(f"Another build (process {holder}) is writing to {project.out}. Wait for it, or give --out.", LOCKED) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def published_key(project: Project) -> str | None:
    """The key of the edition that is published, if it is whole."""
    links = all((project.out / name).exists() for name in PUBLISHED)
    return _whole_key(project.current) if links else None


def manifest(edition: Path) -> dict[str, int]:
    """Size of every published file, by path within the edition."""
    files = sorted(f for name in ("html", "executed") for f in (edition / name).rglob("*") if f.is_file())
    return {str(f.relative_to(edition)): f.stat().st_size for f in files}


def finish(project: Project, prepared: Path, run: dict) -> Path:
    """Give a prepared edition its record and its final place among the editions."""
    run["outputs"] = manifest(prepared)
    (prepared / "run.json").write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    editions = project.out / "editions"
    editions.mkdir(parents=True, exist_ok=True)
    # A forced rebuild of the published edition gets a new folder: what readers see is never taken away first.
    names = (f"{project.edition_key}{suffix}" for suffix in itertools.chain([""], (f"-{n}" for n in itertools.count(2))))
    target = next(editions / name for name in names if not (editions / name).exists())
    os.replace(prepared, target)
    return target


def publish(project: Project, edition: Path) -> None:
    """Show an edition: one atomic replacement of the link ``current``; the fixed paths lead through it."""
    for name in PUBLISHED:
        path = project.out / name
        if path.exists() and not path.is_symlink():
            raise AllianceError(f"{path} is not the link that the build keeps there. Move it away.", ENVIRONMENT)
    _link(project.current, Path("editions") / edition.name)
    for name in PUBLISHED:
        if not (project.out / name).is_symlink():
            _link(project.out / name, Path("current") / name)
    _prune(project, edition)


def _link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, link)


def _prune(project: Project, current: Path) -> None:
    editions = sorted((project.out / "editions").iterdir(), key=lambda e: e.stat().st_mtime, reverse=True)
    for old in [e for e in editions if e != current][KEPT_EDITIONS - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def stored_edition(project: Project) -> Path | None:
    """The edition of today's inputs, if it was built before and is whole."""
    candidates = (project.out / "editions").glob(f"{project.edition_key}*")
    return next((e for e in candidates if _whole_key(e) == project.edition_key), None)


def _whole_key(edition: Path) -> str | None:
    try:
        run = json.loads((edition / "run.json").read_text(encoding="utf-8"))
        whole = all((edition / file).stat().st_size == size for file, size in run["outputs"].items())
    except (OSError, ValueError, KeyError):
        return None
    return run["edition"] if whole else None

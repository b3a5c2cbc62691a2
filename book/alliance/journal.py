"""Changing several files of the data as one: either all of them hold the new bytes, or none does.

The new bytes are laid down beside the data first, then a list of them. From the moment that list is there the change
is made: whoever opens the data next finishes what a kill or a power cut left half done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

from alliance.problems import BAD_INPUT, AllianceError

LIST = "list.json"


def folder(data: Path) -> Path:
    """Where a change of the data folder is laid down: beside it, on the same disk."""
    data = data.resolve()
    return data.with_name(f".{data.name}-update")


def commit(data: Path, files: dict[str, tuple[bytes | None, bytes]]) -> None:
    """Replace files of a data folder, all or nothing.

    Parameters
    ----------
    data : the folder
    files : by path below it, the bytes that are there now (None where there is no file) and the new ones

    Raises
    ------
    AllianceError
        If a file no longer holds the bytes that are said to be there.
    """
    place = folder(data)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    listed = []
    for number, (path, (old, new)) in enumerate(sorted(files.items())):
        _write(place / str(number), new)
        listed.append({"path": path, "old": None if old is None else _hash(old), "new": _hash(new)})
    stranger = _stranger(data, listed)
    if stranger:
        shutil.rmtree(place, ignore_errors=True)
        raise AllianceError(f"{stranger} was changed while the update ran. Nothing was written; run it again.", BAD_INPUT)
    _write(place / "list.new", json.dumps(listed, indent=1).encode())
    os.replace(place / "list.new", place / LIST)
    _sync(place)
    finish(data)


def finish(data: Path) -> None:
    """Finish a change that was interrupted; does nothing where there is none.

    Raises
    ------
    AllianceError
        If a file was changed by somebody else in the meantime.
    """
    place = folder(data)
    if not (place / LIST).exists():
        return
    with contextlib.suppress(FileNotFoundError):  # another process finished it while we looked
        listed = json.loads((place / LIST).read_text(encoding="utf-8"))
        stranger = _stranger(data, listed)
        if stranger:
            remedy = f"Delete {place} to give the update up, or restore the file and run the command again."
            raise AllianceError(f"An update of the data was interrupted, and {stranger} was changed since. {remedy}", BAD_INPUT)
        for number, entry in enumerate(listed):
            _replace(place / str(number), data / entry["path"])
        (place / LIST).unlink()
    shutil.rmtree(place, ignore_errors=True)


def _stranger(data: Path, listed: list[dict]) -> Path | None:
    """A file that holds neither the old nor the new bytes."""
    for entry in listed:
        file = data / entry["path"]
        now = _hash(file.read_bytes()) if file.exists() else None
        if now not in (entry["old"], entry["new"]):
            return file
    return None


def _replace(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.new")
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(temporary, source.read_bytes())
    os.replace(temporary, target)
    _sync(target.parent)


def _write(file: Path, content: bytes) -> None:
    with open(file, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _sync(directory: Path) -> None:
    """Make names last through a power cut, as ``_write`` does for contents."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

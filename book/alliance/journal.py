"""Writing files that others read: one of them, or several files of the data as one, so that nobody meets half a change.

To change several, the new bytes are laid down beside the data first, then a list of them. From the moment that list is
there the change is made: whoever opens the data next finishes what a kill or a power cut left half done. One process at
a time does any of this; the others wait.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alliance.problems import BAD_INPUT, ENVIRONMENT, AllianceError

LIST = "list.json"


def folder(data: Path) -> Path:
    """Where a change of the data folder is laid down: beside it, on the same disk."""
    data = data.resolve()
    return data.with_name(f".{data.name}-update")


def commit(data: Path, files: dict[str, tuple[bytes | None, bytes]]) -> None:
    """Replace files of a data folder, all or nothing; a change that was interrupted is finished first.

    Parameters
    ----------
    data : the folder
    files : by path below it, the bytes that are there now (None where there is no file) and the new ones

    Raises
    ------
    AllianceError
        If a file no longer holds the bytes that are said to be there, here or in an interrupted change.
    """
    place = folder(data)
    with _alone(data):
        _finish(data, place)
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
        _finish(data, place)


def finish(data: Path) -> None:
    """Finish a change that was interrupted; does nothing, and needs no right to write, where there is none.

    Raises
    ------
    AllianceError
        If a file was changed by somebody else in the meantime, or this user may not write there.
    """
    place = folder(data)
    if not (place / LIST).exists():
        return
    try:
        with _alone(data):
            _finish(data, place)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        remedy = "Run `alliance check` as a user who may write there, which finishes it."
        raise AllianceError(f"An update of the data was interrupted ({place}), and this user cannot finish it. {remedy}", ENVIRONMENT) from None


def put(file: Path, content: bytes) -> None:
    """Replace one file: a reader, and a kill, meet the old bytes or the new ones."""
    temporary = file.with_name(f".{file.name}.new")
    _write(temporary, content)
    os.replace(temporary, file)
    _sync(file.parent)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Wait until no other process changes this folder; the operating system lets go however this one ends."""
    place = folder(data)
    with open(place.with_name(f"{place.name}.lock"), "a", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # unlike a record lock it also keeps the threads of one notebook apart
        yield


def _finish(data: Path, place: Path) -> None:
    if not (place / LIST).exists():  # another process finished it while this one waited
        return
    listed = json.loads((place / LIST).read_text(encoding="utf-8"))
    stranger = _stranger(data, listed)
    if stranger:
        remedy = f"Delete {place} to give the update up, or restore the file and run the command again."
        raise AllianceError(f"An update of the data was interrupted, and {stranger} was changed since. {remedy}", BAD_INPUT)
    for number, entry in enumerate(listed):
        target = data / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        put(target, (place / str(number)).read_bytes())
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

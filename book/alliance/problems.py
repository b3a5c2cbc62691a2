"""What can go wrong, said so that a person can act on it, and the exit code each kind of failure has."""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass

OK = 0
BUILD_FAILED = 1
BAD_INPUT = 2
ENVIRONMENT = 3
LOCKED = 4
GUARD_BROKEN = 5
UNREACHABLE = 6
DIFFERENT = 10
INTERRUPTED = 130

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # how a system says that nothing more can be written


class AllianceError(Exception):
    """A failure whose message is meant for the person at the terminal, with the exit code it ends in."""

    def __init__(self, message: str, code: int = BUILD_FAILED):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the data.

    ``line`` counts the lines of the file from 1 (the header); 0 means the file as a whole. ``remedy`` says what to
    write instead. ``severity`` is "error" (nothing is built) or "warning" (the build goes on).
    """

    file: str
    line: int
    column: str
    value: str
    rule: str
    message: str
    remedy: str
    severity: str = "error"
    cell: tuple[str, str, str] | None = None  # table, key and column, as exceptions.csv names them

    def __str__(self) -> str:
        place = self.file + (f", line {self.line}" if self.line else "") + (f", column {self.column}" if self.column else "")
        seen = f' (found "{shorten(self.value)}")' if self.value else ""
        return printable(f"{place}: {self.message}{seen}. {self.remedy} [{self.rule}]")

    def as_dict(self) -> dict:
        return {k: v for k, v in asdict(self).items() if k != "cell"}


class DataError(AllianceError):
    """The data break a rule; ``problems`` holds every instance."""

    def __init__(self, problems: list[Problem]):
        self.problems = problems
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        super().__init__("\n".join([f"The data have {count}:", *(f"  {p}" for p in problems)]), BAD_INPUT)


def printable(text: str) -> str:
    """``text`` as a terminal can show it without obeying it: control and invisible characters escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shorten(text: str, length: int = 60) -> str:
    """``text`` on one terminal line, cut if it is long."""
    shown = printable(text)
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def describe_os_error(error: OSError) -> str:
    """An operating-system error with what to do about it."""
    place = f" ({error.filename})" if error.filename else ""
    remedies = {
        errno.ENOSPC: "free some space (a build needs about 200 MB), or give --out on another disk",
        errno.EDQUOT: "free some space, or give --out on another disk",
        errno.EFBIG: "files may not grow so large there; raise the limit (`ulimit -f`), or give --out on another disk",
        errno.EACCES: "make the folder writable, or give --out",
        errno.EPERM: "make the folder writable, or give --out",
        errno.EROFS: "the file system is read-only; give --out on another",
    }
    remedy = remedies.get(error.errno, "see the message of the system")
    return f"{error.strerror or error}{place}: {remedy}."

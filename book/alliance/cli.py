"""The ``alliance`` command. What an unchanged build needs imports the standard library only."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import sys
from pathlib import Path

from alliance.press.project import DEFAULT_YEAR, Project, check_year
from alliance.problems import BAD_INPUT, DIFFERENT, ENVIRONMENT, INTERRUPTED, OK, AllianceError, DataError, describe_os_error


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (see the README)."""
    options = _parser().parse_args(arguments)
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job would ignore the first
        signal.signal(number, _interrupt)
    try:
        return options.run(options)
    except AllianceError as failure:
        if options.debug:
            raise
        print(f"alliance: {_told(failure)}", file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        print("alliance: interrupted; the published edition is as it was.", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if options.debug:
            raise
        print(f"alliance: {describe_os_error(error)}", file=sys.stderr)
        return ENVIRONMENT
    except ModuleNotFoundError as error:
        if options.debug:
            raise
        print(f"alliance: the environment lacks {error.name}. Run `make book`, which installs what requirements.lock names.", file=sys.stderr)
        return ENVIRONMENT


class _Outliving(io.RawIOBase):
    """A stream that goes on into nothing when its reader goes away, as `head` does: the command ends as it would have."""

    def __init__(self, number: int):
        self._number = number

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        try:
            return os.write(self._number, content)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._number)
            return len(content)


def _outliving(stream):
    """The same stream, which outlives its reader and shows bytes that are no text, as a file's name may hold."""
    if type(stream) is not io.TextIOWrapper:  # whoever calls has put another one there
        return stream
    raw = io.BufferedWriter(_Outliving(stream.fileno()))
    return io.TextIOWrapper(raw, stream.encoding, errors="backslashreplace", line_buffering=stream.line_buffering)


def _told(failure: AllianceError) -> str:
    """The failure in words; problems of the data as a table where the terminal can show one."""
    if isinstance(failure, DataError) and sys.stderr.isatty():
        from alliance import report

        return f"the data break rules.\n\n{report.text(failure.problems, sys.stderr)}"
    return str(failure)


def _interrupt(*_):
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alliance", description="Build and examine the book.", allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, help: str):
        sub = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        sub.set_defaults(run=run)
        sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return sub

    sub = command("build", _build, "check the data, execute what is stale, compile HTML and PDF, publish")
    _inputs(sub)
    sub.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="chapters executed at once (default: cores)")
    sub.add_argument("--force", action="store_true", help="execute and compile again even if nothing changed")
    sub.add_argument("--strict", action="store_true", help="exit 5 instead of publishing sentences that the data do not support")
    sub.add_argument("--only", metavar="CHAPTER", help="preview of one chapter in OUT/preview; publishes nothing")

    sub = command("check", _check, "validate the data and report every problem")
    sub.add_argument("dir", nargs="?", metavar="DIR", help="a folder with your own tables, checked as an overlay")
    sub.add_argument("--format", choices=["text", "json"], default="text")
    sub.add_argument("--explain", metavar="RULE", help="say what a rule demands")

    command("describe", _describe, "write data/datapackage.json from the descriptions beside the tables")

    sub = command("verify", _verify, "compare the facts of this build with the committed golden edition")
    sub.add_argument("--out", metavar="DIR", help="output folder (default: _build)")

    sub = command("diff", _diff, "compare two editions")
    sub.add_argument("old", metavar="OLD", type=Path, help="output folder or facts.json")
    sub.add_argument("new", metavar="NEW", type=Path, help="output folder or facts.json")
    sub.add_argument("--format", choices=("text", "markdown", "json"), default="text")

    sub = command("edition", _edition, "keep the facts and verdicts of the last build under data/editions/")
    sub.add_argument("name", metavar="NAME", help="the version, such as 0.3.0")

    sub = command("update", _update, "newer rows from offices with an open interface; writes only with --write")
    sub.add_argument("feeds", nargs="*", metavar="FEED", help="worldbank, comtrade (default: all)")
    sub.add_argument("--write", action="store_true", help="change the data, all or nothing, if the result keeps every rule")
    sub.add_argument("--todo", action="store_true", help="list what is due, where it is published, and the columns to fill")
    sub.add_argument("--since", type=int, metavar="YEAR", help="first year to ask for")
    sub.add_argument("--fresh", action="store_true", help="ask again where an answer of the last day is there")
    sub.add_argument("--reason", metavar="TEXT", help="why jumps that the rules refuse are right; written to exceptions.csv")

    sub = command("list", _list, "chapters, what each reads, whether it is stale and why")
    _inputs(sub)

    sub = command("open", _open, "serve the built book on a loopback port and open it")
    sub.add_argument("--out", metavar="DIR", help="output folder (default: _build)")
    sub.add_argument("--port", type=int, default=0, help="port (default: a free one)")
    return parser


def _inputs(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--data", metavar="DIR", help="a folder with your own tables; everything else comes from the book")
    sub.add_argument("--year", type=int, default=DEFAULT_YEAR, help=f"focus year (default {DEFAULT_YEAR})")
    sub.add_argument("--out", metavar="DIR", help="output folder (default: _build)")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _project(options) -> Project:
    overlay = None
    if getattr(options, "data", None):
        overlay = Path(options.data).resolve()
        if not overlay.is_dir():
            raise AllianceError(f"--data {options.data}: this is not a folder. Give one that holds the tables that changed.", BAD_INPUT)
    out = {"out": Path(options.out).resolve()} if getattr(options, "out", None) else {}
    return Project(year=check_year(getattr(options, "year", DEFAULT_YEAR)), overlay=overlay, **out)


def _build(options) -> int:
    from alliance.press.build import build, preview

    project = _project(options)
    if options.only:
        return preview(project, options.only, options.jobs, options.force, options.strict)
    return build(project, options.jobs, options.force, options.strict)


def _check(options) -> int:
    from alliance import check, report
    from alliance.data import DATA, Package

    if options.explain:
        print(check.explain(options.explain))
        return OK
    problems = check.check(Package(DATA, options.dir))
    print(report.as_json(problems) if options.format == "json" else report.text(problems, sys.stdout))
    return BAD_INPUT if any(p.severity == "error" for p in problems) else OK


def _describe(options) -> int:
    from alliance import describe
    from alliance.data import DATA

    print(f"Wrote {describe.write(DATA)}.")
    return OK


def _verify(options) -> int:
    from alliance.editions import compare, read_edition

    project = _project(options)
    golden = project.root / "tests" / "expected"
    difference = compare(read_edition(golden), read_edition(project.current))
    return _tell_difference(difference, "The facts and verdicts equal the golden edition.")


def _diff(options) -> int:
    from alliance.editions import compare, read_edition

    difference = compare(read_edition(options.old), read_edition(options.new))
    if options.format == "text":
        return _tell_difference(difference, "The editions have the same facts and verdicts.")
    print(difference.markdown() if options.format == "markdown" else json.dumps(difference.as_dict(), ensure_ascii=False, indent=1))
    return DIFFERENT if difference else OK


def _edition(options) -> int:
    from alliance.editions import compare, freeze, latest_frozen, note_data, read_edition

    project = Project()
    target = project.root / "data" / "editions" / options.name
    before = latest_frozen(target.parent, options.name)
    freeze(project.current, target)
    since = f"Since {before.name}: {compare(read_edition(before), read_edition(target)).markdown(lists=False)}" if before else "First edition kept.\n"
    note_data(project.root / "CHANGELOG.md", options.name, since)
    print(f"Kept {target.relative_to(project.root)}, and noted in CHANGELOG.md:\n\n{since}", end="")
    return OK


def _tell_difference(difference, same: str) -> int:
    print("\n".join([difference.summary(), *difference.lines()]) if difference else same)
    return DIFFERENT if difference else OK


def _update(options) -> int:
    from alliance.feeds.update import FEEDS, Options, update

    project = _project(options)
    if options.todo:
        import datetime

        from alliance.feeds.todo import lines, tasks

        fed = {table: name for name, feed in FEEDS.items() for table in feed.TABLES}
        print("\n".join(lines(tasks(project.package, fed), datetime.date.today())))
        return OK
    return update(project, options.feeds, Options(options.write, options.since, options.fresh, options.reason, options.debug))


def _list(options) -> int:
    import json

    project = _project(options)
    for chapter in project.chapters:
        why = project.why_stale(chapter)
        print(f"{chapter}: {'stale (' + ', '.join(why) + ')' if why else 'up to date'}")
        for entry in project.cache_entries(chapter)[:1]:
            reads = json.loads((entry / "record.json").read_text(encoding="utf-8"))["reads"]
            print(f"  reads {', '.join(reads)}")
    return OK


def _open(options) -> int:
    import functools
    import http.server
    import webbrowser

    project = _project(options)
    folder = project.out / "html"
    if not (folder / "index.html").exists():
        raise AllianceError(f"There is no book in {project.out}. Run `make book` first.", ENVIRONMENT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"Serving {folder} at {address} (Ctrl-C ends it)", flush=True)
        webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return OK

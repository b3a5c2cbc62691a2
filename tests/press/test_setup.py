"""Installation: exact versions in step everywhere, nothing of one machine in the repository, clear words when something lacks."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from workspace import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "tests/requirements.lock")}


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ;\\\n]+)", lock, flags=re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_the_lock_holds_every_dependency_at_its_pinned_version():
    for lock, wanted in (
        (LOCKS["requirements.lock"], PROJECT["dependencies"]),
        (LOCKS["tests/requirements.lock"], PROJECT["optional-dependencies"]["test"]),
    ):
        for requirement in wanted:
            name, _, version = requirement.partition("==")
            assert version or ">=" in name, f"{requirement} is not pinned"
            if version:
                assert pins(lock)[name] == {version}


def test_the_test_lock_extends_the_book_s():
    book, tests = (pins(lock) for lock in LOCKS.values())
    assert all(tests[name] == versions for name, versions in book.items())


def test_every_locked_package_has_one_version_and_hashes_and_no_address():
    for lock in LOCKS.values():
        assert all(len(versions) == 1 for versions in pins(lock).values())
        blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
        assert len(blocks) > 100
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in lock


def test_conda_s_environment_is_in_step():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert [p for p in pip if not p.startswith("--")] == PROJECT["dependencies"]
    assert pip[-1] == "--editable .[test]"
    assert environment["name"] in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert environment["name"] in (ROOT / "README.md").read_text(encoding="utf-8")


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_path_of_one_machine_and_no_generated_file_is_committed():
    files = committed()
    assert len(files) > 60
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"(?<![\w.])/(home|Users|root|work)/\w", text), file
        kept = "expected" in file.parts or "editions" in file.parts  # whole editions, to compare with
        assert file.stat().st_size < (4 if kept else 1) * 1024 * 1024, file
        assert file.suffix not in {".html", ".pdf", ".svg", ".png", ".pyc"} or "_templates" in file.parts, file


def test_the_readme_is_short_and_names_what_there_is():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    for name in ("book/alliance/", "data/", "tests/", "requirements.lock", "CITATION.cff", "LICENSE"):
        assert f"`{name}" in text
        assert (ROOT / name).exists()
    assert "make book" in text
    assert "make test" in text


def test_ci_runs_the_readme_s_test_command():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("make test")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.fixture
def bare(tmp_path):
    """A machine where apt-get exists, nothing is installed, and the user has no rights."""
    project, tools = tmp_path / "project", tmp_path / "bin"
    for name in ("tools", "tests"):
        (project / name).mkdir(parents=True)
    for name in ("tools/setup.sh", "requirements.lock", "tests/requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, project / name)
    tools.mkdir()
    for name in ("bash", "env", "dirname", "cat", "sha256sum", "cut", "grep", "rm", "mkdir", "tr"):
        (tools / name).symlink_to(shutil.which(name))
    scripts = {
        "python3": 'case "$*" in *version_info*) exit 0;; *ensurepip*) exit 1;; *--version*) echo Python 3.11.2;; *) echo 3.11;; esac',
        "apt-get": 'echo "apt-get $*" >> "$LOG"',
        "ldconfig": "exit 0",
        "id": 'echo "${FAKE_UID:-1000}"',
        "sudo": "exit 1",
    }
    for name, body in scripts.items():
        (tools / name).write_text(f"#!{shutil.which('bash')}\n{body}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    log = tmp_path / "log"

    def run(kind, **env):
        # /sbin/ldconfig is asked when ldconfig is not on the path; here it is, and knows nothing.
        done = subprocess.run(
            ["bash", str(project / "tools" / "setup.sh"), kind], env={"PATH": str(tools), "LOG": str(log), **env}, capture_output=True, text=True
        )
        return done, log.read_text(encoding="utf-8") if log.exists() else ""

    return run


def test_without_rights_one_line_tells_what_to_install(bare):
    done, asked = bare("test")
    assert done.returncode == 3
    assert asked == ""
    (line,) = done.stderr.splitlines()
    packages = "python3-venv libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 chromium poppler-utils git"
    assert line == f"setup: system packages are missing. Install them with: sudo apt-get install -y {packages}"


def test_as_root_they_are_installed_and_the_reason_is_said(bare):
    done, asked = bare("book", FAKE_UID="0")
    assert "apt-get install -y -qq --no-install-recommends python3-venv libpango-1.0-0" in asked
    assert "chromium" not in asked
    assert "libpango-1.0-0 (lays out the text of the PDF)" in done.stdout


def test_a_python_that_is_too_old_is_named(bare, tmp_path):
    old = tmp_path / "bin" / "python3"
    old.write_text(f'#!{shutil.which("bash")}\ncase "$*" in *version_info*) exit 1;; *) echo Python 3.9.2;; esac\n', encoding="utf-8")
    done, _ = bare("book")
    assert done.returncode == 3
    assert "Python 3.11 to 3.14 is needed, Python 3.9.2 was found" in done.stderr


PACKAGE = ROOT / "book" / "alliance"


def stated_order(package: str) -> list[str]:
    """The order of modules that the docstring of a package states: names after a colon, perhaps with words on them in brackets."""
    place = PACKAGE.joinpath(*package.split(".")[1:])
    doc = " ".join(ast.get_docstring(ast.parse((place / "__init__.py").read_text(encoding="utf-8"))).split())
    (stated,) = re.findall(r"only (?:those|modules) above (?:it|them): ([^.]+)\.", doc)
    order = re.sub(r" *\([^)]*\)", "", stated).split(", ")
    modules = {f.stem for f in place.glob("*.py")} | {f.parent.name for f in place.glob("*/__init__.py")}
    assert sorted(order) == sorted(modules - {"__init__", "__main__"}), package
    return order


def imported(file: Path, package: str) -> set[str]:
    """The modules of a package that a file imports, at its head or within a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, file
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.removeprefix(f"{package}.").split(".")[0] for name in names if name.startswith(f"{package}.")}
    return found


@pytest.mark.parametrize("package", ["alliance", "alliance.press", "alliance.feeds"])
def test_modules_import_only_what_stands_above_them(package):
    """One direction of flow: the order is the one that the package states."""
    place = PACKAGE.joinpath(*package.split(".")[1:])
    above: set[str] = set()
    for name in stated_order(package):
        for file in (place / name).rglob("*.py") if (place / name).is_dir() else [place / f"{name}.py"]:
            beyond = imported(file, package) - above - {name}
            assert not beyond, f"{file.relative_to(PACKAGE)} imports {', '.join(sorted(beyond))}, which does not stand above {name}"
        above.add(name)


def test_an_unchanged_build_imports_only_the_standard_library(book):
    """Checked by what is loaded, not by the clock."""
    code = (
        "import sys; before = set(sys.modules); from alliance.cli import main; code = main(['build']); "
        "heavy = {m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names) - {'alliance'}; print('HEAVY', sorted(heavy), code)"  # noqa: E501
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=book.root, env=book.environment(None), capture_output=True, text=True)
    assert "HEAVY [] 0" in done.stdout, done.stdout + done.stderr

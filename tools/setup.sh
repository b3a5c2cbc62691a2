#!/usr/bin/env bash
# Set up what `make book` and `make test` need, once: system libraries, a virtual environment with the locked packages,
# the package itself, and matplotlib's font cache. Called as: tools/setup.sh book|test
set -euo pipefail
cd "$(dirname "$0")/.."

kind=$1
venv=.venv
case $kind in
  book) lock=requirements.lock ;;
  test) lock=tests/requirements.lock ;;
  *) echo "usage: tools/setup.sh book|test" >&2; exit 2 ;;
esac

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 3; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "python3 is missing. Install it: sudo apt-get install -y python3"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' ||
  fail "Python 3.11 to 3.14 is needed, $("$python" --version) was found. Name another: make $kind PYTHON=python3.12"

# Nothing to do if this kind was set up from exactly these files, with a Python that is still there.
state() {
  "$python" - requirements.lock tests/requirements.lock pyproject.toml tools/setup.sh <<'END'
import hashlib, os, pathlib, sys
parts = [pathlib.Path(name).read_bytes() for name in sys.argv[1:]]
parts += [part.encode() for part in (sys.version, sys.base_prefix, os.getcwd())]
print(hashlib.sha256(b"\0".join(parts)).hexdigest())
END
}
now=$(state)
ready() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.ready-$1" 2>/dev/null)" = "$now" ]; }
ready "$kind" && exit 0
[ "$kind" = book ] && ready test && exit 0

# System packages: Debian name, what tells that it is there, why it is needed.
missing=()
why=()
need() { missing+=("$1"); why+=("$1 ($2)"); }
libraries=$(ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true)
has() { grep -q "$1" <<<"$libraries"; }
if command -v apt-get >/dev/null; then
  "$python" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv "creates the virtual environment"
  has libpango-1.0.so.0 || need libpango-1.0-0 "lays out the text of the PDF"
  has libpangoft2-1.0.so.0 || need libpangoft2-1.0-0 "loads the fonts of the PDF"
  has libharfbuzz-subset.so.0 || need libharfbuzz-subset0 "embeds only the letters that the PDF uses"
  if [ "$kind" = test ]; then
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
      need chromium "opens the pages in the tests"
    command -v pdftotext >/dev/null || need poppler-utils "reads the PDF in the tests"
    command -v git >/dev/null || need git "the tests look at the committed files"
  fi
fi
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else
    fail "system packages are missing. Install them with: sudo apt-get install -y ${missing[*]}"
  fi
  printf 'setup: installing with apt-get: %s\n' "${why[@]}"
  "${as_root[@]}" apt-get update -qq >/dev/null || say "apt-get update failed, trying with the lists there are"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install. Try by hand: sudo apt-get install -y ${missing[*]}"
fi

# An environment of another Python, or half made, is made anew.
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  say "creating $venv with $("$python" --version)"
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "the virtual environment could not be created in $(pwd)/$venv. Is the folder writable, is there space?"
fi
rm -f "$venv"/.ready-*
say "installing the packages of $lock (exact versions, checked by hash; a minute or two)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --compile --require-hashes -r "$lock" ||
  fail "the packages could not be installed. Is the network there? Run the command again, it goes on where it stopped."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . ||
  fail "the package could not be installed from $(pwd)."
# The font cache is built once, here, not in every kernel.
MPLCONFIGDIR="$venv/var/matplotlib" "$venv/bin/python" -c 'import matplotlib.font_manager' 2>/dev/null
state >"$venv/.ready-$kind" # asked again: apt-get may have brought a newer Python
say "ready"

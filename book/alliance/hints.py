"""What a field, row or file that the grammar refuses was probably meant to be, and what to write instead.

Each function takes what stands there and returns words for the person who wrote it. A guess that is not sure names
both readings; where nothing can be guessed, the words say what the grammar wants.
"""

from __future__ import annotations

import calendar
import datetime
import difflib
import itertools
import re
import unicodedata
from decimal import Decimal

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MONTHS = {name.lower(): i for names in (calendar.month_name, calendar.month_abbr) for i, name in enumerate(names) if name}
SERIALS = range(36526, 54789)  # a spreadsheet's days from 2000 to 2049
DAYS = range(1500, 2101)  # years in which a date may lie; history is dated too
DATE_FORMS = ("YYYY", "YYYY-MM", "YYYY-MM-DD")
SOME_DAY = "2024-10-31"
EPOCH = datetime.date(1899, 12, 30)

# Characters that a reader cannot see: controls, formats (zero-width, direction, soft hyphen, tags), separators of
# lines, private use, fillers, and the mark that an encoding was lost.
INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd\U000110bd\U000110cd"
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
MIXED = re.compile("[A-Za-z][\u0370-\u03ff\u0400-\u052f]|[\u0370-\u03ff\u0400-\u052f][A-Za-z]")

MISSING = re.compile(r"(?i)nan|n\.?/?a\.?|#n/?a|#null!|null|none|nil|nd|n\.d\.|\.{2,}|…|[-‐‑–—−]+|\?+|[+-]?inf(inity)?|∞|missing|unknown|tbd|no data")
SHEET_ERROR = re.compile(r"#[A-Z0-9/]+[!?]?|#{2,}")
LOGICAL = re.compile(r"(?i)true|false|yes|no|истина|ложь|да|нет|[✓✔✗✘]")
SCIENTIFIC = re.compile(r"-?\d+(\.\d+)?[eE][+-]?\d{1,2}")
MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
SHEET_DATE = re.compile(rf"(?i)\d{{1,2}}[-. ]{MONTH}([-. ]\d{{2,4}})?|{MONTH}[-. ]\d{{2,4}}|\d{{1,4}}[-./]\d{{1,2}}[-./]\d{{1,4}}( .*)?")

NO_NUMBER = "Write a number with ASCII digits and a decimal point; put words into the note."
EMPTY_MEANS_MISSING = "A missing value is an empty field, not a word or sign."


# numbers


def number(text: str, unit: str = "") -> str:
    """What to write for a text that stands where a number should."""
    plain, reasons = _undressed(text)
    if MISSING.fullmatch(plain) or plain == "":
        return EMPTY_MEANS_MISSING
    if SHEET_ERROR.fullmatch(plain):
        return "This is an error of a spreadsheet's formula; write the value, or leave the field empty."
    if LOGICAL.fullmatch(plain):
        return "This column holds numbers, not TRUE or FALSE."
    if plain.startswith(("=", "@")):
        return "Write the value that the formula gives, not the formula."
    if SCIENTIFIC.fullmatch(plain):
        return f"No powers of ten; write {Decimal(plain):f}."
    if SHEET_DATE.fullmatch(plain) and _separated(plain)[1] == "":
        return "A spreadsheet seems to have made a date of the number; look it up again and format the column as text before typing it."
    return _rewritten(plain, reasons, unit)


def _undressed(text: str) -> tuple[str, list[str]]:
    """The text without what only looks different from ASCII, and the reasons in words."""
    reasons = []
    for change, reason in _DISGUISES:
        new = change(text)
        if new != text:
            text, reasons = new, [*reasons, reason]
    return text, reasons


def _without_invisible(text: str) -> str:
    return INVISIBLE.sub("", text)


def _ascii(text: str) -> str:
    """Decimal digits of any script and full-width signs as ASCII; superscripts and fractions stay what they are."""
    separators = {"\u066b": ".", "\u066c": ","}
    wide = lambda c: chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else separators.get(c, c)  # noqa: E731
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else wide(c) for c in text)


_DISGUISES = (
    (_without_invisible, "Remove what cannot be seen"),
    (_ascii, "Digits of another script or width"),
    (str.strip, "Remove the space"),
)


def _rewritten(text: str, reasons: list[str], unit: str) -> str:
    for change, reason in _STEPS:
        new = change(text)
        if new != text:
            words = reason.format(unit=f" ({unit})" if unit else "")
            text, reasons = new, [*reasons, words]
    plain, reason = _separated(text)
    if not NUMBER.fullmatch(plain):
        return NO_NUMBER
    reasons += [reason] if reason else []
    other = _other_reading(text)
    because = [r if i == 0 else r[0].lower() + r[1:] for i, r in enumerate(reasons or NO_NUMBER.split(";")[:1])]
    return f"{'; '.join(because)}; write {plain}{f', or {other} if the comma is a decimal sign' if other else ''}."


def _negative(text: str) -> str:
    text = re.sub(r"^[−–—‐‑‒﹣]\s*(?=[\d.,])", "-", text)
    text = re.sub(r"^([\d.,]+)-$", r"-\1", text)
    return re.sub(r"^\(([\d.,\s]+)\)$", r"-\1", text)


def _without_unit(text: str) -> str:
    text = re.sub(r"^(-?)(?:[$€£¥₽₹]|US\$|[A-Z]{3}(?![A-Z]))\s*(?=[\d.,])", r"\1", text)
    word = r"(?:[%°$€£¥₽₹元]|[A-Za-zА-Яа-я]+[.³²]?)"
    return re.sub(rf"(?<=[\d.,])\s*{word}([ /]{word})*$", "", text)


def _with_digits_around_the_point(text: str) -> str:
    return re.sub(r"^(-?)\.(?=\d)", r"\g<1>0.", re.sub(r"(?<=\d)\.$", "", text))


_STEPS = (
    (lambda t: re.sub(r"(?<=\d)\s*([*†‡§¹²³]+|\[\w{1,3}\])$", "", t), "A footnote belongs in the note"),
    (_negative, "The minus sign is the ASCII hyphen, before the number"),
    (_without_unit, "The unit belongs to the column{unit}"),
    (lambda t: t.removeprefix("+"), "No plus sign"),
    (lambda t: re.sub(r"^[~≈<>≤≥±]\s*(?=[\d-])", "", t), "A qualifier belongs in the note"),
    (_with_digits_around_the_point, "Digits stand on both sides of the point"),
)


def _separated(text: str) -> tuple[str, str]:
    """The text without separators of thousands and with a decimal point, and what was changed in words."""
    thousands, decimal = "Thousands separators are not allowed", "The decimal sign is a point"
    if re.fullmatch(r"-?\d{1,3}([ '’_\u00a0\u2009\u202f]\d{3})+([.,]\d+)?", text):
        return re.sub(r"[ '’_\u00a0\u2009\u202f]", "", text).replace(",", "."), thousands
    if re.fullmatch(r"-?\d{1,3}(_\d+)+", text):
        return text.replace("_", ""), thousands
    if re.fullmatch(r"-?\d{1,3}(,\d{2,3})*,\d{3}(\.\d+)?", text):
        return text.replace(",", ""), thousands
    if re.fullmatch(r"-?\d{1,3}(\.\d{3})+,\d+", text):
        return text.replace(".", "").replace(",", "."), f"{thousands}, and the decimal sign is a point"
    if re.fullmatch(r"-?\d{1,3}(\.\d{3}){2,}", text):
        return text.replace(".", ""), thousands
    if re.fullmatch(r"-?\d+,\d+", text):
        return text.replace(",", "."), decimal
    return text, ""


def _other_reading(text: str) -> str | None:
    """``1.234`` for ``1,234``, which is 1234 or a little more than one."""
    return text.replace(",", ".") if re.fullmatch(r"-?\d{1,3},\d{3}", text) else None


# years and dates


def year(text: str) -> str:
    """What to write for a text that stands where a year should."""
    plain = _undressed(text)[0]
    if MISSING.fullmatch(plain):
        return "Fill in the year, or remove the row."
    serial = re.fullmatch(r"(\d{5})(\.0+)?", plain)
    if serial and int(serial[1]) in SERIALS:
        return f"This is a spreadsheet's number of a day; write {_day(int(serial[1])).year}."
    inside = re.fullmatch(r"(?:FY|CY)?\s*((?:19|20)\d\d)(?:\.0+|[-/.]\d.*| г\.?|年|E|F|e|f)?", plain)
    if inside:
        return f"Write the year with four ASCII digits: {inside[1]}."
    if re.fullmatch(r"'?\d\d", plain):
        return f"Write the year with four ASCII digits, as in 20{plain[-2:]}."
    return "Write the year with four ASCII digits, as in 2024."


def date(text: str) -> str:
    """What to write for a text that stands where an ISO date should."""
    plain = _undressed(text)[0]
    if MISSING.fullmatch(plain):
        return EMPTY_MEANS_MISSING
    guesses = sorted({d.isoformat() for d in _days(plain)} | set(_months(plain)))
    guess = f": {' or '.join(guesses)}, whichever is meant" if len(guesses) > 1 else f": {guesses[0]}" if guesses else f", as in {SOME_DAY}"
    serial = "This is a spreadsheet's number of a day. " if plain.isdecimal() and len(plain) == 5 and guesses else ""
    return f"{serial}Write YYYY, YYYY-MM or YYYY-MM-DD{guess}."


def precision(date: str, pattern: str) -> tuple[str, str]:
    """The form of the dates that a pattern allows, and what to write for a date that says more or less than that."""
    form = next((f for f in DATE_FORMS if re.fullmatch(pattern, SOME_DAY[: len(f)])), DATE_FORMS[-1])
    if len(date) > len(form):
        return form, f"Write {date[: len(form)]}."
    return form, f"Say it more exactly, as in {SOME_DAY[: len(form)]}."


def _days(text: str) -> list[datetime.date]:
    """The days that a text may mean."""
    if text.isdecimal() and len(text) == 5 and int(text) in SERIALS:
        return [_day(int(text))]
    found = re.fullmatch(r"(\d{4})(?:[-/. ](\d{1,2})[-/. ](\d{1,2})|(\d\d)(\d\d))([T ].*)?", text)
    if found:
        return _valid([(found[1], found[2] or found[4], found[3] or found[5])])
    found = re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})", text)
    if found:
        return _valid([(found[3], found[2], found[1]), (found[3], found[1], found[2])])
    words = re.findall(r"[A-Za-z]+|\d+", text)
    month = next((MONTHS[w.lower()] for w in words if w.lower() in MONTHS), None)
    numbers = [w for w in words if w.isdecimal()]
    if month and len(words) == 3 and len(numbers) == 2:
        day, year = sorted(numbers, key=len)
        return _valid([(year if len(year) == 4 else f"20{year}", month, day)])
    return []


def _months(text: str) -> list[str]:
    """The month that a text may mean, such as ``Oct-24`` or ``10/2024``."""
    words = re.findall(r"[A-Za-z]+|\d+", text)
    if len(words) != 2:
        return []
    name = next((MONTHS[w.lower()] for w in words if w.lower() in MONTHS), None)
    year = max((w for w in words if w.isdecimal()), key=len, default="")
    month = name or next((int(w) for w in words if w.isdecimal() and w != year), 0)
    year = f"20{year}" if len(year) == 2 else year
    return [f"{year}-{month:02d}"] if 1 <= month <= 12 and len(year) == 4 and int(year) in DAYS else []


def _valid(parts: list[tuple]) -> list[datetime.date]:
    found = []
    for year, month, day in parts:
        try:
            found.append(datetime.date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return [day for day in found if day.year in DAYS]


def _day(serial: int) -> datetime.date:
    return EPOCH + datetime.timedelta(days=serial)


# rows


def joined(cells: list[str]) -> tuple[int, str] | None:
    """Where a row with fields too many was probably split by a comma within a number: position, and what to write."""
    for i, (left, right) in enumerate(itertools.pairwise(cells)):
        if re.fullmatch(r"-?\d{1,3}", left) and re.fullmatch(r"\d{3}(\.\d+)?", right):
            return i, f'"{left},{right}" looks like a number with a thousands separator; write {left}{right}.'
        if re.fullmatch(r"-?\d+", left) and re.fullmatch(r"\d{1,3}", right) and not re.fullmatch(r"\d{4}", left):
            return i, f'"{left},{right}" looks like a number with a decimal comma; write {left}.{right}.'
    return None


# names and files


def near(name: str, known: list[str]) -> str | None:
    """The known name that was probably meant: in other letters, with other spaces, or nearly spelled so."""
    plain = _skeleton(name)
    looks = {_skeleton(k): k for k in known}
    return looks.get(plain) or next((looks[k] for k in difflib.get_close_matches(plain, looks, n=1, cutoff=0.75)), None)


_TWINS = str.maketrans("аеорсухіјѕԁһкмтвнАВЕЗКМНОРСТУХІЈЅαονρτυικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdhkmtbhABE3KMHOPCTYXIJSaovptuikABEZHIKMNOPTYX")


def _skeleton(name: str) -> str:
    """How a name looks: letters that resemble Latin ones as these, without spaces at the ends, in lower case."""
    plain = INVISIBLE.sub("", unicodedata.normalize("NFKC", name)).translate(_TWINS)
    return re.sub(r"[\s_-]+", "_", plain.strip().lower())


def strange_letter(name: str) -> str:
    """The letter that does not belong into a name of ASCII letters, in words; empty if there is none."""
    letter = next((c for c in name if ord(c) > 127), None)
    return "" if letter is None else f"; it holds U+{ord(letter):04X}, {unicodedata.name(letter, 'which has no name').lower()}"


SIGNATURES = (
    (b"PK\x03\x04", "a spreadsheet (xlsx, ods) or zip archive"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of the old format (xls)"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"SQLite format 3", "a database"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF"),
    (b"\xff\xfe\x00\x00", "UTF-32 text"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML file"),
    (b"{", "a JSON file"),
    (b"[", "a JSON file"),
)


def kind_of(content: bytes) -> str | None:
    """What a file that is no CSV is; None if nothing speaks against CSV."""
    head = content[:4096].lstrip() if content[:1] in b" \t\r\n" else content
    if re.match(rb"\x80[\x02-\x05][\x80-\x95cK(}\]q]|\([dil]p\d|c[a-z_.]+\n[A-Za-z_.]+\n\(", head):
        return "a Python pickle"
    half = content[:200]
    if half.count(b"\x00") > len(half) // 3 and not half.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    return next((kind for start, kind in SIGNATURES if head.startswith(start)), None)


def encoding(content: bytes) -> str | None:
    """The encoding of text that is not UTF-8, guessed from the letters that it gives."""
    western = re.findall(rb"[\x80-\xff]+", content)
    if western and all(len(run) < 3 for run in western) and len(re.findall(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]", content)) >= len(western):
        return "cp1252"  # single letters with accents among plain ones
    # Chinese bytes read as cp1251 give many signs between the letters, Russian ones almost none; so cp1251 comes first.
    for name, script in (("cp1251", "CYRILLIC"), ("gb18030", "CJK")):
        try:
            letters = [c for c in content.decode(name) if ord(c) > 127]
        except UnicodeDecodeError:
            continue
        if letters and sum(unicodedata.name(c, "").startswith(script) for c in letters) > 0.9 * len(letters):
            return name
    return None


# addresses

ADDRESS = re.compile(
    r"https?://(?!(?:127|10|0|169\.254|192\.168)\.[\d.]+(?![\w.-]))(?:\d{1,3}(?:\.\d{1,3}){3}|[\w-]+(\.[\w-]+)*\.[^\W\d][\w-]*\.?)(:\d+)?([/?#][^\s<>\"\\]*)?"
)


def address(text: str) -> str:
    """What to write for a text that stands where the address of a page should."""
    scheme = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*):(?!\d)", text)
    if re.match(r"https?://[^/]*@", text):
        return "Leave the user name and the password out."
    if scheme and scheme[1].lower() not in ("http", "https"):
        return f"An address that begins with {scheme[1]}: cannot be followed safely; write the page's https:// address, or leave the field empty."
    if re.fullmatch(r"(//)?[\w-]+(\.[\w-]+)+([/?#]\S*)?", text):
        return f"Write https://{text.removeprefix('//')}."
    if re.search(r"\s", text.strip()):
        return "Write spaces as %20, and one address only."
    return "Write the whole address, as in https://example.org/page, or leave the field empty."

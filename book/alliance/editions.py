"""Comparing two editions: which facts moved and why, which verdicts flipped, which guards broke, what is new."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from alliance import journal
from alliance.problems import BAD_INPUT, AllianceError

RELATIVE_TOLERANCE = 1e-9
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")  # an edition's name
SHOWN = 40  # facts listed one by one in words; the rest are counted
CAUSES = 3  # rows named as the cause of one moved fact


@dataclass(frozen=True)
class Edition:
    """What an edition published: its facts, claims, guards and exhibits (empty where they were not kept), version and data date."""

    facts: dict[str, dict]
    claims: dict[str, dict]
    guards: dict[str, dict] = field(default_factory=dict)
    version: str = ""
    date: str = ""
    exhibits: dict[str, dict] = field(default_factory=dict)

    @property
    def sources(self) -> set[str]:
        """Ids of every source behind a fact or a claim."""
        cells = [c for f in self.facts.values() for c in f["inputs"]]
        behind_facts = {s for c in cells for s in (c["source"], *c.get("other_sources", [])) if s}
        return behind_facts | {s for c in self.claims.values() for s in c["sources"] if s}

    @property
    def rows(self) -> dict[tuple, dict]:
        """The cells behind the facts, by table, key and column."""
        return {_address(c): c for f in self.facts.values() for c in f["inputs"]}


@dataclass
class Difference:
    """What differs from an old edition to a new one."""

    moved: list[tuple[dict, dict]] = field(default_factory=list)
    reworded: list[tuple[dict, dict]] = field(default_factory=list)
    added: list[dict] = field(default_factory=list)
    gone: list[dict] = field(default_factory=list)
    flipped: list[tuple[dict, dict]] = field(default_factory=list)
    broken: list[dict] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    exhibits: list[dict] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.moved or self.reworded or self.added or self.gone or self.flipped or self.broken)

    def summary(self) -> str:
        """The difference in a sentence."""
        counted = [
            (len(self.flipped), "verdict flipped", "verdicts flipped"),
            (len(self.broken), "sentence no longer holds", "sentences no longer hold"),
            (len(self.moved), "number moved", "numbers moved"),
            (len(self.reworded), "number reads differently", "numbers read differently"),
            (len(self.added), "number is new", "numbers are new"),
            (len(self.gone), "number is gone", "numbers are gone"),
            (len(self.exhibits), "figure or table changed", "figures and tables changed"),
            (len(self.rows), "value is new behind them", "values are new behind them"),
            (len(self.sources), "source is new", "sources are new"),
        ]
        told = [f"{n:,} {one if n == 1 else many}" for n, one, many in counted if n]
        numbers = [] if self else ["no number and no verdict moved"]
        sentence = "; ".join(numbers + told) + "."
        return sentence[0].upper() + sentence[1:] if told else "Nothing moved."

    def lines(self, shown: int | None = None) -> list[str]:
        """The differences in words, one a line, with the rows that moved a number; the first ``shown`` of each kind."""
        told = [f"verdict on {new['id']}: {old['verdict']} → {new['verdict']}" for old, new in self.flipped]
        told += [f"no longer holds: {g['id']}: {g['meaning']}" for g in self.broken]
        told += [f"{new['id']}: {old['text']} → {new['text']}{_change(old, new)}{_because(old, new)}" for old, new in self.moved[:shown]]
        told += [f"{new['id']}: {old['text']} → {new['text']}, the same value in other words" for old, new in self.reworded[:shown]]
        told += [f"{f['id']}: new, {f['text']}" for f in self.added[:shown]]
        told += [f"{f['id']}: gone, was {f['text']}" for f in self.gone[:shown]]
        left = sum(max(0, len(part) - shown) for part in (self.moved, self.reworded, self.added, self.gone)) if shown is not None else 0
        told += [f"and {left:,} more numbers"] if left else []
        told += [f"changed: {e['kind']} of {e['chapter']}: {e['title']}" for e in self.exhibits[:shown]]
        return told + [f"source new behind a number: {s}" for s in self.sources[:shown]]

    def as_dict(self) -> dict:
        return {
            "summary": self.summary(),
            "verdicts": [{"id": n["id"], "quote": n["quote"], "old": o["verdict"], "new": n["verdict"]} for o, n in self.flipped],
            "broken": self.broken,
            "moved": [_moved(old, new) for old, new in self.moved],
            "reworded": [{"id": new["id"], "old": old["text"], "new": new["text"]} for old, new in self.reworded],
            "added": [{"id": f["id"], "text": f["text"]} for f in self.added],
            "gone": [{"id": f["id"], "text": f["text"]} for f in self.gone],
            "rows": self.rows,
            "sources": self.sources,
            "exhibits": self.exhibits,
        }

    def markdown(self, lists: bool = True) -> str:
        """In words first, then tables; with ``lists``, also what reads differently, changed exhibits and new sources one by one."""
        parts = [self.summary()]
        if self.flipped or self.broken:
            parts.append("\n".join(f"- {line}" for line in Difference(flipped=self.flipped, broken=self.broken).lines()))
        if self.moved:
            head = "| number | old | new | change | because |\n|---|---|---|---|---|"
            rows = [m | {"because": "; ".join(m["because"])} for m in (_moved(o, n) for o, n in self.moved)]
            parts.append("\n".join([head, *(f"| {m['label']} | {m['old']} | {m['new']} | {m['change']} | {m['because']} |" for m in rows)]))
        if lists and (self.reworded or self.exhibits or self.sources):
            rest = Difference(reworded=self.reworded, exhibits=self.exhibits, sources=self.sources)
            parts.append("\n".join(f"- {line}" for line in rest.lines()))
        return "\n\n".join(parts) + "\n"


def read_edition(place: Path) -> Edition:
    """What an output folder, a folder of a frozen edition, or a ``facts.json`` holds.

    Raises
    ------
    AllianceError
        If there is no such file or it is not a facts file.
    """
    file = next((f for f in (place / "html" / "facts.json", place / "facts.json", place) if f.is_file()), None)
    if file is None:
        raise AllianceError(f"{place} holds no facts.json. Give an output folder or a facts.json.", BAD_INPUT)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        facts = {f["id"]: f for f in content["facts"]}
        beside = file.with_name("claims.json")
        claims = {c["id"]: c for c in json.loads(beside.read_text(encoding="utf-8"))} if beside.exists() else {}
        records = [json.loads(f.read_text(encoding="utf-8")) for f in sorted((place / "executed").glob("*.json"))]
    except (ValueError, KeyError, TypeError) as error:
        raise AllianceError(f"{file} is not a facts file ({type(error).__name__}: {error}).", BAD_INPUT) from None
    guards = {g["id"]: g for r in records for g in r["guards"]}
    exhibits = {f"{r['chapter']}.{e['key']}": e | {"chapter": r["chapter"]} for r in records for e in r["exhibits"]}
    made = content.get("edition", {})
    return Edition(facts, claims, guards, made.get("version", ""), made.get("date", ""), exhibits)


def compare(old: Edition, new: Edition) -> Difference:
    """What differs between two editions."""
    both = [i for i in new.facts if i in old.facts]
    judged = [i for i in new.claims if i in old.claims]
    keys = ("verdict", "at_the_time", "outcome")
    before = {i for i, g in old.guards.items() if g["holds"]}
    known = old.rows
    differ = [(old.facts[i], new.facts[i]) for i in both if not _same(old.facts[i], new.facts[i])]
    return Difference(
        moved=[pair for pair in differ if not _same_value(*pair)],
        reworded=[pair for pair in differ if _same_value(*pair)],
        added=[f for i, f in new.facts.items() if i not in old.facts],
        gone=[f for i, f in old.facts.items() if i not in new.facts],
        flipped=[(old.claims[i], new.claims[i]) for i in judged if any(old.claims[i][k] != new.claims[i][k] for k in keys)],
        broken=[{"id": g["id"], "meaning": g["meaning"]} for i, g in new.guards.items() if i in before and g["holds"] is False],
        rows=[{"table": c["table"], "key": c["key"], "column": c["column"], "value": c["value"]} for a, c in new.rows.items() if a not in known],
        sources=sorted(new.sources - old.sources),
        exhibits=[
            {k: e[k] for k in ("chapter", "kind", "key", "title")} for i, e in new.exhibits.items() if old.exhibits and e != old.exhibits.get(i)
        ],
    )


def freeze(built: Path, target: Path) -> None:
    """Keep the facts and claims of a build under ``data/editions/``.

    Raises
    ------
    AllianceError
        If the name is no version, there is no build, or the edition is already kept.
    """
    _number(target.name)
    if target.exists():
        raise AllianceError(f"{target} is already kept. An edition is never overwritten; give another name.", BAD_INPUT)
    if not (built / "html" / "facts.json").is_file():
        raise AllianceError(f"{built} holds no build. Build the book first: make book.", BAD_INPUT)
    unfinished = target.with_name(f".{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name in ("facts.json", "claims.json"):
        shutil.copyfile(built / "html" / name, unfinished / name)
    unfinished.rename(target)


def note_data(changelog: Path, name: str, words: str) -> None:
    """Put a section on the data at the end of what the changelog says of an edition, which is made if it is not there."""
    text = changelog.read_text(encoding="utf-8") if changelog.exists() else "# Changelog\n"
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    at = next((i for i, part in enumerate(parts) if re.match(rf"## {re.escape(name)}(?![\w.])", part)), None)
    if at is None:
        at = 1
        parts.insert(at, f"## {name}\n")
    parts[at] = f"{parts[at].rstrip()}\n\n### Data\n\n{words.rstrip()}\n\n"
    journal.put(changelog, ("".join(parts).rstrip() + "\n").encode())


def latest_frozen(folder: Path, version: str) -> Path | None:
    """The newest kept edition that is older than ``version``; other folders there are none.

    Raises
    ------
    AllianceError
        If ``version`` is none.
    """
    limit = _number(version)
    named = [f for f in folder.iterdir() if VERSION.fullmatch(f.name) and (f / "facts.json").is_file()] if folder.is_dir() else []
    kept = {_number(f.name): f for f in named}
    older = [number for number in kept if number < limit]
    return kept[max(older)] if older else None


def _number(version: str) -> tuple[int, ...]:
    if not VERSION.fullmatch(version):
        raise AllianceError(f'"{version}" is no version. An edition is named by three numbers with full stops, such as 0.3.0.', BAD_INPUT)
    return tuple(map(int, version.split(".")))


def _same(a: dict, b: dict) -> bool:
    return a["text"] == b["text"] and a["unit"] == b["unit"] and (a["value"] is b["value"] is None or _same_value(a, b))


def _same_value(a: dict, b: dict) -> bool:
    """Whether two facts state the same number; words and dates state none."""
    if a["value"] is None or b["value"] is None:
        return False
    return a["unit"] == b["unit"] and math.isclose(a["value"], b["value"], rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)


def _change(old: dict, new: dict) -> str:
    if old["value"] is None or new["value"] is None or new["unit"] in ("percent", "year") or not old["value"]:
        return ""
    change = f"{100 * (new['value'] / old['value'] - 1):+.1f}%"
    return f" ({change})" if change.strip("+-") != "0.0%" else ""


def _address(cell: dict) -> tuple:
    return cell["table"], tuple(cell["key"].items()), cell["column"]


def causes(old: dict, new: dict) -> list[str]:
    """The cells that make two versions of a fact differ: another value, come in, or gone."""
    before, after = ({_address(c): c["value"] for c in fact["inputs"]} for fact in (old, new))
    found = []
    for address in dict.fromkeys([*after, *before]):
        if before.get(address) != after.get(address):
            place = f"{address[0]} {' '.join(value for _, value in address[1])}, {address[2]}"
            was, now = before.get(address, "not used"), after.get(address, "not used")
            found.append(f"{place}: {was} → {now}")
    return found or ["another formula" if old["formula"] != new["formula"] else "other words"]


def _because(old: dict, new: dict) -> str:
    found = causes(old, new)
    more = f" and {len(found) - CAUSES} more" if len(found) > CAUSES else ""
    return f" because of {'; '.join(found[:CAUSES])}{more}"


def _moved(old: dict, new: dict) -> dict:
    found = causes(old, new)
    return {
        "id": new["id"],
        "label": new["label"],
        "old": old["text"],
        "new": new["text"],
        "change": _change(old, new).strip(" ()"),
        "supplied": new.get("evidence") == "supplied",
        "because": found[:CAUSES] + ([f"{len(found) - CAUSES} more"] if len(found) > CAUSES else []),
    }

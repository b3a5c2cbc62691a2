"""From the compact descriptions beside the tables to ``datapackage.json``.

A folder's ``tables.toml`` says of each of its tables what it holds, its key and its columns; ``data/columns.toml``
says once what the tables share: columns, the units that endings of names stand for, terms of use. ``alliance
describe`` writes the Data Package from both, and ``alliance check`` refuses one that is not current.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from alliance import journal
from alliance.problems import BAD_INPUT, AllianceError

SHARED = "columns.toml"
TABLES = "tables.toml"
PACKAGE = "datapackage.json"
PARTIAL_DATE = r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?"
PRECISIONS = {"year": r"[0-9]{4}", "month": r"[0-9]{4}-[0-9]{2}", "day": r"[0-9]{4}-[0-9]{2}-[0-9]{2}"}


def descriptor(data: Path) -> dict:
    """The Data Package that the compact descriptions under ``data`` make.

    Raises
    ------
    AllianceError
        If a description cannot be read or lacks something, with its file and table.
    """
    shared = _toml(data / SHARED)
    resources = []
    for file in files(data):
        for table in _toml(file).get("table", []):
            try:
                resources.append(_resource(table, file, data, shared))
            except (AttributeError, KeyError, TypeError) as error:
                name = table.get("name") if isinstance(table, dict) else table
                raise AllianceError(f"{file}, table {name}: the description has not the form of the others ({error}).", BAD_INPUT) from None
    return {**shared["package"], "resources": resources}


def files(data: Path) -> list[Path]:
    """The descriptions under ``data``, that of the record itself first."""
    return [data / TABLES, *sorted(data.glob(f"*/{TABLES}"))]


def text(package: dict) -> str:
    """The package as JSON, a column a line, so that a change of one shows as one changed line."""
    head = json.dumps({k: v for k, v in package.items() if k != "resources"}, ensure_ascii=False, indent=2)
    resources = ",\n".join(_resource_text(r) for r in package["resources"])
    return head.removesuffix("\n}") + ',\n  "resources": [\n' + resources + "\n  ]\n}\n"


def write(data: Path) -> Path:
    """Write ``datapackage.json`` and return its path; a change of the data that was interrupted is finished first."""
    journal.finish(data)
    target = data / PACKAGE
    journal.put(target, text(descriptor(data)).encode())
    return target


def _toml(file: Path) -> dict:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AllianceError(f"{file} does not exist.", BAD_INPUT) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AllianceError(f"{file} is not valid TOML: {error}", BAD_INPUT) from None


def _resource(table: dict, file: Path, data: Path, shared: dict) -> dict:
    place = f"{file}, table {table.get('name', '(without a name)')}"
    missing = [k for k in ("name", "title", "description", "key", "columns", "vintage", "next_update", "terms") if not table.get(k)]
    if missing:
        raise AllianceError(f"{place}: {', '.join(missing)} missing.", BAD_INPUT)
    tail = [column for column in shared["tail"] if column != "locator" or table.get("locator")]
    fields = [_field(spec, shared, place) for spec in [*table["columns"], *(tail if table.get("tail", True) else [])]]
    folder = file.parent.relative_to(data)
    resource = {
        "name": table["name"],
        "title": table["title"],
        "description": table["description"],
        "path": (folder / f"{table['name']}.csv").as_posix(),
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "vintage": table["vintage"],
        "next_update": table["next_update"],
        "terms": shared["terms"].get(table["terms"], table["terms"]),
    }
    for name in ("time", "jump", "gaps", "parts", "sums", "not_above", "plausible", "yearly"):
        if name in table:
            resource[name] = table[name]
    resource["schema"] = {"fields": fields, "primaryKey": table["key"], "missingValues": [""]}
    keys = [key for field in fields if (key := _foreign_key(field))]
    if keys:
        resource["schema"]["foreignKeys"] = keys
    if "derived" in table:
        resource["derived"] = [_derived(spec, shared, place) for spec in table["derived"]]
    return resource


def _field(spec: str | dict, shared: dict, place: str) -> dict:
    """One field descriptor; what the spec leaves out follows from the shared column or the ending of its name."""
    spec = {"name": spec} if isinstance(spec, str) else spec
    name = spec["name"]
    spec = shared["columns"].get(name, {}) | spec
    unit = spec.get("unit") or ending(name, shared["endings"])
    kind = spec.get("type") or ("number" if unit or "unit_column" in spec else "string")
    if kind == "count":
        kind, unit = "integer", unit or "count"
    if "title" not in spec:
        raise AllianceError(f"{place}: column {name} has no title.", BAD_INPUT)
    field = {"name": name, "type": "string" if kind in ("date", "flag", "country") else kind, "title": spec["title"]}
    if "format" in spec:
        field["format"] = spec["format"]
    if unit and kind in ("number", "integer"):
        field["unit"] = unit
    if "unit_column" in spec:
        field["unitColumn"] = spec["unit_column"]
    if kind == "date":
        field["partialDate"] = True
    if kind == "country":
        field["country"] = True
    constraints = _constraints(spec, kind, unit)
    if constraints:
        field["constraints"] = constraints
    return field


def _constraints(spec: dict, kind: str, unit: str | None) -> dict:
    constraints: dict = {}
    if spec.get("required"):
        constraints["required"] = True
    if kind in ("number", "integer") and unit and not spec.get("signed"):
        constraints["minimum"] = spec.get("min", 0)
    elif "min" in spec:
        constraints["minimum"] = spec["min"]
    if "max" in spec:
        constraints["maximum"] = spec["max"]
    elif unit == "percent" and not spec.get("signed") and "min" not in spec:
        constraints["maximum"] = 100
    if kind == "flag":
        constraints["enum"] = ["yes", "no"]
    elif "enum" in spec:
        constraints["enum"] = spec["enum"]
    if kind == "date":
        constraints["pattern"] = PRECISIONS[spec["precision"]] if "precision" in spec else PARTIAL_DATE
    elif "pattern" in spec:
        constraints["pattern"] = spec["pattern"]
    return constraints


def _foreign_key(field: dict) -> dict | None:
    if field["name"] == "source_id":
        return {"fields": ["source_id"], "reference": {"resource": "sources", "fields": ["id"]}}
    if field.get("country"):
        return {"fields": [field["name"]], "reference": {"resource": "countries", "fields": ["name"]}}
    return None


def _derived(spec: dict, shared: dict, place: str) -> dict:
    unit = spec.get("unit") or ending(spec["name"], shared["endings"])
    column = spec.get("unit_column")
    if not ((unit or column) and spec.get("title") and spec.get("formula")):
        raise AllianceError(f"{place}: derived column {spec['name']} needs a title, a formula and a unit.", BAD_INPUT)
    stated = {"unitColumn": column} if column else {"unit": unit}
    return {"name": spec["name"], "title": spec["title"], **stated, "formula": spec["formula"]}


def ending(name: str, endings: dict[str, str]) -> str | None:
    """The unit that the ending of a column's name stands for: ``china_exports_usd_bn`` is in USD bn."""
    fitting = [e for e in endings if name == e or name.endswith(f"_{e}")]
    return endings[max(fitting, key=len)] if fitting else None


def _resource_text(resource: dict) -> str:
    lines = []
    for key, value in resource.items():
        if key == "schema":
            fields = ",\n".join(f"          {_inline(f)}" for f in value["fields"])
            rest = [f"        {_inline(k)}: {_inline(v)}" for k, v in value.items() if k != "fields"]
            lines.append('      "schema": {\n        "fields": [\n' + fields + "\n        ],\n" + ",\n".join(rest) + "\n      }")
        elif key == "derived":
            lines.append('      "derived": [\n' + ",\n".join(f"        {_inline(d)}" for d in value) + "\n      ]")
        else:
            lines.append(f"      {_inline(key)}: {_inline(value)}")
    return "    {\n" + ",\n".join(lines) + "\n    }"


def _inline(thing) -> str:
    return json.dumps(thing, ensure_ascii=False)

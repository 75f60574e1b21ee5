"""The verbs that ask: query, show, lineage, retrieve."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import BadValue, QueryError
from ..lineage import DataProduct, opened
from ..lineage.overview import find, named
from ..persistent import Condition, find_class, registry
from ..persistent.attributes.conditions import Column, resolve
from ..persistent.attributes.nights import night, time_of
from .output import console, natural_width, plain, print_json, say, table, words

_CONDITION = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(==|=|!=|<=|>=|<|>)\s*(.*)", re.DOTALL)


def query(call: Namespace) -> int:
    """List objects of a class for which all conditions hold."""
    with opened():
        cls = find_class(call.cls)
        found: Any = cls.select(*_conditions(cls, call))
        if call.order:
            found = found.order_by(call.order)
        if call.explain:
            text = found.explain()
            print_json({"explain": text}) if call.json else say(text)
            return 0
        if call.count:
            return _tell_counts(call, found)
        nights = [] if call.night is None else _nights(cls, call.night, found)
        number = len(found)
        paths = call.columns.split(",") if call.columns else _default_columns(cls)
        rows = found.limit(call.limit).values(*paths)
    if call.json:
        print_json([dict(zip(paths, map(plain, row), strict=True)) for row in rows])
        return 0
    if nights:
        say("\n".join(nights))
    title = f"{number} {call.cls}" + (f", first {len(rows)}" if len(rows) < number else "")
    if not rows:
        say(title)
    else:
        table(title, *(_fitting(paths, rows) if call.columns is None else (paths, rows)))
    return 0


def _conditions(cls: Any, call: Namespace) -> list[Condition]:
    """Return every condition of a call."""
    found = [parse_condition(cls, text) for text in call.conditions]
    if call.within is not None:
        parts = call.within.split(",")
        try:
            ra, dec, radius = map(float, parts)
        except ValueError:
            raise QueryError(
                f"--within {call.within}",
                expected="RA,DEC,RADIUS in degrees, such as 83.63,22.01,2",
            ) from None
        found.append(cls.within(ra, dec, radius))
    if call.night is not None:
        found.append(cls.on_night(call.night))
    return found


def _tell_counts(call: Namespace, found: Any) -> int:
    """Show how many objects there are of each value."""
    paths = call.count.split(",")
    counts = found.counts(*paths)
    rows = [(*(v if len(paths) > 1 else (v,)), n) for v, n in counts.items()]
    columns = [*paths, "objects"]
    if call.json:
        print_json([dict(zip(columns, map(plain, row), strict=True)) for row in rows])
    else:
        table(f"{sum(counts.values())} {call.cls}", columns, rows)
    return 0


def _nights(cls: Any, day: str, found: Any) -> list[str]:
    """Return the night of a date at every site of what was found, local and UTC."""
    steps, _, zone_steps, zone = time_of(cls)
    if any(step.many for step in steps):
        return []
    path = ".".join([*(step.name for step in (*steps, *zone_steps)), zone.name])
    return [str(night(day, name)) for name in found.counts(path)]


def _default_columns(cls: Any) -> list[str]:
    """Return the first scalar attributes of a class, then the identity."""
    short = [
        name
        for name, a in cls.__attributes__.items()
        if a.source == "class" and a.codec.column != "blob"
    ]
    return [*short[:7], "object_id"]


def _fitting(
    paths: Sequence[str], rows: Sequence[Sequence[Any]]
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Take columns before the last one away until a terminal has room for a row."""
    while console.is_terminal and len(paths) > 2 and natural_width(paths, rows) > console.width:
        paths = [*paths[:-2], paths[-1]]
        rows = [[*row[:-2], row[-1]] for row in rows]
    return paths, rows


def parse_condition(cls: Any, text: str) -> Condition:
    """Return the condition that a text such as ``run=7`` asks.

    Raises
    ------
    QueryError
        It cannot be read, or names no attribute.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise QueryError(
            f"The condition {text!r}", expected="such as run=7, n_events>100 or 'name=LST*'"
        )
    path, operator, value = match.groups()
    column = resolve(cls, path)
    is_pattern = ("*" in value or "?" in value) and column._attribute.codec.column == "text"
    if is_pattern and operator in ("=", "==", "!="):
        return ~column.like(value) if operator == "!=" else column.like(value)
    compare: dict[str, Any] = {
        "=": column.__eq__,
        "==": column.__eq__,
        "!=": column.__ne__,
        "<": column.__lt__,
        "<=": column.__le__,
        ">": column.__gt__,
        ">=": column.__ge__,
    }
    condition: Condition = compare[operator](_value(column, value))
    return condition


def _value(column: Column[Any], text: str) -> Any:
    """Return a value of the column's type; ``none`` for no value, a time without zone is UTC."""
    attribute: Any = column._attribute
    if text.lower() == "none":
        return None
    codec = attribute.codec
    try:
        if codec.name == "int":
            return int(text)
        if codec.name == "bool":
            return {"true": True, "false": False}[text.lower()]
        value = codec.from_json(text)
        is_local = isinstance(value, datetime) and value.tzinfo is None
        return value.replace(tzinfo=UTC) if is_local else value
    except (ValueError, TypeError, KeyError):
        raise QueryError(f"{column!r} = {text!r}", expected=attribute.expectation()) from None


def show(call: Namespace) -> int:
    """Show an object, or what a class is."""
    with opened() as workspace:
        if call.what in registry:
            return _show_class(call)
        obj = find(workspace, call.what.lower())
        answer = _described(workspace, obj)
    if call.json:
        print_json(answer)
    else:
        _tell_object(type(obj), answer)
    return 0


def _described(workspace: Any, obj: Any) -> dict[str, Any]:
    """Return everything that is known of an object, and of how it came about."""
    owner, project, level = workspace.names(obj)
    answer: dict[str, Any] = {
        "class": type(obj).__name__,
        "owner": owner,
        "project": project,
        "level": level,
        "attributes": {name: getattr(obj, name) for name in type(obj).__attributes__},
        "links": [
            {"role": role, "class": type(target).__name__, "object_id": target.object_id}
            for role, _, target in obj.linked()
        ],
    }
    if isinstance(obj, DataProduct):
        answer["files"] = [record.to_json() for record in obj.files]
        answer["made_by"] = obj.lineage().activities.get(obj.object_id)
    return answer


def _tell_object(cls: Any, answer: dict[str, Any]) -> None:
    known = cls.__attributes__
    table(
        f"{answer['class']} of {answer['owner']}, project {answer['project']}, "
        f"level {answer['level']}",
        ("attribute", "value", "unit", "meaning"),
        [(n, words(v), known[n].unit or "", known[n].doc) for n, v in answer["attributes"].items()],
        n_prose=1,
    )
    if answer["links"]:
        links = [(link["role"], link["class"], link["object_id"]) for link in answer["links"]]
        table("\nLinks", ("role", "class", "object_id"), links)
    if files := answer.get("files"):
        rows = [(f["role"], f["name"], f["size"], f["sha256"]) for f in files]
        table("\nFiles", ("role", "name", "bytes", "sha256"), rows)
    if activity := answer.get("made_by"):
        facts = {**activity, **activity["facts"]}
        told = [(n, words(v)) for n, v in facts.items() if n != "facts" and v is not None]
        table("\nMade by", ("", ""), told)


def _show_class(call: Namespace) -> int:
    cls = registry[call.what]
    summary = (cls.__doc__ or call.what).split("\n")[0]
    attributes = [(n, a.codec.name, a.unit or "", a.doc) for n, a in cls.__attributes__.items()]
    links = [(n, s.target.__name__, s.describe()) for n, s in cls.__links__.items()]
    if call.json:
        print_json(
            {
                "class": call.what,
                "doc": summary,
                "attributes": [
                    dict(zip(("name", "type", "unit", "doc"), a, strict=True)) for a in attributes
                ],
                "links": [dict(zip(("name", "class", "doc"), s, strict=True)) for s in links],
            }
        )
        return 0
    say(summary)
    rows = [(name, unit, f"{doc} [{kind}]") for name, kind, unit, doc in attributes]
    table("\nAttributes", ("name", "unit", "meaning"), rows, n_prose=1)
    if links:
        table("\nLinks", ("name", "class", "meaning"), links, n_prose=1)
    return 0


def lineage(call: Namespace) -> int:
    """Show what an object was made from."""
    with opened() as workspace:
        obj = named(workspace, call.what)
        if not isinstance(obj, DataProduct):
            raise BadValue(f"{obj!r} is no data product", expected="an object with a lineage")
        if call.why:
            reasons = obj.uptodate(explain=True)
            if call.json:
                print_json(
                    [
                        {"product": r.product.object_id, "part": r.part, "old": r.old, "new": r.new}
                        for r in reasons
                    ]
                )
            else:
                say("\n".join(map(str, reasons)) or f"{obj!r} is up to date")
            return 0
        if call.descendants:
            below = [(type(o).__name__, o.object_id) for o in obj.descendants()]
            if call.json:
                print_json([{"class": c, "object_id": i} for c, i in below])
            else:
                table(f"Made from {obj!r}", ("class", "object_id"), below)
            return 0
        graph = obj.lineage()
        if call.svg is not None:
            write_file(call.svg, graph.to_svg())
        if call.prov is not None:
            write_file(call.prov, graph.to_prov())
        if call.json:
            print_json(graph.to_json())
        else:
            say(graph.tree())
    return 0


def write_file(path: Path, text: str) -> None:
    """Write a text to the file that was asked for; raise BadValue where that cannot be."""
    try:
        path.write_text(text)
    except OSError as error:
        raise BadValue(
            f"{path} cannot be written: {error.strerror}",
            expected="a file in a folder that is there and may be written",
        ) from error


def retrieve(call: Namespace) -> int:
    """Bring a file of a product here, verified."""
    with opened() as workspace:
        obj = named(workspace, call.what)
        if not isinstance(obj, DataProduct):
            raise BadValue(f"{obj!r} owns no files", expected="a data product")
        path = obj.retrieve(call.to, role=call.role)
        record = obj.file(call.role)
    if call.json:
        print_json({"path": str(path), **record.to_json()})
    else:
        say(f"{path}  {record.size} bytes, verified")
    return 0

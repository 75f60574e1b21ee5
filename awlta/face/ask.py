"""The verbs that ask: query, show, lineage, retrieve."""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Any

from ..errors import BadValue, NotFound, QueryError
from ..lineage import DataProduct, opened
from ..lineage.overview import find
from ..persistent import Condition, find_class, registry
from ..persistent.conditions import Column, resolve
from .output import console, plain, print_json, table, words

_CONDITION = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(==|=|!=|<=|>=|<|>)\s*(.*)", re.DOTALL)


def query(call: Namespace) -> int:
    """List objects of a class for which all conditions hold."""
    with opened():
        cls = find_class(call.cls)
        conditions = [parse_condition(cls, text) for text in call.conditions]
        found: Any = cls.select(*conditions)
        if call.order:
            found = found.order_by(call.order)
        if call.explain:
            text = found.explain()
            print_json({"explain": text}) if call.json else console.print(text, markup=False)
            return 0
        number = len(found)
        paths = call.columns.split(",") if call.columns else _default_columns(cls)
        rows = found.limit(call.limit).values(*paths)
    if call.json:
        print_json([dict(zip(paths, map(plain, row), strict=True)) for row in rows])
        return 0
    title = f"{number} {call.cls}" + (f", first {len(rows)}" if len(rows) < number else "")
    table(title, paths, rows)
    return 0


def _default_columns(cls: Any) -> list[str]:
    """Return what fits on a screen: scalar attributes of the class, then the identity."""
    short = [
        name
        for name, a in cls.__attributes__.items()
        if a.source == "class" and a.codec.column != "blob"
    ]
    return [*short[:7], "object_id"]


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
    if operator in ("=", "=="):
        if ("*" in value or "?" in value) and column._attribute.codec.column == "text":
            return column.like(value)
        equal: Condition = column == _value(column, value)
        return equal
    operand = _value(column, value)
    if operator == "!=":
        different: Condition = column != operand
        return different
    compare = {"<": column.__lt__, "<=": column.__le__, ">": column.__gt__, ">=": column.__ge__}
    condition: Condition = compare[operator](operand)
    return condition


def _value(column: Column[Any], text: str) -> Any:
    """Return a value of the column's type; ``none`` for no value."""
    attribute: Any = column._attribute
    if text.lower() == "none":
        return None
    codec = attribute.codec
    try:
        if codec.name == "int":
            return int(text)
        if codec.name == "bool":
            return {"true": True, "false": False}[text.lower()]
        return codec.from_json(text)
    except (ValueError, TypeError, KeyError):
        raise QueryError(f"{column!r} = {text!r}", expected=attribute.expectation()) from None


def show(call: Namespace) -> int:
    """Show an object, or what a class is."""
    with opened() as workspace:
        if call.what in registry:
            return _show_class(call)
        obj = find(workspace, call.what)
        owner, project, level = workspace.names(obj)
        values = {name: getattr(obj, name) for name, a in type(obj).__attributes__.items()}
        links = [(role, t.object_id, repr(t)) for role, _, t in obj.linked()]
        files = list(obj.files) if isinstance(obj, DataProduct) else []
        if call.json:
            print_json(
                {
                    "class": type(obj).__name__,
                    "owner": owner,
                    "project": project,
                    "level": level,
                    "attributes": {k: plain(v) for k, v in values.items()},
                    "links": [{"role": r, "object_id": i} for r, i, _ in links],
                    "files": [f.to_json() for f in files],
                }
            )
            return 0
        rows = []
        for name, value in values.items():
            attribute = type(obj).__attributes__[name]
            rows.append((name, words(value), attribute.unit or "", attribute.doc))
        table(
            f"{type(obj).__name__} of {owner}, project {project}, level {level}",
            ("attribute", "value", "unit", "meaning"),
            rows,
        )
        if links:
            table("Links", ("role", "object", ""), links)
        if files:
            table(
                "Files",
                ("role", "name", "bytes", "sha256"),
                [(f.role, f.name, f.size, f.sha256) for f in files],
            )
    return 0


def _show_class(call: Namespace) -> int:
    cls = registry[call.what]
    attributes = [(n, a.codec.name, a.unit or "", a.doc) for n, a in cls.__attributes__.items()]
    links = [(n, s.target.__name__, s.describe()) for n, s in cls.__links__.items()]
    if call.json:
        print_json(
            {
                "class": call.what,
                "doc": cls.__doc__,
                "attributes": [
                    dict(zip(("name", "type", "unit", "doc"), a, strict=True)) for a in attributes
                ],
                "links": [dict(zip(("name", "class", "doc"), s, strict=True)) for s in links],
            }
        )
        return 0
    console.print((cls.__doc__ or call.what).split("\n")[0], markup=False)
    table("Attributes", ("name", "type", "unit", "meaning"), attributes)
    if links:
        table("Links", ("name", "class", "meaning"), links)
    return 0


def _product(workspace: Any, what: str) -> Any:
    """Return an object by its id or the end of it, or the newest of a class."""
    if what not in registry:
        return find(workspace, what)
    newest = registry[what].select_all().max("creation_date")
    if newest is None:
        raise NotFound(f"There is no {what} yet", do=f"'awlta make {what}' makes what it can")
    return newest


def lineage(call: Namespace) -> int:
    """Show what an object was made from."""
    with opened() as workspace:
        obj = _product(workspace, call.what)
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
                text = "\n".join(map(str, reasons)) or f"{obj!r} is up to date"
                console.print(text, markup=False)
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
            call.svg.write_text(graph.to_svg())
        if call.prov is not None:
            call.prov.write_text(graph.to_prov())
        if call.json:
            print_json(graph.to_json())
        else:
            console.print(graph.tree(), markup=False, soft_wrap=True)
    return 0


def retrieve(call: Namespace) -> int:
    """Bring a file of a product here, verified."""
    with opened() as workspace:
        obj = _product(workspace, call.what)
        if not isinstance(obj, DataProduct):
            raise BadValue(f"{obj!r} owns no files", expected="a data product")
        path = obj.retrieve(call.to, role=call.role)
        record = obj.file(call.role)
    if call.json:
        print_json({"path": str(path), **record.to_json()})
    else:
        console.print(f"{path}  {record.size} bytes, verified", markup=False)
    return 0

"""A parcel is checked before a row of it is written: classes, columns, links, contents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from ...errors import BadInput
from .. import tables
from ..attributes.attributes import LinkList
from ..classes.forms import FORM, later_in
from ..classes.model import Persistent, registry
from ..classes.records import shared_digest
from .container import Parcel, quoted
from .sending import describe_class

Digest = Callable[[Persistent, Sequence[Any], Collection[str]], str | None]
"""Gives the content digest of an object that is not shared, from its attributes and file rows,
without the attributes that its class has gained later."""

_MOST_TOLD = 5

_POINTERS = (
    ("dep", "product", False),
    ("dep", "target", True),
    ("file", "product", False),
    ("standing", "product", False),
    ("activity", "release", True),
    ("activity", "environment", True),
)
"""Table, column that points to an object, whether that may have stayed behind."""


def check_parcel(parcel: Parcel, digest_of: Digest) -> None:
    """Verify a parcel wholly.

    Raises
    ------
    BadInput
        It is damaged, does not hang together, or holds what is not known here; all is named.
    """
    parcel.verify()
    check_classes(parcel)
    check_columns(parcel)
    check_pointers(parcel)
    check_contents(parcel, digest_of)


def check_classes(parcel: Parcel) -> None:
    """Compare the classes of a parcel with those that are known here."""
    faults: list[str] = []
    for name, told in sorted(parcel.facts["classes"].items()):
        cls = registry.get(name)
        if cls is None:
            faults.append(f"{name} is not known here")
            continue
        own = describe_class(cls)
        if own["is_shared"] != told["is_shared"]:
            faults.append(f"{name} is shared on one side alone")
        for table in sorted(own["tables"].keys() | told["tables"].keys()):
            here, there = own["tables"].get(table, {}), told["tables"].get(table, {})
            different = sorted(
                f"{n} ({there.get(n, 'absent')} there, {here.get(n, 'absent')} here)"
                for n in here.keys() | there.keys()
                if here.get(n) != there.get(n)
            )
            faults += [f"{name} differs in {', '.join(different)}"] if different else []
    if faults:
        raise BadInput(
            f"{parcel.path} holds classes that differ: {'; '.join(faults)}",
            expected="the classes as they are on the other side",
            do="Install the same recipe packages on both sides, and migrate",
        )


def check_columns(parcel: Parcel) -> None:
    """Compare the tables of a parcel with those here; a later one may have more columns."""
    for table in tables_of(parcel):
        here, there = set(table.c.keys()), set(parcel.columns(table.name))
        required = {c.name for c in table.columns if not c.nullable}
        if there - here or required - there:
            different = ", ".join(sorted((there - here) | (required - there)))
            raise BadInput(
                f"The table {table.name} of {parcel.path} differs in {different}",
                expected=f"columns {', '.join(table.c.keys())}",
                do="Export it again with the release of awlta that runs here",
            )


def tables_of(parcel: Parcel) -> list[Table]:
    """Return the tables here of which there are rows in a parcel."""
    found = [t for t in tables.SYSTEM.sorted_tables if parcel.has(t.name)]
    for name in parcel.facts["classes"]:
        found += [t for _, t in tables.class_tables(registry[name]) if t not in found]
    missing = [t.name for t in found if not parcel.has(t.name)]
    strange = set(parcel.facts["tables"]) - {t.name for t in found} - {"_hidden"}
    if missing or strange:
        raise parcel.damaged(f"its tables are not those of its classes: {missing or strange}")
    return found


def check_pointers(parcel: Parcel) -> None:
    """Look for keys that lead nowhere and are not told as left behind."""
    for table, column, may_be_hidden in _POINTERS:
        hidden = f"AND {column} NOT IN (SELECT id FROM _hidden)" if may_be_hidden else ""
        lost = parcel.connection.execute(
            f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL "
            f"AND {column} NOT IN (SELECT id FROM product) {hidden}"
        ).fetchone()[0]
        if lost:
            raise parcel.damaged(f"{lost} rows of {table} have a {column} that leads nowhere")
    lost = parcel.connection.execute(
        "SELECT count(*) FROM product WHERE activity IS NOT NULL "
        "AND activity NOT IN (SELECT id FROM activity)"
    ).fetchone()[0]
    if lost:
        raise parcel.damaged(f"{lost} products have an activity that is not there")
    for name in parcel.facts["classes"]:
        for _, part in tables.class_tables(registry[name]):
            lost = parcel.connection.execute(
                "SELECT count(*) FROM product WHERE class_name = ? "
                f"AND id NOT IN (SELECT id FROM {quoted(part.name)})",
                (name,),
            ).fetchone()[0]
            if lost:
                raise parcel.damaged(f"{lost} objects of {name} have no row in {part.name}")


def check_contents(parcel: Parcel, digest_of: Digest) -> None:
    """Rebuild every object from its row and work out its content digest again."""
    wrong: list[str] = []
    strangers = parcel.connection.execute("SELECT DISTINCT class_name FROM product").fetchall()
    if {name for (name,) in strangers} != set(parcel.facts["classes"]):
        raise parcel.damaged("its objects are not of the classes that it tells")
    later = _later(parcel)
    for name in parcel.facts["classes"]:
        for key, obj, stored in rebuilt(parcel, registry[name]):
            if type(obj).__shared__:
                _set_links(parcel, key, obj)
                found: str | None = shared_digest(obj)
            else:
                files = parcel.connection.execute(
                    "SELECT role, name, size, sha256, adler32, content_digest, media_type "
                    "FROM file WHERE product = ?",
                    (key,),
                )
                gained = later.get(key, frozenset())
                found = digest_of(obj, files.fetchall(), gained) if stored is not None else None
            if found != stored:
                wrong.append(f"{name} {obj.__dict__['object_id']}")
    if wrong:
        more = f" and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else ""
        raise parcel.damaged(
            f"the content of {', '.join(wrong[:_MOST_TOLD])}{more} has another digest than stored"
        )


def _later(parcel: Parcel) -> dict[int, frozenset[str]]:
    """Return the attributes that were not there yet when some products were made."""
    found: dict[int, frozenset[str]] = {}
    rows = parcel.connection.execute(
        "SELECT product, detail FROM standing WHERE kind = ? ORDER BY id", (FORM,)
    )
    for key, detail in rows:
        try:
            found[key] = found.get(key, frozenset()) | later_in(detail)
        except ValueError as error:
            raise parcel.damaged(f"what came later to the object {key} is {detail!r}") from error
    return found


def rebuilt(
    parcel: Parcel, cls: Any, key: int | None = None
) -> Iterator[tuple[int, Persistent, str | None]]:
    """Yield key, object and stored content digest of the objects of exactly one class."""
    stored = [a for a in cls.__attributes__.values() if a.source != "standing"]
    columns, source = ["p.id", "p.content_digest"], "product p"
    for _, table in tables.class_tables(cls):
        source += f" JOIN {quoted(table.name)} ON {quoted(table.name)}.id = p.id"
    for attribute in stored:
        place = "p"
        if attribute.source != "product":
            place = quoted(tables.table_of(attribute.owner).name)
        columns.append(f"{place}.{quoted(attribute.name)}")
    where, values = "p.class_name = ?", [cls.__name__]
    if key is not None:
        where, values = f"{where} AND p.id = ?", [*values, key]
    statement = f"SELECT {', '.join(columns)} FROM {source} WHERE {where} ORDER BY p.id"
    for rows in parcel.batches(statement, values):
        for row in rows:
            obj = cls.__new__(cls)
            for attribute, value in zip(stored, row[2:], strict=True):
                obj.__dict__[attribute.name] = _decoded(parcel, attribute, value, row[0])
            yield row[0], obj, None if row[1] is None else row[1].hex()


def _decoded(parcel: Parcel, attribute: Any, value: Any, key: int) -> Any:
    if value is None:
        is_gap = attribute.source == "class" and not attribute.nullable
        return float("nan") if is_gap and attribute.codec.column == "real" else None
    try:
        return attribute.codec.decode(value)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise parcel.damaged(f"{attribute.place} of the object {key} is {value!r}") from error


def _set_links(parcel: Parcel, key: int, obj: Persistent) -> None:
    """Set the links of a shared object, whose digest goes by what it links."""
    targets: dict[str, list[Any]] = {name: [] for name in type(obj).__links__}
    found = parcel.connection.execute(
        "SELECT d.role, p.id, p.class_name, p.object_id FROM dep d JOIN product p "
        "ON p.id = d.target WHERE d.product = ? ORDER BY d.role, d.position",
        (key,),
    )
    for role, target, name, raw in found.fetchall():
        cls = registry[name]
        if cls.__shared__:
            _, other, _ = next(rebuilt(parcel, cls, target))
            _set_links(parcel, target, other)
        else:
            other = cls.__new__(cls)
            other.__dict__["object_id"] = str(UUID(bytes=raw))
        targets.setdefault(role, []).append(other)
    for name, step in type(obj).__links__.items():
        value = LinkList(obj, step, targets[name]) if step.many else None
        obj.__dict__[name] = value if step.many else next(iter(targets[name]), None)

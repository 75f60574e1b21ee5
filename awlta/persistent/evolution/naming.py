"""By what shared objects are known as equal, written anew where a changed class made it void.

The digest of the content of each, and its name for those whom it serves, are taken away with the
change of the tables (:mod:`awlta.persistent.evolution.outdated`). Both are written in one
transaction, so an object that has no digest is one that has no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, bindparam, func, select, text

from ...digest import digest_text
from .. import tables
from ..classes.model import registry
from ..classes.records import shared_digest
from ..context import PROJECT
from ..engine.retry import retried
from ..session import Session

_CHUNK = 500
"""Objects of one transaction; PostgreSQL holds a lock for the name of each."""

_NAME = text(
    "INSERT INTO shared (home, digest, product) VALUES (:home, :digest, :product) "
    "ON CONFLICT (home, digest) DO UPDATE SET product = excluded.product "
    "WHERE excluded.product < shared.product"
)
"""Of two that are equal the older one keeps the name."""


def without_name(session: Session) -> int:
    """Return how many shared objects in the read scope cannot be found by what they hold."""
    nameless = _nameless(session).subquery()
    with session.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(nameless)).scalar_one())


def write_names(session: Session) -> int:
    """Write digest and name of the shared objects that have none; return how many."""
    with session.database.read() as connection:
        rows = connection.execute(_nameless(session)).all()
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        objects = session.load([(row.id, row.class_name) for row in part])
        found = {obj.__dict__["_key"]: shared_digest(obj) for obj in objects}
        _write(session, [_named(session, row, found[row.id]) for row in part])
    return len(rows)


def _named(session: Session, row: Any, digest: str) -> dict[str, Any]:
    """Return what is written of an object, named for those who read it, as a new one is."""
    context = replace(session.context, owner_key=row.owner, project_key=row.project)
    # until an embargo ends there are no others than the project
    level = row.level if row.embargo is None else min(row.level, PROJECT)
    return {
        "home": row.home,
        "digest": bytes.fromhex(digest_text(digest, context.audiences(level)[0])),
        "product": row.id,
        "content": bytes.fromhex(digest),
    }


@retried
def _write(session: Session, found: Sequence[dict[str, Any]]) -> None:
    p, database = tables.product, session.database
    names = [{k: one[k] for k in ("home", "digest", "product")} for one in found]
    contents = [{"at": one["product"], "found": one["content"]} for one in found]
    with database.write() as connection:
        database.serialise(connection, *sorted({f"shared {one['digest'].hex()}" for one in names}))
        connection.execute(_NAME, names)
        connection.execute(
            p.update().where(p.c.id == bindparam("at")).values(content_digest=bindparam("found")),
            contents,
        )


def _nameless(session: Session) -> Select[Any]:
    """Return the statement for shared objects in the read scope that have no digest."""
    p = tables.product
    shared = [name for name, cls in registry.items() if cls.__shared__]
    columns = (p.c.id, p.c.class_name, p.c.home, p.c.owner, p.c.project, p.c.level, p.c.embargo)
    return (
        select(*columns)
        .where(p.c.content_digest.is_(None), p.c.class_name.in_(shared), session.context.scope(p))
        .order_by(p.c.id)
    )

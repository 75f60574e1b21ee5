"""The digest of what a product asks for, written anew where rows have none or an outdated one.

Rows of databases from before it was kept have none. When a class gains an attribute, what its
products ask for gains its default, and so does the content of its shared objects: they are found
again once their digests are written anew. ``awlta migrate`` takes those away with the change of
the tables and calls :func:`refill`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, bindparam, func, select, true
from sqlalchemy.sql.expression import Select

from ...persistent import registry, tables
from ...persistent.context import Context
from ...persistent.engine.retry import retried
from ...persistent.evolution.naming import write_names
from ...persistent.session import CHUNK, Session
from .targets import work_key


def without_work(session: Session) -> int:
    """Return how many products in the read scope were made and cannot be found by their inputs."""
    made = _made(session).where(tables.product.c.work.is_(None)).subquery()
    with session.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(made)).scalar_one())


def write_work(session: Session, classes: Sequence[str] = ()) -> int:
    """Write the digests of products that have none, and of all of some classes.

    Parameters
    ----------
    session : Session
    classes : sequence of str
        Names of classes that have changed.

    Returns
    -------
    int
        How many rows were written.
    """
    p = tables.product
    absent = p.c.work.is_(None)
    wanted = absent | p.c.class_name.in_(classes) if classes else absent
    with session.database.read() as connection:
        rows = [
            (row.id, row.class_name) for row in connection.execute(_made(session).where(wanted))
        ]
    for start in range(0, len(rows), CHUNK):
        objects = session.load(rows[start : start + CHUNK])
        _write(session, [(obj.__dict__["_key"], work_key(obj)) for obj in objects])
    return len(rows)


@retried
def _write(session: Session, works: Sequence[tuple[int, bytes]]) -> None:
    p = tables.product
    with session.database.write() as connection:
        connection.execute(
            p.update().where(p.c.id == bindparam("at")).values(work=bindparam("found")),
            [{"at": key, "found": work} for key, work in works],
        )


def refill(url: str) -> int:
    """Write the digests of all products and shared objects that have none; return how many.

    Whoever's they are.

    Parameters
    ----------
    url : str
        Of a database, as the owner of its tables reaches it.
    """
    session = _Whole(url, "", "")
    try:
        with session.use():
            return write_names(session) + write_work(session)
    finally:
        session.close()


class _Everything(Context):
    """Nobody's context: all rows are in its scope."""

    def scope(self, alias: object) -> ColumnElement[bool]:
        return true()


class _Whole(Session):
    """A session of nobody, that reads everything and makes no object."""

    def _enter(self, user: str, project: str, level: int, node: int) -> Context:
        return _Everything(user, project, level, node, owner_key=-1, project_key=-1)


def _made(session: Session) -> Select[tuple[int, str]]:
    """Return the statement for products in the read scope that a recipe has made."""
    p, a = tables.product, tables.activity
    return (
        select(p.c.id, p.c.class_name)
        .join(a, a.c.id == p.c.activity)
        .where(a.c.kind == "make", p.c.class_name.in_(list(registry)), session.context.scope(p))
    )

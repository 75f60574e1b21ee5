"""What is in the database at a glance, and one object by its id or the end of it."""

from __future__ import annotations

import re

from sqlalchemy import func, select

from ..errors import BadValue, NotFound
from ..persistent import Persistent, registry, tables
from ..persistent.session import Session
from ..storage.intent import OPEN, intents

_SHORT = re.compile(r"[0-9a-f-]{4,36}")


def class_counts(session: Session) -> list[tuple[str, int]]:
    """Return class names with the number of their objects in the read scope."""
    p = tables.product
    statement = (
        select(p.c.class_name, func.count())
        .where(session.context.scope(p), session.context.living(p))
        .group_by(p.c.class_name)
        .order_by(p.c.class_name)
    )
    with session.database.read() as connection:
        return [(name, int(number)) for name, number in connection.execute(statement)]


def open_work(session: Session) -> int:
    """Return how many intents were begun and not ended."""
    return len(intents(session, *OPEN))


def find(session: Session, text: str) -> Persistent:
    """Return the object of an object_id, or of the end of one as the lineage tree prints it.

    Raises
    ------
    BadValue
        The text cannot be an id.
    NotFound
        No object, or more than one, ends like this.
    """
    if not _SHORT.fullmatch(text):
        raise BadValue(
            f"{text!r} is no object_id", expected="a class name, a UUID, or its last 12 digits"
        )
    if len(text) == 36:
        return session.get(text)
    p = tables.product
    to_hex = func.hex(p.c.object_id)
    if session.database.dialect == "postgresql":
        to_hex = func.encode(p.c.object_id, "hex")
    ending = text.replace("-", "")
    statement = select(p.c.id, p.c.class_name).where(
        func.lower(to_hex).like(f"%{ending}"), session.context.scope(p)
    )
    with session.database.read() as connection:
        found = [(key, name) for key, name in connection.execute(statement.limit(2))]
    if len(found) != 1:
        number = "No object" if not found else "More than one object"
        raise NotFound(f"{number} has an id that ends in {text}", do="Give more digits of it")
    return session.load(found)[0]


def named(session: Session, what: str) -> Persistent:
    """Return an object by its id or the end of it, or the newest of a class.

    Raises
    ------
    BadValue, NotFound
    """
    if what not in registry:
        return find(session, what.lower())
    newest: Persistent | None = registry[what].select_all().max("creation_date")
    if newest is None:
        raise NotFound(
            f"There is no {what} yet", do="'awlta ingest' and 'awlta make' bring what there is"
        )
    return newest

"""The tombstone of a deleted object: who deleted it, when, why, and what can still be done."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import not_, select

from ...errors import NotFound
from ...persistent import tables
from ...persistent.attributes.codecs import microseconds_to_time
from ...persistent.session import Session
from ...persistent.tombstones import PURGED, TOMBSTONE
from ..quality.standing import chunks


@dataclass(frozen=True)
class Tombstone:
    """That an object is deleted.

    Attributes
    ----------
    author, reason : str
    written, until : datetime, UTC
        When it was deleted, and until when that can be undone.
    is_purged : bool
        Its bytes are gone, or are being removed.
    is_remakeable : bool
        A recipe made it, so that it can be made again.
    seconds : float or None, s
        What making it took, where that is known.
    """

    author: str
    reason: str
    written: datetime
    until: datetime
    is_purged: bool
    is_remakeable: bool
    seconds: float | None

    @property
    def can_be_undone(self) -> bool:
        """Whether ``undelete()`` brings it back now."""
        return not self.is_purged and datetime.now(UTC) <= self.until

    @property
    def remedy(self) -> str:
        """What can still be done, in words."""
        if self.can_be_undone:
            return f"undelete() brings it back until {self.until:%Y-%m-%d %H:%M} UTC"
        if not self.is_remakeable:
            return "It cannot be made again"
        took = "" if self.seconds is None else f"; it took {self.seconds:.2g} s"
        return f"remake().make() makes it again{took}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "author": self.author,
            "reason": self.reason,
            "written": self.written.isoformat(),
            "until": self.until.isoformat(),
            "is_purged": self.is_purged,
            "is_remakeable": self.is_remakeable,
            "seconds": self.seconds,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        return f"deleted by {self.author} on {self.written:%Y-%m-%d %H:%M} UTC: {self.reason}"


def tombstones(session: Session, keys: Iterable[int]) -> dict[int, Tombstone]:
    """Return the tombstones of those of some objects that are deleted, by their keys."""
    p, s, a = tables.product, tables.standing, tables.activity
    found: dict[int, Tombstone] = {}
    with session.database.read() as connection:
        for part in chunks(list(keys)):
            rows = connection.execute(
                select(s)
                .where(s.c.product.in_(part), s.c.kind.in_((TOMBSTONE, PURGED)))
                .where(session.context.until(s))
                .order_by(s.c.id)
            ).all()
            newest = {r.product: r for r in rows if r.kind == TOMBSTONE}
            purged = {r.product for r in rows if r.kind == PURGED}
            deleted = [key for key, r in newest.items() if r.value == 1]
            if not deleted:
                continue
            runs = connection.execute(
                select(p.c.id, a.c.kind, a.c.interactive, a.c.started, a.c.ended)
                .outerjoin(a, a.c.id == p.c.activity)
                .where(p.c.id.in_(deleted))
            )
            for key, kind, interactive, started, ended in runs:
                found[key] = Tombstone(
                    author=newest[key].author,
                    reason=newest[key].reason,
                    written=microseconds_to_time(newest[key].written),
                    until=until_of(newest[key].detail),
                    is_purged=key in purged,
                    is_remakeable=kind == "make" and not interactive,
                    seconds=None if started is None else (ended - started) / 1e6,
                )
    return found


def deleted(session: Session) -> list[tuple[str, str, Tombstone]]:
    """Return class, object_id and tombstone of one's own deleted objects, the newest last."""
    p, s = tables.product, tables.standing
    dead = select(s.c.id).where(s.c.product == p.c.id, s.c.kind == TOMBSTONE)
    statement = select(p.c.id, p.c.class_name, p.c.object_id).where(
        p.c.owner == session.context.owner_key, dead.exists(), not_(session.context.living(p))
    )
    with session.database.read() as connection:
        rows = {
            key: (name, str(UUID(bytes=bytes(raw))))
            for key, name, raw in connection.execute(statement)
        }
    stones = tombstones(session, rows)
    found = [(*rows[key], stone) for key, stone in stones.items()]
    return sorted(found, key=lambda entry: entry[2].written)


def tombstone_of(session: Session, obj: Any) -> Tombstone | None:
    """Return the tombstone of an object, None if it is not deleted."""
    key = obj.__dict__.get("_key")
    return None if key is None else tombstones(session, [key]).get(key)


def refuse_deleted(session: Session, obj: Any) -> None:
    """Raise NotFound where an object is deleted, with what can still be done."""
    tombstone = tombstone_of(session, obj)
    if tombstone is not None:
        raise NotFound(
            f"{obj!r} was {tombstone}",
            expected="a product that is not deleted",
            do=tombstone.remedy,
        )


def detail_of(until: datetime) -> str:
    """Return the detail of a tombstone row."""
    return json.dumps({"until": until.isoformat()})


def until_of(detail: str) -> datetime:
    """Return until when a tombstone can be undone."""
    return datetime.fromisoformat(json.loads(detail)["until"])

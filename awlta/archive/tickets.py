"""The Storage Ticket: the state of one file's way into the archive, with its history.

A ticket extends the intent of :mod:`awlta.storage.intent`: the two move together, in one
transaction, by the same table of legal moves. Every move is a row: when, who, why.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from ..persistent import tables
from ..persistent.attributes.codecs import microseconds_to_time
from ..persistent.engine.retry import retried
from ..persistent.session import Session
from ..storage.intent import Lease, State, move


@dataclass(frozen=True)
class TicketEvent:
    """One move of a ticket."""

    state: State
    when: datetime
    who: str
    why: str


@dataclass(frozen=True)
class Ticket:
    """A Storage Ticket.

    Attributes
    ----------
    number : int
    object_id : str
        Identity of the product that the file becomes.
    state : State
    source, destination : str
        Where the file came from, and its name on the dataserver once that is known.
    sip : str
        The document that announced it, empty where none could be written.
    reason : str
        Why it failed or expired.
    history : tuple of TicketEvent
    """

    number: int
    object_id: str
    state: State
    source: str
    destination: str
    sip: str
    reason: str
    history: tuple[TicketEvent, ...]

    @property
    def sip_sha256(self) -> str:
        """Digest of the SIP."""
        return hashlib.sha256(self.sip.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the ticket as JSON holds it."""
        return {
            "ticket": self.number,
            "object_id": self.object_id,
            "state": self.state.value,
            "source": self.source,
            "destination": self.destination,
            "sip_sha256": self.sip_sha256,
            "reason": self.reason,
            "history": [
                {"state": e.state.value, "when": e.when.isoformat(), "who": e.who, "why": e.why}
                for e in self.history
            ],
        }


@retried
def open_ticket(session: Session, lease: Lease, source: str) -> int:
    """Return the number of the ticket of an intent, which is made where there is none.

    A ticket that an earlier attempt left goes back to requested.
    """
    t = tables.ticket
    raw = UUID(lease.object_id).bytes
    with session.unit(durable=True) as unit:
        number = unit.connection.execute(select(t.c.id).where(t.c.object_id == raw)).scalar()
        if number is None:
            number = unit.key()
            empty = hashlib.sha256(b"").digest()
            state = State.REQUESTED.value
            row = (raw, state, source, "", "", empty, "", unit.now, unit.now)
            unit.row(tables.ticket, (number, *row))
            _event(unit, session, number, State.REQUESTED, "")
        else:
            _set(unit.connection, number, State.REQUESTED, unit.now, {"reason": ""})
            _event(unit, session, number, State.REQUESTED, f"attempt {lease.attempt}")
    return int(number)


@retried
def move_ticket(
    session: Session,
    lease: Lease,
    number: int,
    new: State,
    *,
    why: str = "",
    unit: Any = None,
    **values: Any,
) -> None:
    """Move a ticket and its intent together, if the lease still holds.

    Parameters
    ----------
    unit : Unit, optional
        Unit of work to do it in; by default one of its own.
    **values
        Columns of the ticket to set: destination, sip.

    Raises
    ------
    LeaseLost, Refused
    """
    if unit is None:
        with session.unit(durable=True) as own:
            move_ticket(session, lease, number, new, why=why, unit=own, **values)
        return
    names = [values["destination"]] if values.get("destination") else None
    move(session, lease, new, names=names, reason=why, connection=unit.connection)
    if "sip" in values:
        values["sip_digest"] = hashlib.sha256(values["sip"].encode()).digest()
    _set(unit.connection, number, new, unit.now, {"reason": why, **values})
    _event(unit, session, number, new, why)


@retried
def expire_ticket(session: Session, object_id: str, why: str) -> None:
    """Set the ticket of an intent that was given up to expired, where it has one."""
    t = tables.ticket
    with session.unit(durable=True) as unit:
        wanted = select(t.c.id).where(t.c.object_id == UUID(object_id).bytes)
        number = unit.connection.execute(wanted).scalar()
        if number is not None:
            _set(unit.connection, number, State.EXPIRED, unit.now, {"reason": why})
            _event(unit, session, number, State.EXPIRED, why)


def _set(
    connection: Connection, number: int, state: State, now: int, values: dict[str, Any]
) -> None:
    t = tables.ticket
    connection.execute(
        update(t).where(t.c.id == number).values(state=state.value, updated=now, **values)
    )


def _event(unit: Any, session: Session, number: int, state: State, why: str) -> None:
    row = (number, state.value, session.context.user, why, unit.now)
    unit.row(tables.ticket_event, (unit.key(), *row))


def tickets(session: Session, *states: State) -> list[Ticket]:
    """Return the tickets in some states, or all, oldest first; two queries."""
    t, e = tables.ticket, tables.ticket_event
    statement = select(t).where(session.context.scope(t)).order_by(t.c.id)
    if states:
        statement = statement.where(t.c.state.in_([s.value for s in states]))
    history = select(e).where(session.context.scope(e)).order_by(e.c.id)
    with session.database.read() as connection:
        rows = connection.execute(statement).all()
        events: dict[int, list[TicketEvent]] = {}
        for r in connection.execute(history):
            when = microseconds_to_time(r.written)
            event = TicketEvent(State(r.state), when, r.author, r.reason)
            events.setdefault(r.ticket, []).append(event)
    return [
        Ticket(
            r.id,
            str(UUID(bytes=bytes(r.object_id))),
            State(r.state),
            r.source,
            r.destination,
            r.sip,
            r.reason,
            tuple(events.get(r.id, ())),
        )
        for r in rows
    ]

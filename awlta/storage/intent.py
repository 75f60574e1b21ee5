"""The intent: a row that says what is about to be stored, before a byte moves.

An intent makes storing and committing one act that a kill cannot split (the steps are in
docs/decisions/0003-crash-protocol.md). It belongs to whoever holds its lease; a lease ends when
its time is over, or at once when its process on this host is gone. A ticket of the archive is an
intent with a history.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from ..errors import Fault, LeaseLost, NotFound, Refused
from ..persistent import new_object_id, tables
from ..persistent.attributes.codecs import time_to_microseconds
from ..persistent.engine.retry import retried
from ..persistent.session import Session

LEASE = timedelta(minutes=30)
"""How long a lease of another host is believed."""


class State(Enum):
    """Where an intent, or a Storage Ticket, stands."""

    REQUESTED = "requested"
    TRANSFERRING = "transferring"
    VERIFIED = "verified"
    ARCHIVED = "archived"
    FAILED = "failed"
    EXPIRED = "expired"


LEGAL: dict[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.TRANSFERRING, State.FAILED, State.EXPIRED}),
    State.TRANSFERRING: frozenset({State.VERIFIED, State.FAILED, State.EXPIRED}),
    State.VERIFIED: frozenset({State.ARCHIVED, State.FAILED, State.EXPIRED}),
    State.ARCHIVED: frozenset(),
    State.FAILED: frozenset({State.REQUESTED}),
    State.EXPIRED: frozenset({State.REQUESTED}),
}
"""Every legal move. A failed or expired one is taken up again as requested, never half-way."""

OPEN = (State.REQUESTED, State.TRANSFERRING, State.VERIFIED)
"""States in which work is going on, or was when its process died."""


@dataclass(frozen=True)
class Lease:
    """The right to carry one intent through.

    Attributes
    ----------
    object_id : str
    attempt : int
        1 for the first; counts up when the work is taken over.
    token : str
        Compared when the state moves: who has lost it can no longer commit.
    """

    object_id: str
    attempt: int
    token: str


def check_move(old: State, new: State, what: str) -> None:
    """Raise Refused where the table of legal moves has no such move."""
    if new not in LEGAL[old]:
        legal = ", ".join(sorted(s.value for s in LEGAL[old])) or "nothing: it is the end"
        raise Refused(f"{what} cannot go from {old.value} to {new.value}", expected=legal)


@retried
def begin(
    session: Session, *, object_id: str, kind: str, class_name: str, work: str, names: Sequence[str]
) -> Lease:
    """Write the intent row, or take over the one that a dead process left for the same work.

    Parameters
    ----------
    session : Session
    object_id : str
        Identity proposed; the one of an intent that is taken over wins, and a new one is given
        where the proposed one belongs to other work.
    kind : str
        ``make`` or ``ingest``.
    class_name : str
    work : str
        sha256 that names the work: equal work is never done twice at a time.
    names : sequence of str
        File names that will be stored, as far as they are known.

    Raises
    ------
    Refused
        A process that is alive is doing this work now.
    """
    i = tables.intent
    now = _now()
    token = _token()
    with session.database.write() as connection:
        session.database.serialise(connection, f"intent {work}")
        row = _pending(connection, session, work)
        if row is not None:
            over = State(row.state) in (State.FAILED, State.EXPIRED)
            if not over and not _is_free(row.lease, row.lease_until, now):
                raise Refused(
                    f"{class_name} {UUID(bytes=bytes(row.object_id))} is being made by "
                    f"{_holder(row.lease)}",
                    do="Wait for it, or end that process",
                )
            lease = Lease(str(UUID(bytes=bytes(row.object_id))), row.attempt + 1, token)
            connection.execute(
                update(i)
                .where(i.c.object_id == row.object_id)
                .values(
                    state=State.REQUESTED.value,
                    attempt=lease.attempt,
                    lease=token,
                    lease_until=now + _micros(LEASE),
                    reason="",
                    updated=now,
                )
            )
            return lease
        if _is_known(connection, object_id):  # what it asks for was changed after it failed
            object_id = new_object_id()
        connection.execute(
            insert(i).values(
                object_id=UUID(object_id).bytes,
                **session.context.columns(),
                kind=kind,
                work=bytes.fromhex(work),
                class_name=class_name,
                state=State.REQUESTED.value,
                attempt=1,
                lease=token,
                lease_until=now + _micros(LEASE),
                names=json.dumps(list(names)),
                reason="",
                created=now,
                updated=now,
            )
        )
    return Lease(object_id, 1, token)


def _pending(connection: Connection, session: Session, work: str) -> Any:
    """Return the newest intent of this context for some work that did not come to its end."""
    i = tables.intent
    context = session.context
    return connection.execute(
        select(i)
        .where(i.c.work == bytes.fromhex(work), i.c.state != State.ARCHIVED.value)
        .where(i.c.owner == context.owner_key, i.c.project == context.project_key)
        .where(i.c.level == context.level)
        .order_by(i.c.created.desc())
    ).first()


def _is_known(connection: Connection, object_id: str) -> bool:
    i = tables.intent
    raw = UUID(object_id).bytes
    return connection.execute(select(i.c.state).where(i.c.object_id == raw)).first() is not None


@retried
def move(
    session: Session,
    lease: Lease,
    new: State,
    *,
    names: Sequence[str] | None = None,
    reason: str = "",
    connection: Connection | None = None,
) -> None:
    """Move an intent to another state, if the lease still holds.

    Raises
    ------
    LeaseLost
        Another attempt has taken over.
    Refused
        The move is not legal.
    """
    if connection is None:
        with session.database.write() as own:
            move(session, lease, new, names=names, reason=reason, connection=own)
        return
    i = tables.intent
    raw = UUID(lease.object_id).bytes
    held = select(i.c.state, i.c.lease).where(i.c.object_id == raw).with_for_update()
    row = connection.execute(held).first()
    if row is None:
        raise Fault(f"The intent of {lease.object_id} is gone", do="Run 'awlta doctor'")
    if row.lease != lease.token:
        raise LeaseLost(
            f"{lease.object_id} was taken over by {_holder(row.lease)}",
            do="Leave it to the other process; nothing of this attempt was committed",
        )
    check_move(State(row.state), new, f"The intent of {lease.object_id}")
    now = _now()
    values: dict[str, Any] = {"state": new.value, "reason": reason, "updated": now}
    values["lease_until"] = now + _micros(LEASE)
    if names is not None:
        values["names"] = json.dumps(list(names))
    connection.execute(update(i).where(i.c.object_id == raw).values(**values))


@retried
def release_lease(session: Session, object_id: str) -> None:
    """Free an intent whose holder is known to be gone, so that it can be taken over at once."""
    i = tables.intent
    with session.database.write() as connection:
        connection.execute(
            update(i).where(i.c.object_id == UUID(object_id).bytes).values(lease_until=0)
        )


@dataclass(frozen=True)
class IntentRow:
    """One intent as operators see it."""

    object_id: str
    kind: str
    class_name: str
    state: State
    attempt: int
    names: tuple[str, ...]
    reason: str
    holder: str
    is_free: bool
    updated: int


def intents(session: Session, *states: State) -> list[IntentRow]:
    """Return the intents in some states, oldest first."""
    i = tables.intent
    wanted = [s.value for s in states]
    statement = select(i).where(i.c.state.in_(wanted)).order_by(i.c.created)
    with session.database.read() as connection:
        rows = connection.execute(statement).all()
    now = _now()
    return [
        IntentRow(
            object_id=str(UUID(bytes=bytes(r.object_id))),
            kind=r.kind,
            class_name=r.class_name,
            state=State(r.state),
            attempt=r.attempt,
            names=tuple(json.loads(r.names)),
            reason=r.reason,
            holder=_holder(r.lease),
            is_free=_is_free(r.lease, r.lease_until, now),
            updated=r.updated,
        )
        for r in rows
    ]


@retried
def expire(session: Session, object_id: str, reason: str) -> None:
    """Set an intent that nobody holds to expired."""
    i = tables.intent
    raw = UUID(object_id).bytes
    with session.database.write() as connection:
        row = connection.execute(select(i).where(i.c.object_id == raw)).first()
        if row is None:
            raise NotFound(f"There is no intent of {object_id}", do="Run 'awlta doctor'")
        if not _is_free(row.lease, row.lease_until, _now()):
            raise Refused(f"{object_id} is held by {_holder(row.lease)}", do="End that process")
        check_move(State(row.state), State.EXPIRED, f"The intent of {object_id}")
        connection.execute(
            update(i)
            .where(i.c.object_id == raw)
            .values(state=State.EXPIRED.value, reason=reason, updated=_now())
        )


def _now() -> int:
    return time_to_microseconds(datetime.now(UTC))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _token() -> str:
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{process_started(pid)}:{secrets.token_hex(8)}"


def process_started(pid: int) -> str:
    """Return the start time of a process in clock ticks, empty if it is gone.

    A pid alone is not enough: the kernel gives it again to another process.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rsplit(")", 1)[-1].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


def _holder(token: str) -> str:
    host, pid, *_ = token.split(":")
    return f"process {pid} on {host}"


def _is_free(token: str, until: int, now: int) -> bool:
    if until <= now:
        return True
    host, pid, started, _ = token.split(":")
    if host != socket.gethostname():
        return False
    return process_started(int(pid)) != started

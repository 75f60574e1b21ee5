"""A ticket moves with its intent, by one table, and keeps every move."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta.archive.tickets import expire_ticket, move_ticket, open_ticket, tickets
from awlta.digest import digest_text
from awlta.errors import LeaseLost, Refused
from awlta.persistent import new_object_id
from awlta.storage.intent import LEGAL, Lease, State, begin, expire, intents, release_lease


def begun(session, work="some work"):
    """Open a ticket for some work; return its lease and number."""
    lease = begin(
        session,
        object_id=new_object_id(),
        kind="ingest",
        class_name="file",
        work=digest_text(work),
        names=[],
    )
    return lease, open_ticket(session, lease, "site:/night/run7.h5")


def states(session):
    """Return the state of the one ticket, and of the intents."""
    (ticket,) = tickets(session)
    return ticket.state, [row.state for row in intents(session, *State)]


def test_a_ticket_tells_when_who_and_why(session):
    lease, number = begun(session)
    move_ticket(session, lease, number, State.TRANSFERRING, destination="run7.h5", sip="<sip/>")
    move_ticket(session, lease, number, State.FAILED, why="the line broke")
    (ticket,) = tickets(session)
    told = ticket.to_json()
    assert told["ticket"] == number
    assert (told["object_id"], told["state"]) == (lease.object_id, "failed")
    assert (told["source"], told["destination"]) == ("site:/night/run7.h5", "run7.h5")
    assert told["sip_sha256"] == hashlib.sha256(b"<sip/>").hexdigest()
    assert told["reason"] == "the line broke"
    assert [(e["state"], e["who"], e["why"]) for e in told["history"]] == [
        ("requested", "ada", ""),
        ("transferring", "ada", ""),
        ("failed", "ada", "the line broke"),
    ]
    ages = [datetime.now(UTC) - e.when for e in ticket.history]
    assert sorted(ages, reverse=True) == ages
    assert timedelta(0) <= ages[-1] <= ages[0] < timedelta(minutes=1)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(State), max_size=6))
def test_ticket_and_intent_make_only_legal_moves_and_make_them_together(new_session, wanted):
    session = new_session()
    lease, number = begun(session, new_object_id())
    here = State.REQUESTED
    for new in wanted:
        if new in LEGAL[here]:
            move_ticket(session, lease, number, new)
            here = new
        else:
            with pytest.raises(Refused, match=f"cannot go from {here.value} to {new.value}"):
                move_ticket(session, lease, number, new)
        (ticket,) = [t for t in tickets(session) if t.number == number]
        (intent,) = [i for i in intents(session, *State) if i.object_id == lease.object_id]
        assert ticket.state is intent.state is here
        assert [e.state for e in ticket.history][-1] is here


def test_who_has_lost_the_lease_can_move_nothing(session):
    lease, number = begun(session)
    other = Lease(lease.object_id, lease.attempt, "another:1:1:token")
    with pytest.raises(LeaseLost):
        move_ticket(session, other, number, State.TRANSFERRING)
    assert states(session) == (State.REQUESTED, [State.REQUESTED])


def test_a_move_that_is_rolled_back_with_its_unit_never_was(session):
    lease, number = begun(session)

    def move_and_fail():
        with session.unit() as unit:
            move_ticket(session, lease, number, State.TRANSFERRING, unit=unit)
            raise KeyError

    with pytest.raises(KeyError):
        move_and_fail()
    assert states(session) == (State.REQUESTED, [State.REQUESTED])
    assert len(tickets(session)[0].history) == 1


def test_a_taken_over_ticket_is_the_same_ticket(session):
    lease, number = begun(session)
    move_ticket(session, lease, number, State.TRANSFERRING, destination="run7.h5")
    release_lease(session, lease.object_id)
    again, same = begun(session)
    assert (again.object_id, again.attempt, same) == (lease.object_id, 2, number)
    (ticket,) = tickets(session)
    assert (ticket.state, ticket.history[-1].why) == (State.REQUESTED, "attempt 2")


def test_a_ticket_expires_with_the_intent_that_is_given_up(session):
    lease, _ = begun(session)
    release_lease(session, lease.object_id)
    expire(session, lease.object_id, "given up")
    expire_ticket(session, lease.object_id, "given up")
    assert states(session) == (State.EXPIRED, [State.EXPIRED])
    assert [(e.state, e.why) for e in tickets(session)[0].history][-1] == (
        State.EXPIRED,
        "given up",
    )
    expire_ticket(session, new_object_id(), "work without a ticket has none to expire")
    assert len(tickets(session)) == 1


def test_tickets_are_listed_by_state_and_only_those_in_the_read_scope(new_session):
    ada, bob = new_session("ada"), new_session("bob")
    lease, number = begun(ada)
    move_ticket(ada, lease, number, State.FAILED, why="no")
    begun(ada, "b")
    begun(bob, "c")
    assert [t.state for t in tickets(ada)] == [State.FAILED, State.REQUESTED]
    assert [t.number for t in tickets(ada, State.FAILED)] == [number]
    assert tickets(ada, State.ARCHIVED) == []
    assert len(tickets(bob)) == 1

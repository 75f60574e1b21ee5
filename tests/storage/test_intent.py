"""The intent: who may do a piece of work, and what becomes of it when its process dies."""

import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from awlta.digest import digest_text
from awlta.errors import Fault, LeaseLost, NotFound, Refused
from awlta.persistent import new_object_id, tables
from awlta.storage.intent import (
    LEGAL,
    Lease,
    State,
    begin,
    expire,
    intents,
    move,
    release_lease,
)

WORK = digest_text("some work")


def take(session, work=WORK, object_id=None):
    return begin(
        session,
        object_id=object_id or new_object_id(),
        kind="make",
        class_name="Sensor",
        work=work,
        names=["a.h5"],
    )


def only(session):
    (row,) = intents(session, *State)
    return row


def give_to(session, token):
    """Say that another holds the lease of every intent."""
    with session.database.write() as connection:
        connection.execute(tables.intent.update().values(lease=token))


def dead_process():
    """Return pid and start time of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[-1].split()[19]
    child.communicate(b"\n")
    return child.pid, started


def test_an_intent_is_written_before_anything_is_done(session):
    lease = take(session)
    row = only(session)
    assert (row.object_id, row.attempt, row.state) == (lease.object_id, 1, State.REQUESTED)
    assert (row.kind, row.class_name, row.names) == ("make", "Sensor", ("a.h5",))
    assert row.holder.startswith(f"process {os.getpid()} on ")
    assert not row.is_free


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, State)))
def test_only_the_moves_of_the_table_are_made(session, old, new):
    lease = take(session)
    with session.database.write() as connection:
        connection.execute(tables.intent.update().values(state=old.value))
    if new in LEGAL[old]:
        move(session, lease, new)
        assert only(session).state is new
    else:
        with pytest.raises(Refused, match=f"cannot go from {old.value} to {new.value}. Expected"):
            move(session, lease, new)
        assert only(session).state is old


def test_from_every_open_state_there_is_a_way_to_the_end():
    for state in State:
        reached, waiting = set(), [state]
        while waiting:
            here = waiting.pop()
            if here not in reached:
                reached.add(here)
                waiting.extend(LEGAL[here])
        assert State.ARCHIVED in reached
    assert LEGAL[State.ARCHIVED] == frozenset()


def test_work_that_is_being_done_is_refused_to_others(session, new_session):
    lease = take(session)
    for who in (session, new_session()):
        with pytest.raises(Refused, match=rf"Sensor {lease.object_id} is being made by process"):
            take(who)
    assert take(session, digest_text("other work")).attempt == 1


def test_work_of_others_is_their_own(session, new_session):
    mine, theirs = take(session), take(new_session("bob"))
    assert (theirs.attempt, theirs.object_id != mine.object_id) == (1, True)
    assert take(new_session("ada", "CRAB", level=3)).attempt == 1


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED])
def test_work_that_came_to_nothing_is_taken_up_with_its_identity(session, state):
    first = take(session)
    move(session, first, state, reason="no light")
    assert only(session).reason == "no light"
    second = take(session)
    assert (second.object_id, second.attempt) == (first.object_id, 2)
    assert (only(session).state, only(session).reason) == (State.REQUESTED, "")


def test_work_that_is_archived_is_not_taken_up_again(session):
    first = take(session)
    for state in (State.TRANSFERRING, State.VERIFIED, State.ARCHIVED):
        move(session, first, state)
    second = take(session)
    assert (second.attempt, second.object_id != first.object_id) == (1, True)


@pytest.mark.parametrize("state", [State.REQUESTED, State.TRANSFERRING, State.VERIFIED])
def test_work_of_a_process_that_died_is_taken_over_at_once(session, state):
    first = take(session)
    for step in (State.TRANSFERRING, State.VERIFIED):
        if only(session).state is not state:
            move(session, first, step)
    pid, started = dead_process()
    host = first.token.split(":")[0]
    give_to(session, f"{host}:{pid}:{started}:0")
    assert only(session).is_free
    second = take(session)
    assert (second.object_id, second.attempt) == (first.object_id, 2)
    assert only(session).state is State.REQUESTED


def test_a_process_id_that_was_given_again_does_not_hold_the_lease(session):
    first = take(session)
    host, pid, started, rest = first.token.split(":")
    give_to(session, f"{host}:{pid}:{int(started) - 1}:{rest}")
    assert take(session).attempt == 2


def test_a_lease_of_another_host_holds_until_its_time_is_over(session):
    take(session)
    give_to(session, "elsewhere.example:1:2:0")
    with pytest.raises(Refused, match=r"process 1 on elsewhere.example"):
        take(session)
    with session.database.write() as connection:
        connection.execute(tables.intent.update().values(lease_until=1))
    assert take(session).attempt == 2


def test_who_lost_the_lease_can_do_nothing_more(session):
    first = take(session)
    release_lease(session, first.object_id)
    second = take(session)
    for state in (State.TRANSFERRING, State.FAILED):
        with pytest.raises(LeaseLost, match=r"was taken over by process"):
            move(session, first, state)
    move(session, second, State.TRANSFERRING)


def test_of_many_threads_one_gets_the_work(session):
    got, refused = [], []

    def try_it():
        try:
            got.append(take(session))
        except Refused as error:
            refused.append(error)

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 7)


def test_an_identity_that_serves_other_work_is_not_given_twice(session):
    first = take(session)
    second = take(session, digest_text("other work"), first.object_id)
    assert second.object_id != first.object_id


def test_an_intent_that_is_gone_is_a_fault(session):
    with pytest.raises(Fault, match=r"is gone.*awlta doctor"):
        move(session, Lease(new_object_id(), 1, "a:1:2:3"), State.FAILED)


def test_only_what_nobody_holds_expires(session):
    lease = take(session)
    with pytest.raises(Refused, match=r"is held by process"):
        expire(session, lease.object_id, "old")
    release_lease(session, lease.object_id)
    expire(session, lease.object_id, "old")
    assert (only(session).state, only(session).reason) == (State.EXPIRED, "old")
    with pytest.raises(Refused, match=r"from expired to expired"):
        expire(session, lease.object_id, "old")
    with pytest.raises(NotFound, match=r"There is no intent"):
        expire(session, new_object_id(), "old")


def test_the_move_belongs_to_the_transaction_that_it_is_part_of(session):
    lease = take(session)

    def fail():
        with session.unit() as unit:
            move(session, lease, State.TRANSFERRING, connection=unit.connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert only(session).state is State.REQUESTED

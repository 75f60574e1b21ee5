"""Several processes write one database at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import writer
from factories import Node, Sensor, SensorFactory, Thresholds
from sqlalchemy import make_url, select

from awlta.errors import Conflict
from awlta.persistent import tables
from awlta.persistent.engine import retry
from awlta.persistent.engine.retry import retried
from awlta.persistent.engine.turns import ENDING
from awlta.persistent.session import Session

pytestmark = pytest.mark.long

PROGRAM = Path(writer.__file__)

Crowd = Callable[..., list[list[str]]]


@pytest.fixture
def crowd(url) -> Crowd:
    """Run writers at the same time; return the lines that each of them told."""

    def run(act: str, n_times: int, *users: str) -> list[list[str]]:
        done = subprocess.run(
            [sys.executable, str(PROGRAM), url, act, str(n_times), *users],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            text=True,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


@pytest.fixture
def open_session(url) -> Iterator[Callable[..., Session]]:
    """Open sessions on that database; the last one is in use."""
    with ExitStack() as opened:

        def open_one(user: str = "ada", level: int = 2) -> Session:
            session = Session(url, user, "CRAB", level)
            opened.callback(session.close)
            opened.enter_context(session.use())
            return session

        yield open_one


def keys_of(session) -> list[int]:
    with session.database.read() as connection:
        return list(connection.execute(select(tables.product.c.id)).scalars())


def test_eight_processes_that_commit_one_by_one_lose_nothing(crowd, open_session):
    said = crowd("nodes", 60, *(f"user{n}" for n in range(8)))
    wanted = [object_id for lines in said for object_id in lines]
    session = open_session()
    assert sorted(node.object_id for node in Node.select_all()) == sorted(wanted)
    assert len(set(wanted)) == 8 * 60
    assert len(set(keys_of(session))) == len(keys_of(session)) == 8 * 60


def test_the_same_new_parameters_of_many_are_there_once(crowd, open_session):
    """Each takes them in another order, so that PostgreSQL has to take some of them back."""
    said = crowd("parameters", 20, "ada", "ben", "cyd", "dov")
    open_session()
    stored = {str(t.weight): t.object_id for t in Thresholds.select_all()}
    assert len(stored) == len(Thresholds.select_all()) == 20
    assert [dict(line.split() for line in lines) for lines in said] == [stored] * 4


def test_the_tables_of_a_new_class_are_made_once(crowd, open_session):
    said = crowd("classes", 3, *(n * "u" for n in range(1, 9)))
    open_session()
    stored = sorted(chain.object_id for chain in writer.Chain.select_all())
    assert stored == sorted(i for lines in said for i in lines)
    assert Counter(r.number for r in writer.Ring.select_all()) == {0: 8, 1: 8, 2: 8}


def test_work_that_several_begin_at_once_is_given_to_one(crowd, open_session):
    said = crowd("intents", 10, "ada", "ada", "ada", "ada")
    told = Counter(line for lines in said for line in lines)
    for number in range(10):
        assert (told[f"{number} begun"], told[f"{number} refused"]) == (1, 3)


class Pair:
    """Two units of work that take the same two parameters, each the other's first one last."""

    def __init__(self, open_session: Callable[..., Session]) -> None:
        self.sessions = [open_session("ada"), open_session("ben")]
        for session in self.sessions:
            session.commit(Thresholds(weight=9.0))  # the tables are there, and known
        self.met = threading.Barrier(2)
        self.calls: Counter[int] = Counter()
        self.errors: list[Conflict] = []

    def write(self, number: int) -> None:
        self.calls[number] += 1
        weights = [1.0, 2.0] if number else [2.0, 1.0]
        with self.sessions[number].unit() as unit:
            unit.add(Thresholds(weight=weights[0]))
            unit.flush()
            if self.calls[number] == 1:
                self.met.wait(60)
            unit.add(Thresholds(weight=weights[1]))

    def run(self, function: Callable[[int], None]) -> None:
        def act(number: int) -> None:
            try:
                function(number)
            except Conflict as error:
                self.errors.append(error)

        threads = [threading.Thread(target=act, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


on_postgresql = pytest.mark.parametrize("database_kind", ["postgresql"])
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])


@on_postgresql
def test_a_unit_that_cannot_be_done_again_by_itself_says_what_to_do(open_session):
    pair = Pair(open_session)
    pair.run(pair.write)
    (error,) = pair.errors
    assert "deadlock detected" in error.found
    assert "do the whole of it again" in error.do
    assert len(Thresholds.select_all()) == 3


@on_postgresql
def test_what_was_taken_back_for_another_unit_is_done_again(open_session):
    pair = Pair(open_session)
    pair.run(retried(pair.write))
    assert pair.errors == []
    assert sorted(pair.calls.values()) == [1, 2]
    assert len(Thresholds.select_all()) == 3


@on_postgresql
def test_a_server_that_would_isolate_units_more_changes_nothing(crowd, cluster, url, open_session):
    name = make_url(url).database
    cluster.sql(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    crowd("parameters", 8, "ada", "ben")
    open_session()
    assert len(Thresholds.select_all()) == 8


def test_what_conflicts_each_time_is_given_up(monkeypatch):
    monkeypatch.setattr(retry.time, "sleep", lambda _: None)
    tried = []

    @retried
    def act() -> None:
        tried.append(1)
        raise Conflict("Somebody was first")

    with pytest.raises(Conflict):
        act()
    assert len(tried) == retry.ATTEMPTS


HOLDER = """
import fcntl, os, sys, time
fcntl.lockf(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


@on_sqlite
def test_a_turn_ends_with_its_process_and_readers_need_none(open_session, url):
    session = open_session()
    session.commit(SensorFactory(name="before"))
    file = url.removeprefix("sqlite:///") + ENDING
    words = [sys.executable, "-c", HOLDER, file]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        waiting = threading.Thread(target=session.commit, args=(SensorFactory(name="after"),))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        assert [s.name for s in Sensor.select_all()] == ["before"]
        holder.kill()
        waiting.join(60)
        assert not waiting.is_alive()
    assert sorted(s.name for s in Sensor.select_all()) == ["after", "before"]


@on_sqlite
def test_whoever_cannot_have_a_turn_writes_without(open_session, url):
    session = open_session()
    session.close()
    file = Path(url.removeprefix("sqlite:///") + ENDING)
    file.unlink(missing_ok=True)
    file.mkdir()
    open_session().commit(SensorFactory())
    assert len(Sensor.select_all()) == 1

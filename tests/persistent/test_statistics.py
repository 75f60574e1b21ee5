"""Statistics for the planner: gathered when the tables have grown, not at every commit."""

import pytest
from factories import Node
from sqlalchemy import text

from awlta.persistent.engine import statistics


@pytest.fixture
def known(session):
    """Return how many nodes the planner knows of."""

    def rows():
        sqlite = "SELECT CAST(stat AS INTEGER) FROM sqlite_stat1 WHERE tbl = 'node'"
        there = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"
        postgresql = "SELECT reltuples FROM pg_class WHERE relname = 'node'"
        with session.database.read() as connection:
            if session.database.dialect == "postgresql":
                return int(connection.execute(text(postgresql)).scalar_one())
            if not connection.execute(text(there)).scalar():
                return -1
            return connection.execute(text(sqlite)).scalar()

    return rows


def test_a_bulk_of_objects_is_known_to_the_planner_at_once(session, known, monkeypatch):
    monkeypatch.setattr(statistics, "FIRST", 100)
    session.database._growth = statistics.Growth()
    session.commit(*(Node(number=n) for n in range(10)))
    assert known() == -1
    session.commit(*(Node(number=n) for n in range(90)))
    assert known() == 100
    session.commit(*(Node(number=n) for n in range(60)))
    assert known() == 100
    session.commit(*(Node(number=n) for n in range(200)))
    assert known() == 360

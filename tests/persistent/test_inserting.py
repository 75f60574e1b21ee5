"""Rows arrive as they are, with the context of their unit, or with that of what they are about."""

import pytest
from sqlalchemy import select

from awlta.persistent import tables
from awlta.persistent.engine.identities import Identities


@pytest.mark.parametrize("number", [1, 20])
def test_rows_get_the_context_of_their_unit_or_their_own(session, number):
    told = [(5, "open", "it's ada", None if n else "?", -n) for n in range(number)]
    told = [(*row[:3], row[3] or "", row[4]) for row in told]
    with session.unit() as unit:
        own, foreign = ([unit.key() for _ in told] for _ in range(2))
        for key, other, row in zip(own, foreign, told, strict=True):
            unit.row(tables.ticket_event, (key, *row))
            unit.row(tables.ticket_event, (other, *row), (0, 7, 8, 2, 99))
    with session.database.read() as connection:
        rows = connection.execute(select(tables.ticket_event)).all()
    context = session.context.row
    assert set(rows) == {
        *((key, *context, *row) for key, row in zip(own, told, strict=True)),
        *((key, 0, 7, 8, 2, 99, *row) for key, row in zip(foreign, told, strict=True)),
    }


class Thing:
    """Something to be held."""


def test_objects_are_found_as_long_as_they_are_held_and_keys_of_others_are_forgotten():
    found, held = Identities(), [Thing() for _ in range(10_000)]
    for key, thing in enumerate(held):
        found.keep(key, thing)
    assert all(found.get(key) is thing for key, thing in enumerate(held))
    del held[10:], thing
    assert found.get(9_999) is None
    for key in range(20_000, 60_000):
        found.keep(key, Thing())
    assert [found.get(key) for key in range(10)] == held
    assert len(found._held) < 10_000

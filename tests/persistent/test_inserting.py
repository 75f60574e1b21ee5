"""Rows arrive as they are, with the context of their unit, or with that of what they are about."""

import pytest
from sqlalchemy import select

from awlta.persistent import tables


@pytest.mark.parametrize("number", [1, 20])
def test_rows_get_the_context_of_their_unit_or_their_own(session, number):
    told = [(5, "open", "it's ada", "100 %?", -n) for n in range(number)]
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

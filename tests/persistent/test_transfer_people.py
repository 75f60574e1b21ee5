"""Rows arrive as somebody's: seen by whom they were, and written by whoever may."""

from __future__ import annotations

from uuid import UUID

import pytest
from factories import DishFactory, SensorFactory
from logins import let_in
from sqlalchemy import insert, select, update
from transfers import OTHER, everything, observatory, receive, send

from awlta.errors import NotFound, Refused
from awlta.persistent import tables
from awlta.persistent.session import Session


def manage(session: Session) -> None:
    """Make the user of a session a manager of its project."""
    c = session.context
    row = {"home": 0, "project": c.project_key, "account": c.owner_key, "is_manager": True}
    with session.database.write() as connection:
        connection.execute(insert(tables.member).values(row))


def test_an_object_outside_the_scope_stays_behind_and_is_counted(
    new_place, database_kind, tmp_path
):
    hers = new_place(database_kind, "zenobia", "CRAB", level=1)
    sensor = SensorFactory()
    hers.commit(sensor)
    with hers.database.write() as connection:  # seen once, and then withdrawn
        connection.execute(update(tables.product).values(level=3))
    his = new_place(database_kind, "ada", "CRAB", url=hers.database.url)
    dish = DishFactory(sensor=his.get(sensor.object_id), spare=None)
    his.commit(dish)
    with hers.database.write() as connection:
        raw = UUID(sensor.object_id).bytes
        p = tables.product
        connection.execute(update(p).where(p.c.object_id == raw).values(level=1))

    facts = send(his, tmp_path / "parcel", [dish.object_id])
    assert facts["n_hidden"] == 1
    bytes_of_it = (tmp_path / "parcel").read_bytes()
    assert raw not in bytes_of_it
    assert b"zenobia" not in bytes_of_it
    place = new_place(OTHER[database_kind])
    received = receive(place, tmp_path / "parcel")
    assert (received.new, received.hidden) == (1, 1)
    assert everything(place)[dish.object_id]["links"] == [("sensor", 0, "hidden", True)]
    with pytest.raises(NotFound):
        send(his, tmp_path / "another", [sensor.object_id])


def test_what_others_own_is_refused_unless_it_comes_in_as_one_s_own(
    new_place, database_kind, tmp_path
):
    first = new_place(database_kind, "eve", "CRAB", level=2)
    sensor = SensorFactory()
    first.commit(sensor)
    send(first, tmp_path / "parcel", [sensor.object_id])
    ada = new_place(OTHER[database_kind], "ada", "CRAB", level=2)
    with pytest.raises(Refused, match="there is no user eve here"):
        receive(ada, tmp_path / "parcel")
    new_place(OTHER[database_kind], "eve", "CRAB", url=ada.database.url)
    with pytest.raises(Refused, match="objects of eve in CRAB, which you do not manage"):
        receive(ada, tmp_path / "parcel")
    assert everything(ada) == {}
    receive(ada, tmp_path / "parcel", as_mine=True)
    assert everything(ada)[sensor.object_id]["whose"] == ("ada", "CRAB", 2, None)


def test_a_manager_may_import_what_others_own_and_what_is_published(
    new_place, database_kind, tmp_path
):
    first = new_place(database_kind, "eve", "CRAB", level=4)
    sensor = SensorFactory()
    first.commit(sensor)
    send(first, tmp_path / "parcel", [sensor.object_id])
    eve = new_place(OTHER[database_kind], "eve", "CRAB")
    ada = new_place(OTHER[database_kind], "ada", "CRAB", url=eve.database.url)
    manage(ada)
    with pytest.raises(Refused, match="objects of CRAB at level 4, which you may not give"):
        receive(eve, tmp_path / "parcel")
    receive(ada, tmp_path / "parcel")
    assert everything(ada)[sensor.object_id]["whose"] == ("eve", "CRAB", 4, None)


def test_a_project_that_is_not_here_is_named(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind, "ada", "VELA"), new_place(OTHER[database_kind])
    first.commit(sensor := SensorFactory())
    send(first, tmp_path / "parcel", [sensor.object_id])
    with pytest.raises(Refused, match="there is no project VELA here"):
        receive(second, tmp_path / "parcel")


def test_people_of_a_whole_database_move_into_an_empty_one(new_place, database_kind, tmp_path):
    eve = new_place(database_kind, "eve", "VELA")
    eve.commit(SensorFactory())
    manage(eve)
    with eve.database.write() as connection:
        connection.execute(update(tables.project).values(is_open=False, max_level=4))
    send(eve, tmp_path / "parcel")
    ada = new_place(OTHER[database_kind], "ada", "CRAB")
    receive(ada, tmp_path / "parcel")
    assert [o["whose"] for o in everything(ada).values()] == [("eve", "VELA", 1, None)]
    j, m, a = tables.project, tables.member, tables.account
    with ada.database.read() as connection:
        found = connection.execute(
            select(a.c.name, j.c.name, j.c.is_open, j.c.max_level, m.c.is_manager)
            .join(m, m.c.account == a.c.id)
            .join(j, j.c.id == m.c.project)
        ).all()
    assert [tuple(row) for row in found] == [("eve", "VELA", False, 4, True)]


def test_whoever_is_held_by_row_security_exports_and_imports_too(new_place, tmp_path, cluster):
    first, owner = new_place("sqlite"), new_place("postgresql")
    observatory(first)
    observatory(owner)  # makes the tables
    database = owner.database.engine.url.database
    login = let_in(cluster, database, "ada")
    ada = Session(cluster.url(database, login), "ada", "CRAB")
    told = everything(first)
    try:
        send(first, tmp_path / "there", list(told))
        assert receive(ada, tmp_path / "there").new == 6  # the thresholds were there
        send(ada, tmp_path / "back", [i for i, o in told.items() if o["class"] != "Thresholds"])
    finally:
        ada.close()
    third = new_place("sqlite")
    receive(third, tmp_path / "back")
    told = {i: o for i, o in told.items() if o["class"] != "Thresholds"}
    assert everything(third) == told
    owner.close()
    cluster.drop(database)
    cluster.sql(f"DROP ROLE {login}")

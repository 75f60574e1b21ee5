"""Rows leave one database in a parcel and arrive in another: whole, checked, or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from factories import DishFactory, Node, SensorFactory, Thresholds
from sqlalchemy import select, update
from transfers import OTHER, everything, observatory, receive, send

from awlta.errors import Conflict, Refused
from awlta.persistent import tables
from awlta.persistent.session import Session
from awlta.persistent.transfer.container import Parcel
from awlta.persistent.transfer.receiving import Arrival


def test_a_whole_database_comes_back_from_the_other_kind_as_it_was(
    new_place, database_kind, tmp_path
):
    first = new_place(database_kind)
    *_, layout = observatory(first)
    with first.unit() as unit:
        row = (layout.__dict__["_key"], "verdict", 0, "", "clouds", "ada", unit.now)
        unit.row(tables.standing, (unit.key(), *row))
    told = everything(first)
    second, third = new_place(OTHER[database_kind]), new_place(database_kind)

    send(first, tmp_path / "there")
    assert receive(second, tmp_path / "there").new == len(told) == 7
    assert everything(second) == told
    send(second, tmp_path / "back")
    receive(third, tmp_path / "back")
    assert everything(third) == told
    with third.use():
        found = third.get(layout.object_id)
        assert [d.sensor.name for d in found.dishes][1] == "ä*?"
        assert np.isnan(found.centre.sensor.gains[1, 1])
        assert np.isnan(found.centre.sensor.area)


def test_an_object_travels_with_its_ancestors_and_nothing_else(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    sensors = [SensorFactory(), SensorFactory()]
    dishes = [DishFactory(sensor=s, spare=None) for s in sensors]
    first.commit(*dishes)
    send(first, tmp_path / "parcel", [dishes[0].object_id])
    assert receive(second, tmp_path / "parcel").new == 2
    assert set(everything(second)) == {dishes[0].object_id, sensors[0].object_id}


def test_a_deep_graph_with_diamonds_arrives_whole(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    layer = [Node(number=0)]
    for number in range(1, 31):
        layer = [
            Node(number=number, before=layer[0], others=layer),
            Node(number=number, before=layer[-1], others=layer[::-1]),
        ]
    first.commit(*layer)
    send(first, tmp_path / "parcel", [layer[0].object_id])
    assert receive(second, tmp_path / "parcel").new == 60
    told = everything(first)
    told.pop(layer[1].object_id)
    assert everything(second) == told


def test_importing_twice_writes_nothing_and_says_so(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    objects = observatory(first)
    send(first, tmp_path / "parcel", [o.object_id for o in objects])
    receive(second, tmp_path / "parcel")
    told = everything(second)
    again = receive(second, tmp_path / "parcel")
    assert (again.objects, again.new, again.known) == (5, 0, 5)
    assert everything(second) == told


def test_a_verdict_that_came_later_is_taken_over_by_what_is_here(
    new_place, database_kind, tmp_path
):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    sensor = SensorFactory()
    first.commit(sensor)
    send(first, tmp_path / "before")
    receive(second, tmp_path / "before")
    for value in (0, 1):
        with first.unit() as unit:
            row = (sensor.__dict__["_key"], "verdict", value, "", f"v{value}", "ada", unit.now)
            unit.row(tables.standing, (unit.key(), *row))
    send(first, tmp_path / "after")
    assert receive(second, tmp_path / "after").standing == 2
    assert receive(second, tmp_path / "after").standing == 0
    assert everything(second) == everything(first)


def test_equal_shared_objects_become_one(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    theirs, ours = Thresholds(weight=3.0), Thresholds(weight=3.0)
    first.commit(theirs, Thresholds(weight=4.0))
    second.commit(ours)
    send(first, tmp_path / "parcel")
    received = receive(second, tmp_path / "parcel")
    assert (received.new, received.merged) == (1, 1)
    with second.use():
        assert sorted(t.weight for t in Thresholds.select_all()) == [3.0, 4.0]
    new = Thresholds(weight=4.0)  # what came in is shared from now on
    second.commit(new)
    assert len(everything(second)) == 2


def test_others_write_while_a_parcel_is_made_ready(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    send(first, tmp_path / "parcel", [o.object_id for o in observatory(first)])
    second.commit(SensorFactory(name="ours"))
    parcel = Parcel(tmp_path / "parcel")
    arrival = Arrival(second, parcel)
    told = arrival.prepare()
    second.commit(SensorFactory(name="ours, too"))
    with second.database.write() as connection:
        assert arrival.write(connection, told).new == 5
    parcel.close()
    assert len(everything(second)) == 7
    there, here = everything(first), everything(second)
    assert sum(here[name] == there[name] for name in here.keys() & there.keys()) == 5


@pytest.mark.parametrize("came", ["objects", "parameters"])
def test_what_came_in_meanwhile_is_found_and_nothing_is_there_twice(
    new_place, database_kind, tmp_path, came
):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    if came == "objects":
        objects = observatory(first)
    else:
        objects = [Thresholds(weight=4.0)]
        first.commit(*objects)
    send(first, tmp_path / "parcel", [o.object_id for o in objects])
    second.commit(SensorFactory(name="ours"))
    parcel = Parcel(tmp_path / "parcel")
    arrival = Arrival(second, parcel)
    told = arrival.prepare()
    if came == "objects":
        receive(second, tmp_path / "parcel")
    else:
        second.commit(Thresholds(weight=4.0))
    number = len(everything(second))
    with (
        pytest.raises(Conflict, match="came in while it was read"),
        second.database.write() as connection,
    ):
        arrival.write(connection, told)
    assert len(everything(second)) == number
    again = arrival.prepare()
    with second.database.write() as connection:
        assert arrival.write(connection, again).new == 0
    parcel.close()
    assert len(everything(second)) == number


def test_an_object_that_is_here_with_another_content_is_refused(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    thresholds = Thresholds()
    first.commit(thresholds)
    send(first, tmp_path / "parcel")
    receive(second, tmp_path / "parcel")
    with second.database.write() as connection:
        connection.execute(update(tables.product).values(content_digest=b"x" * 32))
    with pytest.raises(Refused, match=f"another content: Thresholds {thresholds.object_id}"):
        receive(second, tmp_path / "parcel")


def test_keys_of_a_node_are_kept_and_those_of_a_laptop_are_new(new_place, database_kind, tmp_path):
    node, laptop = new_place(database_kind, node=5), new_place(database_kind)
    here = new_place(OTHER[database_kind], node=7)
    for place, name in ((node, "of-a-node"), (laptop, "of-a-laptop")):
        place.commit(DishFactory(name=name, spare=None))
        send(place, tmp_path / name)
        receive(here, tmp_path / name)
    with here.database.read() as connection:
        keys = dict(iter(connection.execute(select(tables.product.c.id, tables.product.c.home))))
    assert sorted((key >> 48, home) for key, home in keys.items()) == [
        (5, 5),
        (5, 5),
        (7, 7),
        (7, 7),
    ]
    with node.database.read() as connection:
        assert set(connection.execute(select(tables.product.c.id)).scalars()) <= set(keys)


def test_a_node_that_moves_keeps_its_keys_and_goes_on_counting(new_place, database_kind, tmp_path):
    first, second = new_place(database_kind, node=5), new_place(OTHER[database_kind], node=5)
    first.commit(*[SensorFactory() for _ in range(200)])
    send(first, tmp_path / "parcel")
    receive(second, tmp_path / "parcel")

    def keys(session: Session) -> set[int]:
        with session.database.read() as connection:
            return set(connection.execute(select(tables.product.c.id)).scalars())

    assert keys(second) == keys(first)
    second.commit(*[SensorFactory() for _ in range(200)])
    assert len(keys(second)) == 400


IMPORT_AND_DIE = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import factories
from awlta.persistent.transfer.container import Parcel
from awlta.persistent.database import Database
from awlta.persistent.transfer.receiving import Arrival
from awlta.persistent.session import Session
session = Session(sys.argv[2], "ada", "CRAB")
arrival = Arrival(session, Parcel(Path(sys.argv[3])))
writes = iter(range(100))
insert = Database.insert
def counted(self, *arguments):
    if next(writes) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    insert(self, *arguments)
Database.insert = counted
with session.database.write() as connection:
    arrival.write(connection, arrival.recognise(connection))
"""


@pytest.mark.parametrize(
    "nth", [pytest.param(n, marks=() if n == 3 else pytest.mark.faults) for n in (1, 3, 6)]
)
def test_an_import_that_is_killed_leaves_nothing_and_can_be_done_again(
    new_place, database_kind, tmp_path, nth
):
    first, second = new_place(database_kind), new_place(OTHER[database_kind])
    observatory(first)
    send(first, tmp_path / "parcel")
    tests = str(Path(__file__).parents[1])
    words = [tests, second.database.url, str(tmp_path / "parcel"), str(nth)]
    died = subprocess.run([sys.executable, "-c", IMPORT_AND_DIE, *words])
    assert died.returncode == -signal.SIGKILL
    assert everything(second) == {}
    assert receive(second, tmp_path / "parcel").new == 7
    assert everything(second) == everything(first)

"""Rows leave one database in a parcel and arrive in another: whole, checked, or not at all."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from factories import (
    NOON,
    Dish,
    DishFactory,
    Gain,
    Layout,
    LayoutFactory,
    Light,
    MirrorDish,
    MirrorDishFactory,
    Node,
    Sensor,
    SensorFactory,
    Thresholds,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from logins import let_in
from parcels import altered
from sqlalchemy import insert, select, update

from awlta.errors import BadInput, Conflict, NameTaken, NotFound, Refused, StorageFault
from awlta.persistent import tables
from awlta.persistent.database import create
from awlta.persistent.session import Session
from awlta.persistent.transfer.checking import check_classes, check_parcel
from awlta.persistent.transfer.container import Parcel, packing
from awlta.persistent.transfer.receiving import Arrival, Received
from awlta.persistent.transfer.sending import send_rows

OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}


@pytest.fixture
def new_place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Session]]:
    """Open sessions of anybody on databases of any kind and node; each call makes a new one."""
    with ExitStack() as opened:

        def make(
            kind: str, *names: str, node: int = 0, level: int = 1, url: str | None = None
        ) -> Session:
            if url is None and kind == "postgresql":
                cluster = request.getfixturevalue("cluster")
                name = cluster.new_database() if node == 0 else f"place_{node}"
                if node:
                    cluster.sql(f"CREATE DATABASE {name}")
                opened.callback(cluster.drop, name)
                url = cluster.url(name)
            url = url or f"sqlite:///{tmp_path / f'place-{len(made)}.db'}"
            create(url, node)
            made.append(url)
            user, project = names or ("ada", "CRAB")
            session = Session(url, user, project, level, node)
            opened.callback(session.close)
            return session

        made: list[str] = []
        yield make


def send(session: Session, path: Path, objects: Any = None) -> dict[str, Any]:
    with packing(path) as parcel:
        facts = send_rows(session, parcel, objects)
        parcel.finish(facts)
    return facts


def receive(session: Session, path: Path, **how: bool) -> Received:
    """Do what an import does, products' contents apart."""
    parcel = Parcel(path)
    try:
        check_parcel(parcel, lambda obj, files: None)
        arrival = Arrival(session, parcel, **how)
        with session.database.write() as connection:
            return arrival.write(connection, arrival.recognise(connection))
    finally:
        parcel.close()


def manage(session: Session) -> None:
    """Make the user of a session a manager of its project."""
    c = session.context
    row = {"home": 0, "project": c.project_key, "account": c.owner_key, "is_manager": True}
    with session.database.write() as connection:
        connection.execute(insert(tables.member).values(row))


def everything(session: Session) -> dict[str, Any]:
    """Return all that is told of every object, by object_id: no key of a database is left."""
    p, d, s = tables.product, tables.dep, tables.standing
    with session.database.read() as connection:
        products = connection.execute(select(p)).all()
        ids = {r.id: str(UUID(bytes=bytes(r.object_id))) for r in products}
        names = {
            r.id: r.name
            for t in (tables.account, tables.project)
            for r in connection.execute(select(t))
        }
        told: dict[str, Any] = {}
        for r in products:
            told[ids[r.id]] = {
                "class": r.class_name,
                "whose": (names[r.owner], names[r.project], r.level, r.embargo),
                "created": r.creation_date,
                "digest": None if r.content_digest is None else bytes(r.content_digest).hex(),
                "links": [],
                "said": [],
            }
        for r in connection.execute(select(d).order_by(d.c.role, d.c.position)):
            link = (r.role, r.position, ids.get(r.target, "hidden"), bool(r.is_input))
            told[ids[r.product]]["links"].append(link)
        for r in connection.execute(select(s).order_by(s.c.id)):
            said = (r.kind, r.value, r.detail, r.reason, r.author, r.written)
            told[ids[r.product]]["said"].append(said)
        for cls in (Sensor, Dish, MirrorDish, Layout, Node, Thresholds):
            for _, table in tables.class_tables(cls):
                session.database.ensure(cls)
                for r in connection.execute(select(table)):
                    row = dict(r._mapping)
                    key = row.pop("id")
                    for context in ("home", "owner", "project", "level", "embargo"):
                        row.pop(context)
                    told[ids[key]][table.name] = {
                        n: bytes(v).hex() if isinstance(v, bytes | memoryview) else v
                        for n, v in row.items()
                    }
    return told


def observatory(session: Session) -> list[Any]:
    """Commit objects with every kind of value and of gap."""
    sensors = [
        SensorFactory(
            name="ä*?",
            area=float("nan"),
            noise=None,
            light=Light.RED,
            gain=Gain.HIGH,
            is_live=False,
            built=NOON + timedelta(microseconds=1),
            gains=np.array([[1.5, float("inf")], [-0.0, float("nan")]]),
            serial=bytes(range(256)),
            corner=(0.1, -2.0),
        ),
        SensorFactory(n_pixels=1, area=1.5, noise=-1.0),
    ]
    dishes = [
        MirrorDishFactory(sensor=sensors[0], spare=sensors[1]),
        DishFactory(sensor=sensors[1], spare=None),
    ]
    layout = LayoutFactory(dishes=[dishes[1], dishes[0], dishes[1]], centre=dishes[0])
    session.commit(*dishes, layout, LayoutFactory(dishes=[], centre=None), Thresholds(weight=3.0))
    return [*sensors, *dishes, layout]


def test_a_whole_database_comes_back_from_the_other_kind_as_it_was(
    new_place, database_kind, tmp_path
):
    first = new_place(database_kind)
    *_, layout = observatory(first)
    with first.unit() as unit:
        row = (layout.__dict__["_key"], "verdict", 0, "", "clouds", "ada", unit.now)
        unit.row(tables.standing, (unit.key(), *first.context.row, *row))
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
            unit.row(tables.standing, (unit.key(), *first.context.row, *row))
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


@pytest.mark.parametrize("nth", [1, 3, 6])
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


# the container, on one kind of database ----------------------------------------------------


@pytest.fixture(scope="module")
def parcel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parcel with an observatory in it."""
    folder = tmp_path_factory.mktemp("parcel")
    create(f"sqlite:///{folder / 'a.db'}", 0)
    session = Session(f"sqlite:///{folder / 'a.db'}", "ada", "CRAB")
    observatory(session)
    send(session, folder / "parcel")
    session.close()
    return folder / "parcel"


def check(path: Path) -> None:
    found = Parcel(path)
    try:
        check_parcel(found, lambda obj, files: None)
    finally:
        found.close()


def test_a_parcel_is_sqlite_and_tells_what_it_is(parcel):
    check(parcel)
    with sqlite3.connect(parcel) as connection:
        assert connection.execute("SELECT count(*) FROM dish").fetchone() == (2,)
    found = Parcel(parcel)
    assert (found.facts["format"], found.facts["user"]) == (1, "ada")
    assert found.facts["classes"]["MirrorDish"]["tables"] == {
        "dish": {"name": "str", "height": "float"},
        "mirror_dish": {"n_mirrors": "int"},
    }
    found.close()


@settings(max_examples=60)
@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_changes_nothing(parcel, tmp_path_factory, place, bit):
    content = bytearray(parcel.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / "parcel"
    path.write_bytes(content)
    try:
        check(path)
    except BadInput:
        return
    whole, flipped = Parcel(parcel), Parcel(path)
    assert whole.name == flipped.name
    for table in whole.facts["tables"]:
        statement = f"SELECT * FROM {table}"
        rows = whole.connection.execute(statement).fetchall()
        assert flipped.connection.execute(statement).fetchall() == rows
    whole.close()
    flipped.close()


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind", b"SQLite format 3\0" + b"\0" * 99]
)
def test_another_file_is_no_parcel(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadInput, match="is no parcel, or damaged"):
        Parcel(tmp_path / "file")


def test_a_file_that_is_there_is_not_written_over(session, tmp_path):
    (tmp_path / "parcel").write_text("mine")
    with pytest.raises(NameTaken):
        send(session, tmp_path / "parcel")
    assert (tmp_path / "parcel").read_text() == "mine"


def test_an_export_that_fails_leaves_no_file(session, tmp_path):
    with pytest.raises(NotFound):
        send(session, tmp_path / "parcel", ["0190163d-8694-739b-aea5-966c26f8ad91"])
    with pytest.raises(StorageFault):
        send(session, tmp_path / "nowhere" / "parcel")
    assert list(tmp_path.glob("*parcel*")) == []


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM sensor WHERE id IN (SELECT id FROM sensor LIMIT 1)", "have no row in sensor"),
        ("UPDATE dep SET target = 999 WHERE role = 'centre'", "have a target that leads nowhere"),
        ("UPDATE product SET activity = 7", "have an activity that is not there"),
        ("UPDATE thresholds SET weight = 3.5", "has another digest than stored"),
        ("UPDATE product SET class_name = 'Node'", "not of the classes"),
        ("UPDATE sensor SET light = 'green'", "Sensor.light of the object"),
        ("UPDATE sensor SET gains = x'00'", "Sensor.gains of the object"),
        ("CREATE VIEW product2 AS SELECT * FROM product", "view product2"),
        (
            "CREATE TRIGGER t AFTER INSERT ON product BEGIN SELECT 1; END",
            "trigger t, which no parcel does",
        ),
    ],
)
def test_a_parcel_that_somebody_changed_is_refused(parcel, tmp_path, statement, told):
    with pytest.raises(BadInput, match=told):
        check(altered(parcel, tmp_path / "altered", statement))


def test_classes_that_differ_are_all_named(parcel):
    found = Parcel(parcel)
    classes = found.facts["classes"]
    classes["Blimp"] = {"tables": {}, "links": {}, "is_shared": False}
    classes["Dish"]["tables"]["dish"]["height"] = "int"
    classes["Layout"]["tables"]["layout"]["age"] = "float"
    with pytest.raises(BadInput) as refused:
        check_classes(found)
    found.close()
    for told in (
        "Blimp is not known here",
        "Dish differs in height (int there, float here)",
        "Layout differs in age (float there, absent here)",
    ):
        assert told in str(refused.value)


def test_a_format_of_the_future_is_refused(parcel, tmp_path):
    path = altered(
        parcel, tmp_path / "altered", "UPDATE _manifest SET value='2' WHERE name='format'"
    )
    with pytest.raises(BadInput, match="a parcel of format 2"):
        Parcel(path)

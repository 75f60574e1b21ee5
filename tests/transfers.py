"""What the tests of transfer share: objects sent, received, and all that is told of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
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
from sqlalchemy import select

from awlta.persistent import tables
from awlta.persistent.session import Session
from awlta.persistent.transfer.checking import check_parcel
from awlta.persistent.transfer.container import Parcel, packing
from awlta.persistent.transfer.receiving import Arrival, Received
from awlta.persistent.transfer.sending import send_rows

OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}


def send(session: Session, path: Path, objects: Any = None) -> dict[str, Any]:
    """Do what an export does; return the facts of the parcel."""
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

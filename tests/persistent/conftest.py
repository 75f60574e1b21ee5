"""A population of objects with every kind of gap: null links, None, NaN, empty lists."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from changing import ChangingPackage
from factories import (
    NOON,
    Dish,
    DishFactory,
    Gain,
    Layout,
    LayoutFactory,
    Light,
    Look,
    MirrorDishFactory,
    Sensor,
    SensorFactory,
    Summit,
    Survey,
)

from awlta.persistent.database import Database, create
from awlta.persistent.session import Session

ZONES = ("Atlantic/Canary", "America/Santiago", "Pacific/Kiritimati")


class Population:
    """Ten sensors, sixteen dishes, twelve layouts; 3 summits, 24 looks, 8 surveys; committed."""

    def __init__(self, session: Session) -> None:
        dice = random.Random(1906)
        self.session = session
        self.sensors: list[Sensor] = [
            SensorFactory(
                name=dice.choice(["LST-1", "LST-2", "lst-1", "MST[1]", "ä*?", ""]),
                n_pixels=dice.randint(1, 4),
                area=dice.choice([float("nan"), 0.0, 1.5, 3.0]),
                noise=dice.choice([None, float("nan"), -1.0, 1.5]),
                light=dice.choice(list(Light)),
                gain=dice.choice(list(Gain)),
                is_live=dice.choice([True, False]),
                built=dice.choice([None, NOON, NOON + timedelta(days=1)]),
            )
            for _ in range(10)
        ]
        self.dishes: list[Dish] = [
            dice.choice([DishFactory, MirrorDishFactory])(
                name=dice.choice(["north", "south"]),
                height=dice.choice([1.0, 2.0, 3.0]),
                sensor=dice.choice(self.sensors),
                spare=dice.choice([None, None, *self.sensors]),
            )
            for _ in range(16)
        ]
        self.layouts: list[Layout] = [
            LayoutFactory(
                number=dice.randint(1, 3),
                dishes=dice.choices(self.dishes, k=dice.randint(0, 3)),
                centre=dice.choice([None, *self.dishes]),
            )
            for _ in range(12)
        ]
        self.summits: list[Summit] = [Summit(zone=z) for z in ZONES]
        self.looks: list[Look] = [
            Look(
                run=dice.randint(1, 3),
                ra=dice.choice([None, 0.0, 1e-9, 10.0, 83.6, 180.0, 350.0, 359.9999, 360.0]),
                dec=dice.choice([None, float("nan"), -90.0, -89.5, 0.0, 22.0, 89.9, 90.0]),
                start=dice.choice([None, *(NOON + timedelta(hours=h) for h in (-2, -1, 0, 3, 24))]),
                summit=dice.choice([None, *self.summits]),
            )
            for _ in range(24)
        ]
        self.surveys: list[Survey] = [
            Survey(
                number=dice.randint(1, 3),
                first=dice.choice([None, *self.looks]),
                looks=dice.choices(self.looks, k=dice.randint(0, 3)),
            )
            for _ in range(8)
        ]
        self.objects = [*self.sensors, *self.dishes, *self.layouts]
        self.objects += [*self.summits, *self.looks, *self.surveys]
        session.commit(*self.objects)

    def of(self, cls: type) -> list:
        """Return the objects of a class, subclasses included."""
        return [o for o in self.objects if isinstance(o, cls)]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Tests of persistence run on both databases."""
    return str(request.param)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def population(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path, request: pytest.FixtureRequest
) -> Iterator[Population]:
    if request.param == "postgresql":
        cluster = request.getfixturevalue("cluster")
        url = cluster.url(cluster.new_database())
    else:
        path = tmp_path_factory.mktemp("population") / "awlta.db"
        shutil.copy(empty_database, path)
        url = f"sqlite:///{path}"
    session = Session(url, "ada", "CRAB")
    with session.use():
        yield Population(session)
    session.close()


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    """The URL of an empty database."""
    return new_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """That database, opened."""
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def populated(package: ChangingPackage, url: str) -> ChangingPackage:
    """The package, with objects of its first classes in the database."""
    package.populate(url)
    return package


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

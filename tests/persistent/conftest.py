"""A population of objects with every kind of gap: null links, None, NaN, empty lists."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from factories import (
    NOON,
    Dish,
    DishFactory,
    Gain,
    Layout,
    LayoutFactory,
    Light,
    MirrorDishFactory,
    Sensor,
    SensorFactory,
)

from awlta.persistent.session import Session


class Population:
    """Ten sensors, sixteen dishes, twelve layouts, committed."""

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
        session.commit(*self.sensors, *self.dishes, *self.layouts)

    def of(self, cls: type) -> list:
        """Return the objects of a class, subclasses included."""
        return [o for o in (*self.sensors, *self.dishes, *self.layouts) if isinstance(o, cls)]


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

"""Who sees what: one's own, the project's at level 2, everything from level 3 on."""

import gc

import pytest
from factories import Dish, DishFactory, Layout, LayoutFactory, Sensor, SensorFactory

from awlta.errors import NotFound, Refused

EVE = ("eve", "VELA")  # another user in another project
BOB = ("bob", "CRAB")  # another user in the same project


@pytest.mark.parametrize(
    ("level", "reader", "sees"),
    [
        (1, ("ada", "CRAB"), True),
        (1, ("ada", "VELA"), True),
        (1, BOB, False),
        (1, EVE, False),
        (2, BOB, True),
        (2, EVE, False),
        (2, ("ada", "VELA"), True),
        (3, BOB, True),
        (3, EVE, True),
        (5, EVE, True),
    ],
)
def test_the_level_decides_who_sees_an_object(new_session, level, reader, sees):
    sensor = SensorFactory(name="mine")
    new_session("ada", "CRAB", level=level).commit(sensor)
    other = new_session(*reader)
    with other.use():
        assert len(Sensor.select_all()) == int(sees)
        assert len(Sensor.name == "mine") == int(sees)
        assert Sensor.select_all().values("name") == [("mine",)] * int(sees)
        assert len(Sensor.object_id == sensor.object_id) == int(sees)
        if sees:
            assert other.get(sensor.object_id).name == "mine"
        else:
            with pytest.raises(NotFound, match=r"in your read scope"):
                other.get(sensor.object_id)


def test_several_are_got_in_order_or_none(new_session):
    ada, bob = new_session("ada"), new_session("bob")
    seen, hidden = SensorFactory(), SensorFactory()
    new_session("ada", "CRAB", level=3).commit(seen)
    ada.commit(hidden)
    assert [o.object_id for o in ada.get_many([hidden.object_id, seen.object_id])] == [
        hidden.object_id,
        seen.object_id,
    ]
    with pytest.raises(NotFound, match=hidden.object_id):
        bob.get_many([seen.object_id, hidden.object_id])


@pytest.fixture
def half_hidden(new_session):
    """Bob's session; two layouts and two dishes that he sees link what he does not see."""
    new_session("ada").commit(
        hidden := SensorFactory(name="hidden"),
        secret := DishFactory(name="secret", sensor=hidden),
    )
    public = new_session("ada", "CRAB", level=3)
    dishes = [DishFactory(name=f"open-{n}", sensor=hidden, spare=hidden) for n in (1, 2)]
    seen = DishFactory(name="seen", spare=None)
    layouts = [LayoutFactory(number=n, dishes=[seen, secret], centre=secret) for n in (1, 2)]
    public.commit(*dishes, seen, *layouts)
    bob = new_session("bob", "VELA")
    del hidden, secret, dishes, seen, layouts
    gc.collect()
    with bob.use():
        yield bob


def test_a_link_to_a_hidden_object_is_refused(half_hidden):
    one, two = Layout.select_all().order_by("number")
    for layout in (one, two):
        with pytest.raises(Refused, match=r"outside your read scope.*Ask its owner"):
            _ = layout.centre
        with pytest.raises(Refused, match=r"Layout.dishes of .* points to an object outside"):
            _ = layout.dishes


def test_hidden_links_do_not_spoil_those_that_came_along(half_hidden):
    dishes = {dish.name: dish for dish in Dish.select_all()}
    assert dishes["seen"].sensor.name.startswith("sensor-")
    for name in ("open-1", "open-2"):
        with pytest.raises(Refused):
            _ = dishes[name].sensor
        with pytest.raises(Refused):
            _ = dishes[name].spare
    assert dishes["seen"].spare is None


def test_conditions_do_not_reach_hidden_objects(half_hidden):
    assert len(Dish.sensor.name == "hidden") == 0
    assert len(Dish.spare.name == "hidden") == 0
    assert len(Layout.dishes.name == "secret") == 0
    assert len(Layout.dishes.name == "seen") == 2
    assert len(Layout.centre.name == "secret") == 0
    assert len(Dish.sensor.name.like("sensor-*")) == 1


def test_a_new_object_may_link_what_its_maker_sees(new_session):
    ada, bob = new_session("ada", "CRAB", level=2), new_session("bob", "CRAB")
    ada.commit(SensorFactory(name="common"))
    with bob.use():
        bob.commit(DishFactory(sensor=Sensor.select_all().first()))
    with ada.use():
        assert len(Sensor.select_all()) == 1


def test_owner_project_and_level_are_told(new_session):
    sensor = SensorFactory()
    new_session("ada", "CRAB", level=3).commit(sensor)
    with new_session("bob", "VELA").use() as bob:
        found = bob.get(sensor.object_id)
        assert (found._creator, found._project, found._privileges) == ("ada", "CRAB", 3)
        assert (sensor._creator, SensorFactory()._creator) == ("ada", "bob")

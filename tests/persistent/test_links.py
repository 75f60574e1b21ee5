"""Links: what they take, how they are kept, and how few statements they are read with."""

import gc

import pytest
from factories import (
    Dish,
    DishFactory,
    Layout,
    LayoutFactory,
    MirrorDishFactory,
    Node,
    Sensor,
    SensorFactory,
)

from awlta.errors import AlreadyMade, BadValue
from awlta.persistent import Link, Persistent, link


def forget(session):
    """Drop every object from memory, so that it is read again."""
    gc.collect()
    assert not any(vars(o)["_store"] is session for o in gc.get_objects() if is_stored(o))


def is_stored(obj):
    """Tell whether something in memory is a committed object."""
    return issubclass(type(obj), Persistent) and obj.is_stored


@pytest.mark.parametrize("wrong", [None, "sensor-1", 5, [SensorFactory()], Sensor])
def test_a_link_takes_an_object_of_its_class_only(wrong):
    with pytest.raises(BadValue, match=r"Dish.sensor = .*Expected: a Sensor"):
        DishFactory(sensor=wrong)


def test_a_link_is_compulsory_and_an_optional_one_is_not():
    with pytest.raises(BadValue, match=r"made without sensor"):
        Dish(name="a")
    assert DishFactory().spare is None


def test_a_link_takes_a_subclass():
    mirror = MirrorDishFactory()
    assert LayoutFactory(centre=mirror).centre is mirror


@pytest.mark.parametrize("wrong", ["ab", 5, None, DishFactory(), [SensorFactory()]])
def test_links_take_a_sequence_of_their_class_only(wrong):
    with pytest.raises(BadValue, match=r"Layout.dishes = "):
        LayoutFactory(dishes=wrong)


def test_links_keep_their_order_and_repetitions(session, new_session):
    a, b = DishFactory(), DishFactory()
    layout = LayoutFactory(dishes=[b, a, b])
    session.commit(layout)
    back = new_session().get(layout.object_id)
    assert [dish.name for dish in back.dishes] == [b.name, a.name, b.name]


def test_a_list_of_links_grows_until_its_owner_is_committed(session):
    a, b, c = (DishFactory() for _ in range(3))
    layout = LayoutFactory()
    layout.dishes.append(a)
    layout.dishes.extend([b])
    with pytest.raises(BadValue, match=r"Expected: a Dish"):
        layout.dishes.append(SensorFactory())
    assert (len(layout.dishes), layout.dishes[0], layout.dishes[-1:]) == (2, a, [b])
    assert layout.dishes == [a, b]
    session.commit(layout)
    with pytest.raises(AlreadyMade, match=r"dishes cannot be set"):
        layout.dishes.append(c)
    assert layout.dishes == [a, b]


def test_links_of_a_committed_object_never_change(session):
    dish = DishFactory()
    session.commit(dish)
    for name, value in (("sensor", SensorFactory()), ("spare", None)):
        with pytest.raises(AlreadyMade):
            setattr(dish, name, value)


def test_what_is_linked_is_committed_along(session):
    layout = LayoutFactory(dishes=[DishFactory(spare=SensorFactory())])
    session.commit(layout)
    assert layout.dishes[0].spare.is_stored
    assert len(Sensor.select_all()) == 2


def test_a_class_may_link_itself(session):
    first = Node(number=1)
    second = Node(number=2, before=first, others=[first])
    session.commit(second)
    assert [n.number for n in Node.before.number == 1] == [2]


def test_a_class_may_link_one_that_comes_later():
    body = {"__annotations__": {"later": Link["ComesLater"]}, "later": link("x")}
    before = type("ComesBefore", (Persistent,), body)
    later = type("ComesLater", (Persistent,), {})
    assert isinstance(before(later=later()).later, later)


@pytest.mark.parametrize("n", [3, 30])
def test_links_of_objects_that_came_together_are_read_together(session, statements, n):
    session.commit(*(DishFactory(spare=SensorFactory()) for _ in range(n)))
    forget(session)
    statements.clear()
    dishes = Dish.select_all().all()
    names = {dish.sensor.name for dish in dishes} | {dish.spare.name for dish in dishes}
    assert len(names) == 2 * n
    assert len(statements) == 2 + 2 * 2  # keys and rows of dishes; edges and rows of each link


def test_lists_of_links_and_what_they_link_are_read_together(session, statements):
    session.commit(*(LayoutFactory(dishes=DishFactory.build_batch(3)) for _ in range(10)))
    forget(session)
    statements.clear()
    layouts = Layout.select_all().all()
    assert len({dish.sensor.name for layout in layouts for dish in layout.dishes}) == 30
    assert len(statements) == 2 + 2 + 2


def test_links_of_one_name_in_two_classes_are_not_mixed_up(session):
    """Classes of one batch may have a Link and Links of the same name."""
    lone = type(
        "LoneDishes",
        (Persistent,),
        {"__annotations__": {"dishes": Link[Dish]}, "dishes": link("one dish")},
    )
    a, b = DishFactory(), DishFactory()
    session.commit(one := lone(dishes=a), many := LayoutFactory(dishes=[a, b]))
    keys = [(obj.__dict__["_key"], type(obj).__name__) for obj in (one, many)]
    del one, many
    gc.collect()
    one, many = session.load(keys)
    assert one.dishes is a
    assert many.dishes == [a, b]


def test_an_object_is_in_memory_once(session):
    sensor = SensorFactory()
    session.commit(DishFactory(sensor=sensor), DishFactory(sensor=sensor))
    assert session.get(sensor.object_id) is sensor
    assert all(dish.sensor is sensor for dish in Dish.select_all())
    assert Sensor.select_all().first() is sensor
    first = Dish.select_all().all()
    assert all(a is b for a, b in zip(first, Dish.select_all(), strict=True))


def test_help_on_a_link_tells_what_it_links(session):
    assert Dish.__links__["spare"].describe() == "sensor in store [link to Sensor or None]"
    assert repr(Dish.spare.name) == "Dish.spare.name"
    assert {"name", "n_pixels", "contains", "is_"} <= set(dir(Dish.spare))

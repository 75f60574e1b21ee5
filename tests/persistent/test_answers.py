"""How queries are combined, counted and answered: one statement each, compiled once a shape."""

import logging
from collections import Counter
from datetime import datetime

import pytest
from factories import (
    Dish,
    DishFactory,
    Layout,
    LayoutFactory,
    Light,
    Look,
    MirrorDish,
    Sensor,
    SensorFactory,
)

from awlta.errors import QueryError
from awlta.persistent import Attribute, Persistent, current_store, persistent, registry
from awlta.persistent.engine.identities import Identities
from awlta.persistent.tables import table_of


@pytest.fixture
def statements(caplog):
    """The statements that are run from now on, those of SQLAlchemy's own included."""
    caplog.set_level(logging.DEBUG, logger="awlta.sql")
    caplog.clear()
    return lambda: [r.getMessage() for r in caplog.records if r.name == "awlta.sql"]


def test_queries_are_combined_like_conditions(population):
    query = Dish.select_all()
    query &= Dish.height > 1
    query &= Dish.name == "north"
    assert set(query) == {d for d in population.dishes if d.height > 1 and d.name == "north"}
    high, north = Dish.select(Dish.height > 1), Dish.select(name="north")
    assert set(high & north) == set(query)
    assert set(high | north) == set(high) | set(north)
    assert set(high | (Dish.name == "north")) == set(high) | set(north)
    assert set((Dish.name == "north") & high) == set(query)
    assert set(~high) == set(population.dishes) - set(high)
    assert len(Dish.select_all() | high) == len(population.dishes)
    assert len(~Dish.select_all()) == 0


def test_a_query_of_a_subclass_stays_one_when_it_is_combined(population):
    mirrors = MirrorDish.select(Dish.height > 1)
    wanted = {d for d in population.of(MirrorDish) if d.height > 1}
    assert set(mirrors & (Dish.name == "north")) <= wanted
    assert set((Dish.height > 0) & mirrors) == wanted
    assert set(~mirrors) == set(population.of(MirrorDish)) - wanted


def test_a_condition_can_be_asked_whatever_a_query_can(population):
    condition = Dish.height > 1
    assert condition.limit(2).all() == condition.query()[:2]
    assert condition.values("name") == condition.query().values("name")
    assert condition.counts("name") == condition.query().counts("name")
    assert {"max", "to_table", "counts"} <= set(dir(condition))
    with pytest.raises(AttributeError):
        condition.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        condition._nothing  # noqa: B018


@pytest.mark.parametrize("other", [lambda: 1, lambda: Dish.select_all().limit(3)])
def test_what_is_no_condition_is_not_combined(population, other):
    with pytest.raises(QueryError):
        Dish.select_all() & other()
    with pytest.raises(QueryError):
        (Dish.height > 1) | other()


def test_a_link_may_be_given_by_the_name_of_what_it_leads_to(population):
    assert set(Dish.select(sensor="LST-1")) == set(Dish.sensor.name == "LST-1")
    assert set(Layout.select(dishes="north", number=1)) == set(
        (Layout.dishes.name == "north") & (Layout.number == 1)
    )
    with pytest.raises(QueryError, match=r"Look has no attribute 'name'"):
        registry["Survey"].select(first="one")


def test_objects_are_counted_by_a_value_in_one_statement(population, statements):
    found = Dish.select_all().counts("sensor.light")
    assert len(statements()) == 1
    assert found == Counter(d.sensor.light for d in population.dishes)
    assert list(found) == [Light.BLUE, Light.RED]
    pairs = Dish.select_all().counts("name", "spare.n_pixels")
    assert pairs == Counter(
        (d.name, None if d.spare is None else d.spare.n_pixels) for d in population.dishes
    )
    assert (Dish.height > 99).counts("name") == {}
    ten = Dish.select_all().order_by("height").limit(10)
    assert ten.counts("height") == Counter(d.height for d in ten)


def test_counts_of_what_has_no_single_value_are_refused(population):
    for paths, why in (
        (("dishes.name",), "by to-one links"),
        ((), "asked of nothing"),
        (("centre.sensor.gains",), "is an array"),
    ):
        with pytest.raises(QueryError, match=why):
            Layout.select_all().counts(*paths)


def test_whose_objects_are_is_asked_for_all_at_once(new_session, statements):
    ada, bob = new_session("ada", "CRAB", level=2), new_session("bob", "CRAB", level=2)
    other = new_session("ada", "NOVA", level=2)
    for session, n in ((ada, 2), (bob, 3), (other, 4)):
        with session.use():
            session.commit(*(SensorFactory() for _ in range(n)))
    with ada.use():
        assert len(Sensor.select_all().project_only("CRAB")) == 5
        assert len(Sensor.select_all().project_only("NOVA")) == 4
        assert Sensor.select_all().counts("_project", "_creator") == {
            ("CRAB", "ada"): 2,
            ("CRAB", "bob"): 3,
            ("NOVA", "ada"): 4,
        }
        assert set(Sensor._creator == "bob") == set(Sensor.select(_creator="bob"))
        assert (Sensor._privileges > 1).values("_privileges") == [(2,)] * 9
        one = (Sensor._creator == "bob")[0]
        assert (one._creator, one._project, one._privileges) == ("bob", "CRAB", 2)


def test_a_layout_can_be_asked_by_whose_its_dishes_are(population):
    assert set(Layout.dishes._creator == "ada") == {x for x in population.layouts if len(x.dishes)}
    assert len(Layout.dishes._creator == "bob") == 0


def test_questions_of_one_shape_are_compiled_once_and_answered_apart(population):
    kept = current_store()._answers._kept

    def ask(pixels, height, names, n):
        condition = (Dish.sensor.n_pixels == pixels) & ~(Dish.height < height)
        return set((condition & Dish.name.in_(names)).query().order_by("name").limit(n))

    ask(1, 1.0, ["north"], 16)
    before = len(kept)
    for pixels in (1, 2, 3):
        for height in (1.0, 2.5):
            for names in (["north"], ["south"]):
                wanted = {
                    d
                    for d in population.dishes
                    if d.sensor.n_pixels == pixels and d.height >= height and d.name in names
                }
                assert ask(pixels, height, names, 16) == wanted
                assert len(ask(pixels, height, names, 1)) == min(1, len(wanted))
    assert len(kept) == before


def test_two_places_of_one_condition_are_two_values(population):
    one = Dish.height > 1
    ask = [(one & one), (one & (Dish.height > 2))]
    assert [len(c) for c in ask] == [
        sum(d.height > limit for d in population.dishes) for limit in (1, 2)
    ]


def test_a_class_that_is_declared_anew_is_asked_anew(session):
    def declare(name):
        class Draft(Persistent):
            """A class that is typed again, with another attribute."""

        annotation = {name: Attribute[int]}
        values = {"__annotations__": annotation, name: persistent("number"), "__module__": __name__}
        return type(Persistent)(f"Draft{name}", (Draft,), values)

    try:
        first = declare("a")
        session.commit(first(a=1))
        assert len(first.a == 1) == 1
        assert len(Sensor.select_all()) == 0
        second = declare("b")
        session.commit(second(b=1))
        assert len(second.b == 1) == 1
        assert len(registry["Draft"].select_all()) == 1  # of the Draft that was declared last
    finally:
        for name in ("Draft", "Drafta", "Draftb"):
            registry.pop(name, None)


def test_a_list_of_any_length_is_asked_for(population):
    ids = [s.object_id for s in population.sensors]
    for n in (0, 1, 2, 3, 7, 10):
        assert len(Sensor.object_id.in_(ids[:n])) == n
        assert len(Dish.sensor.in_(population.sensors[:n])) == sum(
            d.sensor in population.sensors[:n] for d in population.dishes
        )
    assert len(Sensor.n_pixels.in_(range(20_000))) == 10
    with pytest.raises(QueryError, match=r"at most 30000"):
        len(Sensor.n_pixels.in_(range(40_000)))


def test_what_a_link_hides_is_as_if_it_were_not_there(new_session):
    ada, bob = new_session("ada", "CRAB", level=1), new_session("bob", "CRAB", level=2)
    with ada.use():
        sensor = SensorFactory(name="hidden", n_pixels=3)
        ada.commit(sensor)
    with ada.use(), ada.unit() as unit:
        unit.add(DishFactory(name="open", sensor=sensor))
    with ada.database.write() as connection:
        for table in ("product", "dish", "dep"):
            names = {"product": "class_name = 'Dish'"}.get(table, "1 = 1")
            connection.exec_driver_sql(f"UPDATE {table} SET level = 2 WHERE {names}")
    with bob.use():
        assert len(Dish.select_all()) == 1
        assert len(Dish.sensor.n_pixels == 3) == 0
        assert len(~(Dish.sensor.n_pixels == 3)) == 1
        assert Dish.select_all().values("name", "sensor.name") == [("open", None)]
        assert [d.name for d in Dish.select_all().order_by("sensor.n_pixels")] == ["open"]
        assert len(Dish.sensor.is_(None)) == 1
    with ada.use():
        assert len(Dish.sensor.n_pixels == 3) == 1


def test_an_index_has_a_name_that_every_database_takes(session):
    values = {
        "__annotations__": {"n" * 40: Attribute[int]},
        "n" * 40: persistent("number", index=True),
        "__module__": __name__,
    }
    long = type(Persistent)("Long" + "x" * 40, (Persistent,), values)
    try:
        session.commit(long(**{"n" * 40: 1}))
        (index,) = table_of(long).indexes
        assert len(index.name) == 63
        assert len(long.select_all()) == 1
    finally:
        del registry[long.__name__]


def test_an_attribute_with_an_index_is_found_by_it(session):
    session.commit(*(Look(run=n, ra=None, dec=None) for n in range(3000)))
    with session.database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    assert "ix_look_run" in (Look.run == 7).explain()
    assert (Look.run == 7)[0].run == 7


def test_reading_objects_and_a_path_takes_as_many_statements_as_classes(session, statements):
    session.commit(*(LayoutFactory(dishes=[DishFactory() for _ in range(3)]) for _ in range(20)))
    with session.use():
        session._objects = Identities()
        statements_before = len(statements())
        names = {d.sensor.name for layout in Layout.select_all() for d in layout.dishes}
        assert len(names) == 60
        assert len(statements()) - statements_before <= 8


def test_a_table_is_read_in_one_statement(population, statements):
    table = Dish.select_all().to_table(["name", "sensor.name", "spare.noise", "_creator"])
    assert len(table) == 16
    assert len(statements()) == 1
    assert set(table["_creator"]) == {"ada"}


def test_times_are_compared_in_any_zone(population):
    one = population.sensors[0].creation_date
    assert isinstance(one, datetime)
    assert len(Sensor.creation_date == one.astimezone()) == 10
    assert len(Sensor.creation_date == one.replace(tzinfo=None)) == 10
    assert len(Sensor.creation_date.in_([one.replace(tzinfo=None)])) == 10

"""Queries: what every operator and path gives, and how results are used."""

import contextvars
import math
from datetime import timedelta

import numpy as np
import pytest
from factories import NOON, Dish, Gain, Layout, Light, MirrorDish, Sensor

from awlta.errors import BadValue, ConfigError, QueryError
from awlta.persistent import Persistent, current_store

pytestmark = pytest.mark.usefixtures("population")


def test_every_operator_compares_as_in_python(population):
    for operator in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
        found = getattr(Sensor.n_pixels, operator)(2).query().all()
        wanted = [s for s in population.sensors if getattr(s.n_pixels, operator)(2)]
        assert set(found) == set(wanted)
        assert 0 < len(wanted) < 10


def test_values_are_asked_for_by_a_list(population):
    assert all(s.n_pixels in (1, 3) for s in Sensor.n_pixels.in_([1, 3]))
    assert len(Sensor.n_pixels.in_([])) == 0
    assert len(~Sensor.n_pixels.in_([])) == 10


def test_a_pattern_has_star_and_question_mark_and_minds_the_case(population):
    names = {s.name for s in Sensor.name.like("LST-?")}
    assert names <= {"LST-1", "LST-2"}
    assert names
    assert {s.name for s in Sensor.name.like("*[1]")} <= {"MST[1]"}
    assert len(Sensor.name.like("*")) == 10


def test_enums_times_booleans_and_ids_are_asked_for(population):
    one = population.sensors[0]
    assert set(Sensor.light == Light.RED) == {s for s in population.sensors if s.light is Light.RED}
    assert set(Sensor.light == "red") == set(Sensor.light == Light.RED)
    assert set(Sensor.gain != Gain.LOW) == {s for s in population.sensors if s.gain is Gain.HIGH}
    later = {s for s in population.sensors if s.built is not None and s.built > NOON}
    assert set(Sensor.built > NOON) == later
    assert set(Sensor.built >= NOON + timedelta(microseconds=1)) == later
    assert set(Sensor.is_live == True) == {s for s in population.sensors if s.is_live}  # noqa: E712
    assert list(Sensor.object_id == one.object_id) == [one]
    assert len(Sensor.creation_date <= one.creation_date) == 10


def test_none_and_nan_are_asked_for_with_equality():
    absent = Sensor.noise == None  # noqa: E711
    assert all(s.noise is None for s in absent)
    assert set(absent) == set(Sensor.noise == float("nan")) == set(Sensor.noise.is_(None))
    assert all(math.isnan(s.area) for s in Sensor.area == float("nan"))
    assert len(Sensor.area != float("nan")) + len(Sensor.area == float("nan")) == 10


def test_a_condition_over_a_null_link_is_false_and_its_negation_true(population):
    without = [d for d in population.dishes if d.spare is None]
    assert without
    for condition in (
        Dish.spare.n_pixels == 2,
        Dish.spare.n_pixels != 2,
        Dish.spare.noise == None,  # noqa: E711
        Dish.spare.name.like("*"),
    ):
        assert not set(condition) & set(without)
        assert set(without) <= set(~condition)


def test_a_null_link_is_asked_for(population):
    without = {d for d in population.dishes if d.spare is None}
    assert set(Dish.spare.is_(None)) == without
    assert set(~Dish.spare.is_(None)) == set(population.dishes) - without


def test_links_are_compared_with_objects(population):
    one, two = population.sensors[:2]
    assert set(Dish.sensor == one) == {d for d in population.dishes if d.sensor is one}
    assert set(Dish.sensor != one) == {d for d in population.dishes if d.sensor is not one}
    both = {d for d in population.dishes if d.sensor in (one, two)}
    assert set(Dish.sensor.in_([one, two])) == both
    assert len(Dish.sensor.in_([])) == 0


def test_a_path_through_links_means_any(population):
    high = {lay for lay in population.layouts if any(d.height > 2 for d in lay.dishes)}
    assert set(Layout.dishes.height > 2) == high
    assert set(~(Layout.dishes.height > 2)) == set(population.layouts) - high
    one = population.dishes[0]
    assert set(Layout.dishes.contains(one)) == {x for x in population.layouts if one in x.dishes}
    assert set(Layout.dishes.is_(None)) == {x for x in population.layouts if not len(x.dishes)}


def test_a_long_path_goes_through_every_kind_of_link(population):
    found = set(Layout.dishes.spare.light == Light.RED)
    wanted = {
        x
        for x in population.layouts
        if any(d.spare is not None and d.spare.light is Light.RED for d in x.dishes)
    }
    assert found == wanted
    assert wanted


def test_conditions_are_combined(population):
    both = (Dish.height > 1) & (Dish.name == "north")
    either = (Dish.height > 1) | (Dish.name == "north")
    assert set(both) == set(Dish.height > 1) & set(Dish.name == "north")
    assert set(either) == set(Dish.height > 1) | set(Dish.name == "north")
    assert set(~both) == set(population.dishes) - set(both)


def test_a_query_for_a_class_includes_its_subclasses(population):
    mirrors = {d for d in population.dishes if type(d) is MirrorDish}
    assert 0 < len(mirrors) < len(population.dishes)
    assert set(Dish.select_all()) == set(population.dishes)
    assert set(MirrorDish.select_all()) == mirrors
    assert set(MirrorDish.height > 1) == {d for d in mirrors if d.height > 1}
    assert len(Persistent.select_all()) == 73


def test_select_takes_conditions_and_values(population):
    one = population.sensors[0]
    query = Dish.select(Dish.height > 1, sensor=one, name="north")
    assert set(query) == {
        d for d in population.dishes if (d.height > 1, d.sensor, d.name) == (True, one, "north")
    }


def test_a_query_is_sliced_and_indexed():
    query = Dish.select_all().order_by("height", "name")
    whole = query.all()
    assert (len(query), len(whole)) == (16, 16)
    assert query[0] is whole[0]
    assert query[-1] is whole[-1]
    for part in (slice(0, 3), slice(3, None), slice(None, -2), slice(10, 99), slice(5, 2)):
        assert query[part] == whole[part]
    assert query[::5] == whole[::5]
    with pytest.raises(IndexError, match=r"no object number 16"):
        query[16]
    assert query.limit(5).limit(9).all() == whole[:5]
    assert query.limit(5)[3:9] == whole[3:5]
    assert len(query.limit(5)) == 5
    with pytest.raises(IndexError):
        query.limit(5)[5]


def test_an_order_or_condition_after_a_limit_is_refused():
    limited = Dish.select_all().limit(3)
    for late in (
        lambda: limited.order_by("name"),
        lambda: limited.max("height"),
        lambda: limited.where(Dish.height > 1),
    ):
        with pytest.raises(QueryError, match=r"limit\(\) last"):
            late()


def test_a_query_is_ordered_by_paths_nothing_last_ties_by_object_id(population):
    def key(dish):
        number = math.inf if dish.spare is None else dish.spare.n_pixels
        return (number, -dish.height, dish.object_id)

    found = Dish.select_all().order_by("spare.n_pixels", "-height").all()
    assert found == sorted(population.dishes, key=key)
    falling = Dish.select_all().order_by("-spare.n_pixels").all()
    assert all(d.spare is None for d in falling[-1:])


def test_the_largest_and_the_smallest_are_objects(population):
    largest = Dish.select_all().max("sensor.n_pixels")
    assert largest.sensor.n_pixels == max(d.sensor.n_pixels for d in population.dishes)
    assert (Sensor.n_pixels > 1).min("n_pixels").n_pixels == 2
    assert (Sensor.n_pixels > 99).max("n_pixels") is None
    assert (Sensor.n_pixels > 99).first() is None


def test_values_are_read_without_objects(population):
    rows = Dish.select_all().values("name", "spare.area", "sensor.light", "creation_date")
    assert {(name, light) for name, _, light, _ in rows} == {
        (d.name, d.sensor.light) for d in population.dishes
    }
    assert None in {area for _, area, _, _ in rows}


def test_a_table_has_units_descriptions_and_masks(population):
    query = Dish.select_all().order_by("object_id")
    table = query.to_table(["name", "height", "spare.noise", "spare.built", "sensor.light"])
    assert table["height"].unit == "m"
    assert table["name"].description == "name"
    wanted = [d.spare is None or d.spare.noise is None for d in query]
    assert table["spare.noise"].mask.tolist() == wanted
    assert any(wanted)
    assert set(table["sensor.light"]) <= {"blue", "red"}


def test_a_table_of_every_attribute_is_made_also_of_arrays_and_of_nothing(population, session):
    with session.use():
        session.commit(
            *(Sensor(name=n, gains=np.zeros(3), corner=(1, 2), serial=b"1") for n in "ab")
        )
        table = Sensor.select_all().to_table()
        assert (len(table), table["gains"].shape, table["corner"][0]) == (2, (2,), (1.0, 2.0))
        assert table["gain"].tolist() == ["1", "1"]
        assert len((Sensor.n_pixels > 99).to_table()) == 0


def test_the_plan_of_a_query_is_told(population):
    one = population.sensors[0]
    for condition in (
        Dish.sensor.n_pixels == 2,
        Dish.sensor == one,
        Dish.sensor.in_(population.sensors),
        Layout.dishes.contains(population.dishes[0]),
        Sensor.built > NOON,
        Sensor.area == float("inf"),
    ):
        text = condition.explain()
        assert text.startswith("SELECT")
        assert "SEARCH" in text or "Scan" in text


def test_a_query_alone_reads_nothing_and_counts_when_shown(population):
    assert repr(Dish.select_all()) == "<query for Dish: 16 objects>"


@pytest.mark.parametrize("doubtful", [lambda: Sensor.n_pixels == 2, Sensor.select_all])
def test_a_condition_or_query_is_neither_true_nor_false(doubtful):
    with pytest.raises(QueryError, match=r"used as true or false"):
        _ = 1 if doubtful() else 2
    with pytest.raises(QueryError, match=r"used as true or false"):
        _ = doubtful() and doubtful()


def test_forgotten_brackets_are_explained():
    with pytest.raises(QueryError, match=r"add brackets"):
        (Sensor.n_pixels == 2) & 1
    with pytest.raises(TypeError):
        _ = Sensor.n_pixels == 1 & Sensor.n_pixels == 2


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (lambda: Dish.sensor.nmae == "x", "Sensor has no attribute 'nmae'"),
        (lambda: Sensor.n_pixels < None, "== None or != None"),
        (lambda: Sensor.noise.in_([1.0, None]), "no None, no NaN"),
        (lambda: Sensor.area.in_([float("nan")]), "no None, no NaN"),
        (lambda: Sensor.light < Light.RED, "no order"),
        (lambda: Sensor.corner > (1.0, 2.0), "no order"),
        (lambda: Sensor.light.like("r*"), "is no text"),
        (lambda: Sensor.n_pixels.like("1*"), "is no text"),
        (lambda: Dish.sensor == 5, "was compared with 5"),
        (lambda: Dish.sensor == Dish, "was compared with"),
        (lambda: Dish.select(nothing=1), "has no attribute 'nothing'"),
        (lambda: Dish.select(Sensor.n_pixels == 1), "a condition on Sensor"),
        (lambda: Dish.select(MirrorDish.n_mirrors == 1), "a condition on MirrorDish"),
        (lambda: len((Dish.height > 1) & (Sensor.n_pixels > 1)), "asks both Dish and Sensor"),
        (lambda: Dish.select_all().order_by("sensor"), "ends at a link"),
        (lambda: Dish.select_all().order_by("sensor.name.x"), "cannot be walked"),
        (lambda: Dish.select_all().counts(Dish.height), "Dish.height is no dotted path"),
        (lambda: Dish.select_all().order_by("sensor..name"), "cannot be walked"),
        (lambda: Layout.select_all().order_by("dishes.name").all(), "has many values"),
        (lambda: Layout.select_all().values("dishes.name"), "has many values"),
        (lambda: setattr(Dish.sensor, "name", "x"), "name was assigned"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(question, why):
    with pytest.raises(QueryError, match=why):
        question()


def test_a_value_of_the_wrong_type_in_a_question_is_refused():
    with pytest.raises(BadValue, match=r"Expected: int"):
        _ = Sensor.n_pixels == "two"


def test_a_value_out_of_range_may_be_asked_for():
    assert len(Sensor.n_pixels == -5) == 0


def test_a_condition_of_a_subclass_and_one_of_its_base_ask_the_subclass(population):
    found = set((Dish.height > 1) & (MirrorDish.n_mirrors == 198))
    assert found == {d for d in population.of(MirrorDish) if d.height > 1}


def test_without_a_database_a_query_says_how_to_begin():
    with pytest.raises(ConfigError, match=r"awlta.connect"):
        contextvars.Context().run(current_store)


def test_a_condition_reads_as_it_was_typed():
    is_dark = (Dish.name == "LST-1") & ~(Dish.sensor.is_(None))
    assert repr(is_dark) == "(Dish.name == 'LST-1') & (~(Dish.sensor is nothing))"

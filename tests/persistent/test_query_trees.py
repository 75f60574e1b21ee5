"""Any tree of conditions gives the rows that the same conditions give in Python."""

from datetime import timedelta

import pytest
from factories import NOON, Dish, Gain, Layout, Light, Look, MirrorDish, Sensor, Survey
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta.persistent.attributes.conditions import Path
from awlta.persistent.queries.evaluate import holds

pytestmark = pytest.mark.long

NAN = float("nan")
VALUES = {
    "name": st.sampled_from(["LST-1", "lst-1", "MST[1]", "", "north", "z"]),
    "n_pixels": st.integers(0, 5),
    "n_mirrors": st.sampled_from([1, 198]),
    "number": st.integers(0, 4),
    "area": st.sampled_from([NAN, 0.0, 1.5, float("inf")]),
    "noise": st.sampled_from([None, NAN, -1.0, 1.5]),
    "height": st.sampled_from([1.0, 2, 2.5]),
    "light": st.sampled_from(list(Light)),
    "gain": st.sampled_from(list(Gain)),
    "is_live": st.booleans(),
    "built": st.sampled_from([None, NOON, NOON + timedelta(hours=1)]),
    "start": st.sampled_from([None, NOON, NOON + timedelta(hours=1)]),
    "run": st.integers(0, 4),
    "ra": st.sampled_from([None, 0.0, 360.0]),
    "dec": st.sampled_from([None, NAN, -90.0, 22.0]),
    "zone": st.sampled_from(["Atlantic/Canary", "Pacific/Kiritimati"]),
}
CENTRES = st.tuples(
    st.sampled_from([0.0, 1e-9, 83.6, 359.9999, -1.0]) | st.floats(0, 360),
    st.sampled_from([-90.0, 0.0, 22.0, 89.9, 90.0]) | st.floats(-90, 90),
    st.sampled_from([0.0, 0.1, 1.0, 90.0, 179.9, 180.0]) | st.floats(0, 180),
)
PATTERNS = st.sampled_from(["*", "LST-?", "*1", "lst*", "*[1]", "?", "[LM]*", "", "%", "_*"])


@st.composite
def paths(draw, root):
    """Draw a path from a class to one of its own, and return it with its end."""
    place, cls = Path(root), root
    while cls.__links__ and draw(st.integers(0, 2)):
        name = draw(st.sampled_from(sorted(cls.__links__)))
        place, cls = getattr(place, name), cls.__links__[name].target
    return place, cls


@st.composite
def comparisons(draw, root):
    """Draw a comparison of an attribute at the end of a path."""
    place, cls = draw(paths(root))
    name = draw(st.sampled_from(sorted(set(cls.__attributes__) & set(VALUES))))
    column = getattr(place, name)
    value = draw(VALUES[name])
    kinds = ["==", "!=", "in"]
    if cls.__attributes__[name].codec.ordered and value is not None:
        kinds += ["<", "<=", ">", ">="]
    if cls.__attributes__[name].codec.name == "str":
        kinds.append("like")
    match draw(st.sampled_from(kinds)):
        case "like":
            return column.like(draw(PATTERNS))
        case "in":
            values = draw(st.lists(VALUES[name], max_size=3))
            return column.in_([v for v in values if v is not None and v == v])
        case kind:
            method = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[kind]
            return getattr(column, f"__{method}__")(value)


@st.composite
def identities(draw, root, population):
    """Draw a question whether a link leads to an object, to one of some, or to nothing."""
    place, cls = draw(paths(root))
    objects = population.of(cls)
    if not place.__dict__["steps"]:
        return place.object_id == draw(st.sampled_from(objects)).object_id
    match draw(st.sampled_from(["==", "!=", "in", "nothing"])):
        case "==":
            return place == draw(st.sampled_from(objects))
        case "!=":
            return place != draw(st.sampled_from(objects))
        case "in":
            return place.in_(draw(st.lists(st.sampled_from(objects), max_size=3)))
    return place.is_(None)


@st.composite
def whereabouts(draw, root):
    """Draw a question for place or night, also by a path; not all paths end where there is one."""
    place, _ = draw(paths(root).filter(lambda found: issubclass(found[1], Look | Survey)))
    if draw(st.booleans()):
        return place.within(*draw(CENTRES))
    return place.on_night(draw(st.sampled_from(["2026-02-28", "2026-03-01", "2026-03-02"])))


def trees(root, population):
    """Return the strategy for conditions of any depth on one class."""
    leaves = comparisons(root) | identities(root, population)
    return st.recursive(
        leaves | whereabouts(root) if issubclass(root, Look | Survey) else leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
            st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
            inner.map(lambda one: ~one),
        ),
        max_leaves=6,
    )


@settings(max_examples=120)
@given(data=st.data())
def test_a_tree_of_conditions_gives_what_it_means(population, data):
    root = data.draw(st.sampled_from([Layout, Dish, MirrorDish, Sensor, Look, Survey]))
    condition = data.draw(trees(root, population))
    wanted = {o for o in population.of(root) if holds(condition, o)}
    query = root.select(condition)
    found = query.all()
    assert len(found) == len(set(found)) == len(query) == len(query.project_only("CRAB"))
    assert set(found) == wanted
    assert set(~query) == set(population.of(root)) - wanted
    assert len(query & ~query) == len(query.project_only("NOVA")) == 0
    assert sum(query.counts("_creator").values()) == len(wanted)


@settings(max_examples=50)
@given(data=st.data())
def test_order_and_limit_do_not_change_what_is_found(population, data):
    condition = data.draw(trees(Dish, population))
    query = Dish.select(condition).order_by(
        data.draw(st.sampled_from(["spare.noise", "-sensor.area", "height", "-name"]))
    )
    start, size = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))
    whole = query.all()
    assert set(whole) == {o for o in population.dishes if holds(condition, o)}
    assert query[start : start + size] == whole[start : start + size]

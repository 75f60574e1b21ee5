"""Objects as JSON: what crosses the wire to a runner and back."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from factories import DishFactory, Gain, LayoutFactory, Sensor, SensorFactory
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from awlta.errors import BadValue, NotFound
from awlta.persistent.classes.records import ObjectRecord, describe, rebuild, set_links
from awlta.persistent.engine.identities import Identities

SENSORS = st.builds(
    SensorFactory,
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    n_pixels=st.integers(1, 10_000),
    area=st.floats(),
    noise=st.none() | st.floats(),
    gain=st.sampled_from(Gain),
    is_live=st.booleans(),
    built=st.none() | st.datetimes(timezones=st.just(UTC)),
    gains=st.none() | arrays(st.sampled_from([np.uint8, np.float32, np.bool_]), (2, 3)),
    serial=st.none() | st.binary(),
    corner=st.lists(st.floats(allow_nan=False), max_size=3),
)


def through_json(obj):
    """Return an object as it is after its record crossed a wire."""
    return rebuild(ObjectRecord.from_json(json.loads(json.dumps(describe(obj).to_json()))))


def as_text(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.tolist()}"
    return value.isoformat() if isinstance(value, datetime) else repr(value)


@given(SENSORS)
def test_an_object_crosses_the_wire_unchanged(sensor):
    back = through_json(sensor)
    assert type(back) is Sensor
    for name in Sensor.__attributes__:
        if name != "creation_date":
            assert as_text(getattr(back, name)) == as_text(getattr(sensor, name))


@given(sensor=SENSORS)
def test_an_object_is_stored_and_read_unchanged(session, sensor):
    session.commit(sensor)
    values = {n: as_text(getattr(sensor, n)) for n in Sensor.__attributes__}
    object_id = sensor.object_id
    session._objects = Identities()
    back = session.get(object_id)
    assert back is not sensor
    assert {n: as_text(getattr(back, n)) for n in Sensor.__attributes__} == values


def test_links_cross_the_wire_as_ids_and_are_set_again():
    a, b = DishFactory(), DishFactory()
    layout = LayoutFactory(dishes=[b, a], centre=a)
    record = describe(layout)
    assert record.links == {"dishes": [b.object_id, a.object_id], "centre": [a.object_id]}
    assert describe(layout, with_links=False).links == {}
    back = rebuild(record)
    known = {obj.object_id: obj for obj in (a, b)}
    set_links(back, {role: [known[i] for i in ids] for role, ids in record.links.items()})
    assert (back.dishes, back.centre) == ([b, a], a)
    with pytest.raises(BadValue, match=r"Dish.sensor of .* is missing"):
        set_links(rebuild(describe(a)), {})
    with pytest.raises(BadValue, match=r"Expected: a Dish"):
        set_links(back, {"dishes": [SensorFactory()]})


@pytest.mark.parametrize(
    "wrong", [None, 5, [], {}, {"object_id": 1, "class": "Sensor", "attributes": [], "links": 1}]
)
def test_what_is_no_record_is_refused(wrong):
    with pytest.raises(BadValue, match=r"is no object record"):
        ObjectRecord.from_json(wrong)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"n_pixels": "7"}, "n_pixels"),
        ({"n_pixels": 0}, "from 1 to 10000"),
        ({"light": "green"}, "light"),
        ({"gains": "?"}, "gains"),
        ({"built": "yesterday"}, "built"),
        ({"built": "2026-03-01T12:00:00"}, "built"),
        ({"nothing": 1}, "has no attribute 'nothing'"),
    ],
)
def test_a_record_with_wrong_values_is_refused(attributes, why):
    record = ObjectRecord(SensorFactory().object_id, "Sensor", attributes)
    with pytest.raises(BadValue, match=why):
        rebuild(record)


def test_a_record_of_an_unknown_class_names_the_nearest():
    with pytest.raises(NotFound, match=r"no persistent class 'Sensr'.*Sensor"):
        rebuild(ObjectRecord("0", "Sensr"))


def test_a_record_keeps_times_with_their_zone():
    sensor = SensorFactory(built=datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC))
    assert describe(sensor).attributes["built"] == "2026-03-01T12:00:00.000001+00:00"

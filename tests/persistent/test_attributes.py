"""What an attribute takes, what it refuses, and how its value comes back."""

from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

import numpy as np
import pytest
from astropy import units
from astropy.time import Time
from factories import NOON, Gain, Light, Sensor, SensorFactory, Thresholds

from awlta.errors import AlreadyMade, BadValue, NotFound
from awlta.persistent import Attribute, Link, Links, OptionalLink, Persistent, link, persistent


def read_again(new_session, obj):
    """Return the object as another session reads it."""
    return new_session().get(obj.object_id)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 7),
        ("name", None),
        ("name", "a\x00b"),
        ("name", "\ud800"),
        ("n_pixels", 7.0),
        ("n_pixels", True),
        ("n_pixels", "7"),
        ("n_pixels", 1 << 63),
        ("n_pixels", 0),
        ("n_pixels", 10_001),
        ("area", "1"),
        ("area", None),
        ("area", 1 + 2j),
        ("is_live", 1),
        ("light", "green"),
        ("built", "2026-03-01"),
        ("built", datetime(2026, 3, 1)),
        ("built", Time("2026-03-01")),
        ("gains", np.array([object()])),
        ("serial", "text"),
        ("corner", "12"),
        ("corner", ("a", "b")),
        ("corner", 5),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused(name, value):
    with pytest.raises(BadValue, match=f"Sensor.{name} = .*Expected: "):
        SensorFactory(**{name: value})


def test_the_range_includes_its_ends():
    assert SensorFactory(n_pixels=1).n_pixels == 1
    assert SensorFactory(n_pixels=10_000).n_pixels == 10_000


def test_not_a_number_is_outside_of_any_range():
    with pytest.raises(BadValue, match=r"weight = nan"):
        Thresholds(weight=float("nan"))


def test_a_quantity_is_converted_to_the_unit_of_the_attribute():
    assert SensorFactory(area=2500 * units.cm**2).area == 0.25
    assert SensorFactory(noise=3 * units.electron).noise == 3.0
    assert SensorFactory(area=units.Quantity(np.float32(2), "m2")).area == 2.0


@pytest.mark.parametrize(
    ("name", "value"), [("area", 3 * units.m), ("n_pixels", 3 * units.m), ("noise", 1 * units.s)]
)
def test_a_quantity_of_another_kind_is_refused(name, value):
    with pytest.raises(BadValue, match=r"Expected: a "):
        SensorFactory(**{name: value})


def test_a_unit_that_astropy_does_not_know_refuses_a_quantity_and_takes_a_number():
    class CountingThing(Persistent):
        threshold: Attribute[float] = persistent("threshold", unit="ADC counts")

    assert CountingThing(threshold=4.0).threshold == 4.0
    with pytest.raises(BadValue, match=r"a number or quantity in ADC counts"):
        CountingThing(threshold=4 * units.m)


def test_every_type_comes_back_as_it_was(session, new_session):
    berlin = timezone(timedelta(hours=1))
    sensor = SensorFactory(
        name="Ärger's 100 % *",
        n_pixels=np.int32(1855),
        area=np.float32(0.5),
        noise=-0.0,
        light="red",
        gain=Gain.HIGH,
        is_live=np.False_,
        built=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=berlin),
        gains=np.arange(6, dtype=np.uint16).reshape(2, 3),
        serial=b"\x00\xff",
        corner=[1, 2.5],
    )
    session.commit(sensor)
    back = read_again(new_session, sensor)
    assert (back.name, back.n_pixels, back.area, back.noise) == ("Ärger's 100 % *", 1855, 0.5, 0.0)
    assert (back.light, back.gain, back.is_live) == (Light.RED, Gain.HIGH, False)
    assert back.built == datetime(1969, 12, 31, 22, 59, 59, 999_999, tzinfo=UTC)
    assert back.built.tzinfo is UTC
    assert back.gains.dtype == np.uint16
    assert back.gains.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (back.serial, back.corner) == (b"\x00\xff", (1.0, 2.5))
    for name in ("n_pixels", "area", "is_live", "name"):
        kind = {"n_pixels": int, "area": float, "is_live": bool, "name": str}[name]
        assert type(getattr(back, name)) is kind
        assert type(getattr(sensor, name)) is kind


def test_none_and_nan_are_null_in_the_table_and_come_back_apart(session, new_session):
    sensor = SensorFactory(area=float("nan"), noise=None)
    session.commit(sensor)
    with session.database.read() as connection:
        row = connection.exec_driver_sql("SELECT area, noise, built, gains FROM sensor").one()
    assert tuple(row) == (None, None, None, None)
    back = read_again(new_session, sensor)
    assert np.isnan(back.area)
    assert (back.noise, back.built, back.gains) == (None, None, None)


def test_not_a_number_is_none_where_none_is_allowed():
    assert SensorFactory(noise=float("nan")).noise is None


def test_infinity_comes_back(session, new_session):
    sensor = SensorFactory(area=float("-inf"))
    session.commit(sensor)
    assert read_again(new_session, sensor).area == float("-inf")


def test_an_array_cannot_be_changed_from_outside(session, new_session):
    mine = np.array([1.0, 2.0])
    sensor = SensorFactory(gains=mine)
    mine[0] = 9
    assert sensor.gains.tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"read-only"):
        sensor.gains[0] = 9
    session.commit(sensor)
    with pytest.raises(ValueError, match=r"read-only"):
        read_again(new_session, sensor).gains[0] = 9


def test_a_committed_object_never_changes(session):
    sensor = SensorFactory()
    sensor.name = "still open"
    session.commit(sensor)
    with pytest.raises(AlreadyMade, match=r"name cannot be set.*Make a new object"):
        sensor.name = "too late"
    assert sensor.name == "still open"


def test_a_value_that_is_not_there_yet_is_said_to_be_missing():
    with pytest.raises(NotFound, match=r"creation_date of .* has no value yet"):
        _ = SensorFactory().creation_date


def test_help_on_the_class_tells_meaning_type_unit_and_range():
    text = Sensor.n_pixels.__doc__
    assert text == "number of pixels [int from 1 to 10000] (default 7)"
    assert Sensor.noise.__doc__ == "noise [float in p.e. or None] (default None)"


@pytest.mark.parametrize("doc", ["", "  ", None, 5])
def test_documentation_is_compulsory(doc):
    with pytest.raises(BadValue, match=r"no documentation"):
        persistent(doc)

    with pytest.raises(BadValue, match=r"no documentation"):
        type(
            "Undocumented", (Persistent,), {"__annotations__": {"x": Link[Sensor]}, "x": link(doc)}
        )


def test_unknown_and_missing_arguments_are_named():
    with pytest.raises(BadValue, match=r"Sensor has no n_pixel, nmae"):
        Sensor(nmae="a", n_pixel=4, name="b")
    with pytest.raises(BadValue, match=r"made without name"):
        Sensor()
    with pytest.raises(BadValue, match=r"Sensor has no object_id"):
        Sensor(name="a", object_id="0")


def test_an_author_may_write_the_constructor_of_a_class():
    class OwnPlain(Persistent):
        number: Attribute[int] = persistent("number")

    class OwnDoubled(OwnPlain):
        label: Attribute[str] = persistent("text", default="none")

        def __init__(self, number, **others):
            super().__init__(number=2 * number, **others)

    class OwnNamed(OwnDoubled):
        name: Attribute[str] = persistent("name", default="x")

    for _ in range(2):  # the first object of a class has its constructor written
        assert (OwnPlain(number=3).number, OwnDoubled(3).number) == (3, 6)
        named = OwnNamed(4, label="l", name="n")
        assert (named.number, named.label, named.name) == (8, "l", "n")
    with pytest.raises(BadValue, match="OwnNamed has no size"):
        OwnNamed(4, size=1)


class Odd(IntEnum):
    """Numbers as an Enum."""

    ONE = 1


def declare(annotation, value, base=Persistent, name="thing"):
    return type("Declared", (base,), {"__annotations__": {name: annotation}, name: value})


@pytest.mark.parametrize(
    ("annotation", "value", "why"),
    [
        (Attribute[dict], persistent("x"), "cannot be stored"),
        (Attribute[object], persistent("x"), "cannot be stored"),
        (Attribute[int | str], persistent("x"), "cannot be stored"),
        ("Attribute[Nonsense]", persistent("x"), "unknown type Nonsense"),
        (Attribute[int], persistent("x", default="a"), "expected|Expected"),
        (Attribute[int], persistent("x", default=None), "default None"),
        (Attribute[int], persistent("x", default=5, high=4), "Expected: int from -inf to 4"),
        (Attribute[str], persistent("x", low=1), "a range for int or float only"),
        (Attribute[datetime], persistent("x", low=1), "a range for int or float only"),
        (Link[Sensor], persistent("x"), "is annotated"),
        (Attribute[int], link("x"), "is annotated"),
        (int, persistent("x"), "is annotated int|is annotated <class 'int'>"),
        (Link[int], link("x"), "links int.*a persistent class"),
        (Link[Sensor], link("x", default=None), "OptionalLink"),
        (Links[Sensor], link("x", default=None), "OptionalLink"),
        (Links[Sensor], link("x", valid_at="y"), "valid_at"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(annotation, value, why):
    with pytest.raises(BadValue, match=why):
        declare(annotation, value)


@pytest.mark.parametrize("name", ["id", "home", "owner", "project", "level", "_x", "select"])
def test_a_name_that_columns_or_methods_have_is_refused(name):
    with pytest.raises(BadValue, match=f"cannot have an attribute or link named {name}"):
        declare(Attribute[int], persistent("x"), name=name)


def test_attributes_may_have_the_names_of_builtins_and_of_one_another(session, new_session):
    class Shadow(Persistent):
        """Names that code written for the class could take for its own."""

        type: Attribute[str] = persistent("kind")
        isinstance: Attribute[int] = persistent("a number")
        self: Attribute[float] = persistent("a number")
        d: Attribute[float] = persistent("a number", default=1.0)
        a_d: Attribute[float] = persistent("a number", default=2.0)
        v: Attribute[str] = persistent("a text", default="v")
        row: Attribute[Light | None] = persistent("a colour", default=None)

    values = {"type": "a", "isinstance": 1, "self": 3.0, "d": 4.0, "row": Light.RED}
    shadow = Shadow(**values).commit()
    found = read_again(new_session, shadow)
    assert {n: getattr(found, n) for n in values} == values
    assert (found.a_d, found.v) == (2.0, "v")
    assert (Shadow.type == "a").counts("self") == {3.0: 1}


def test_a_declaration_without_annotation_is_refused():
    with pytest.raises(BadValue, match=r"Bare.x has no annotation"):
        type("Bare", (Persistent,), {"x": persistent("x")})


def test_a_rule_that_leads_nowhere_is_refused_when_the_class_is_made():
    class Moment(Persistent):
        when: Attribute[datetime] = persistent("when")
        number: Attribute[int] = persistent("number")

    def with_rule(**rule):
        annotations = {"moment": Link[Moment], "chosen": OptionalLink[Moment]}
        body = {"moment": link("x"), "chosen": link("y", **rule)}
        return type("Ruled", (Persistent,), {"__annotations__": annotations, **body})

    assert with_rule(valid_at="moment.when").__links__["chosen"].valid_at == "moment.when"
    for wrong in ("moment.whn", "moment.when.year", "nothing"):
        with pytest.raises(BadValue, match=r"a rule that leads nowhere"):
            with_rule(valid_at=wrong)
    for wrong in ("moment.number", "moment"):
        with pytest.raises(BadValue, match=r"a path to a time"):
            with_rule(valid_at=wrong)
    with pytest.raises(BadValue, match=r"leads nowhere"):
        with_rule(valid_at="moment.when", same="moment.moment")


def test_enums_of_numbers_are_attributes_too(session, new_session):
    class Numbered(Persistent):
        kind: Attribute[Odd] = persistent("kind")

    one = Numbered(kind=1)
    session.commit(one)
    assert read_again(new_session, one).kind is Odd.ONE
    assert len(Numbered.kind == Odd.ONE) == 1


def test_time_is_kept_to_the_microsecond(session, new_session):
    sensor = SensorFactory(built=NOON + timedelta(microseconds=1))
    session.commit(sensor)
    assert read_again(new_session, sensor).built - NOON == timedelta(microseconds=1)

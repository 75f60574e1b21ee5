"""Shared objects: equal content is one object."""

import gc

import pytest
from factories import Thresholds

from awlta.errors import AlreadyMade
from awlta.persistent import (
    Attribute,
    Link,
    Links,
    OptionalLink,
    Persistent,
    link,
    persistent,
)


class Filter(Persistent, shared=True):
    """A filter."""

    width: Attribute[float] = persistent("width", unit="nm")


class Wheel(Persistent, shared=True):
    """A wheel that carries a filter."""

    filter: Link[Filter] = link("filter in the beam")


class Photo(Persistent):
    """A picture taken through a wheel."""

    wheel: Link[Wheel] = link("wheel in the beam")


class Bench(Persistent):
    """Several wheels, one of which may be in use."""

    wheels: Links[Wheel] = link("wheels on the bench")
    used: OptionalLink[Wheel] = link("wheel in use", default=None)


def test_equal_content_in_one_unit_is_one_object(session):
    photos = [Photo(wheel=Wheel(filter=Filter(width=3))) for _ in range(3)]
    session.commit(*photos)
    assert len({photo.wheel.object_id for photo in photos}) == 1
    assert len({photo.wheel.filter.object_id for photo in photos}) == 1
    assert (len(Wheel.select_all()), len(Filter.select_all()), len(Photo.select_all())) == (1, 1, 3)


def test_equal_content_in_two_units_is_one_object(session):
    first, second = Filter(width=3), Filter(width=3.0)
    assert first.object_id != second.object_id
    session.commit(first)
    session.commit(second)
    assert first.object_id == second.object_id
    assert first.creation_date == second.creation_date
    assert second.is_stored
    with pytest.raises(AlreadyMade):
        second.width = 4


def test_links_lead_to_the_one_object_that_is_known(session):
    first = Photo(wheel=Wheel(filter=Filter(width=3)))
    session.commit(first)
    second = Photo(wheel=Wheel(filter=Filter(width=3)))
    session.commit(second)
    (third,) = session.load([(first.wheel.__dict__["_key"], "Wheel")])
    assert first.wheel is second.wheel is third


def test_links_of_one_unit_lead_to_one_object(session):
    one, other = (Wheel(filter=Filter(width=3)) for _ in range(2))
    bench = Bench(wheels=[one, other, Wheel(filter=Filter(width=4))], used=other)
    photo = Photo(wheel=other)
    session.commit(bench, photo)
    assert bench.wheels[0] is bench.wheels[1] is bench.used is photo.wheel
    assert [wheel.filter.width for wheel in bench.wheels] == [3, 3, 4]
    with pytest.raises(AlreadyMade):
        bench.wheels.append(one)


def test_what_a_user_holds_beside_the_known_object_still_serves(session):
    known = Wheel(filter=Filter(width=3))
    session.commit(known)
    mine = Wheel(filter=Filter(width=3))
    session.commit(mine)
    assert (mine.object_id, mine.filter.width) == (known.object_id, 3)
    assert mine.filter is known.filter
    session.commit(bench := Bench(wheels=[mine], used=mine))
    assert bench.wheels[0] is bench.used is known


def test_the_known_object_is_known_as_long_as_its_equal_is_held(session):
    known = Wheel(filter=Filter(width=3))
    session.commit(known)
    session.commit(mine := Wheel(filter=Filter(width=3)))
    key = mine.__dict__["_key"]
    del known
    gc.collect()
    session.commit(photo := Photo(wheel=mine))
    assert session.load([(key, "Wheel")]) == [photo.wheel]


def test_equal_content_in_two_sessions_is_one_object(session, new_session):
    other = new_session()
    first, second = Filter(width=3), Filter(width=3)
    session.commit(first)
    other.commit(second)
    assert first.object_id == second.object_id


def test_other_content_is_another_object(session):
    session.commit(*(Filter(width=w) for w in (1, 2, float("nan"), float("nan"))))
    assert len(Filter.select_all()) == 3


def test_a_wheel_with_another_filter_is_another_wheel(session):
    session.commit(*(Wheel(filter=Filter(width=w)) for w in (1, 2)))
    assert len(Wheel.select_all()) == 2


def test_one_who_cannot_see_the_equal_object_gets_one_of_their_own(new_session):
    ada, bob = new_session("ada"), new_session("bob")
    ada.commit(Photo(wheel=Wheel(filter=Filter(width=3))))
    mine, more = (Photo(wheel=Wheel(filter=Filter(width=3))) for _ in range(2))
    bob.commit(mine)
    bob.commit(more)
    with bob.use():
        assert (len(Filter.select_all()), len(Photo.select_all())) == (1, 2)
        back = new_session("bob").get(mine.object_id)
        assert back.wheel.filter.width == 3
    assert mine.wheel.object_id == more.wheel.object_id
    with ada.use():
        assert (len(Filter.select_all()), len(Photo.select_all())) == (1, 1)


def test_a_public_object_does_not_link_an_equal_private_one(new_session):
    ada, observatory = new_session("ada"), new_session("ada", "CRAB", level=3)
    private, public = (
        Photo(wheel=Wheel(filter=Filter(width=3))),
        Photo(wheel=Wheel(filter=Filter(width=3))),
    )
    ada.commit(private)
    observatory.commit(public)
    with new_session("bob", "VELA").use() as bob:
        assert [photo.wheel.filter.width for photo in Photo.select_all()] == [3]
        bob.commit(third := Photo(wheel=Wheel(filter=Filter(width=3))))
        assert third.wheel.object_id == public.wheel.object_id


def test_a_changed_copy_of_parameters_is_another_object(session):
    first = Thresholds(weight=3)
    second = first.changed(note="twice")
    session.commit(first, second)
    assert (second.weight, second.note, first.note) == (3, "twice", "")
    assert first.object_id != second.object_id
    assert second.changed().values() == second.values()


def test_parameters_show_values_units_and_meanings():
    assert "weight = 2.0    weight of a count" in Thresholds().show()

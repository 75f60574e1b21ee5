"""Nights: a date is from noon to noon at the site, whatever the clocks do in between."""

from datetime import UTC, date, datetime, timedelta

import pytest
from factories import NOON, Look, Sensor, Summit, Survey
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue, QueryError
from awlta.persistent import Attribute, Link, Persistent, link, persistent
from awlta.persistent.attributes.nights import date_at, night, time_of

CANARY, SANTIAGO = "Atlantic/Canary", "America/Santiago"


@pytest.mark.parametrize(
    ("day", "zone", "begin", "hours"),
    [
        ("2026-03-01", CANARY, "2026-03-01T12:00", 24),
        ("2026-07-01", CANARY, "2026-07-01T11:00", 24),
        ("2026-03-28", CANARY, "2026-03-28T12:00", 23),
        ("2026-10-24", CANARY, "2026-10-24T11:00", 25),
        ("2026-01-01", SANTIAGO, "2026-01-01T15:00", 24),
        ("2026-04-04", SANTIAGO, "2026-04-04T15:00", 25),
        ("2026-09-05", SANTIAGO, "2026-09-05T16:00", 23),
        ("2028-02-28", CANARY, "2028-02-28T12:00", 24),
        ("2028-02-29", CANARY, "2028-02-29T12:00", 24),
        ("2026-12-31", None, "2026-12-31T12:00", 24),
    ],
)
def test_a_night_is_from_noon_to_noon_at_the_site(day, zone, begin, hours):
    one = night(day, zone)
    assert one.begin == datetime.fromisoformat(begin).replace(tzinfo=UTC)
    assert one.end - one.begin == timedelta(hours=hours)
    assert one.begin in one
    assert one.end not in one


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)),
    st.sampled_from([CANARY, SANTIAGO, "Pacific/Kiritimati", None]),
)
def test_every_instant_is_in_just_one_night(when, zone):
    when = when.replace(tzinfo=UTC)
    day = date_at(when, zone)
    near = [day + timedelta(days=n) for n in (-1, 0, 1)]
    assert [when in night(d, zone) for d in near] == [False, True, False]


def test_a_night_is_told_in_local_time_and_in_utc():
    assert str(night("2026-07-01", CANARY)) == (
        "night of 2026-07-01 at Atlantic/Canary: 2026-07-01 12:00 WEST (2026-07-01 11:00 UTC) "
        "to 2026-07-02 12:00 WEST (2026-07-02 11:00 UTC)"
    )
    assert str(night("2026-07-01", None)) == (
        "night of 2026-07-01 at UTC: 2026-07-01 12:00 UTC to 2026-07-02 12:00 UTC"
    )


@pytest.mark.parametrize("day", [NOON, "1.3.2026", "2026-02-29", 20260301, None, "9999-12-31"])
def test_what_is_no_date_is_refused(day):
    with pytest.raises(QueryError, match=r"the date of the evening"):
        Look.select(date=day)


def test_the_name_of_a_time_zone_is_checked():
    for name in ("Atlantic/Palma", "", "../etc/passwd", "Atlantic"):
        with pytest.raises(BadValue, match=r"Summit.zone"):
            Summit(zone=name)


def test_a_date_asks_for_the_night_at_each_site(population):
    for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)):
        wanted = {
            look
            for look in population.looks
            if look.start is not None
            and date_at(look.start, None if look.summit is None else look.summit.zone) == day
        }
        assert set(Look.select(date=day)) == wanted == set(Look.on_night(day.isoformat()))
        assert wanted
    together = Look.select(date="2026-03-01", run=1)
    assert set(together) == {x for x in Look.on_night("2026-03-01") if x.run == 1}


def test_a_path_to_many_asks_for_any(population):
    found = set(Survey.select(date="2026-03-01"))
    wanted = set(Look.on_night("2026-03-01"))
    assert found == {s for s in population.surveys if wanted & set(s.looks)}
    assert found


def test_a_new_site_counts_at_once(session):
    look = Look(ra=None, dec=None, start=NOON - timedelta(hours=1), summit=Summit(zone=CANARY))
    session.commit(look)
    assert len(Look.select(date="2026-03-01")) == 0
    far = Look(ra=None, dec=None, start=NOON - timedelta(hours=1), summit=Summit(zone="Asia/Tokyo"))
    session.commit(far)
    assert Look.select(date="2026-03-01").all() == [far]


def test_a_night_is_found_by_an_index(population):
    assert "start" in Look.on_night("2026-03-01").explain()


def test_a_class_without_a_time_of_its_own_says_so():
    with pytest.raises(QueryError, match=r"Sensor does not say which of its times"):
        Sensor.select(date="2026-03-01")


def test_a_path_to_the_time_zone_that_leads_nowhere_is_refused():
    class Glance(Persistent):
        """A class with a wrong path."""

        start: Attribute[datetime] = persistent("when", night="summit.time")
        summit: Link[Summit] = link("where")

    with pytest.raises(BadValue, match=r"by to-one links"):
        time_of(Glance)


def test_only_a_time_is_of_a_night():
    with pytest.raises(BadValue, match=r"Expected: a time"):

        class Wink(Persistent):
            """A class whose run is no time."""

            run: Attribute[int] = persistent("run", night="summit.zone")

"""Which calibration is chosen, by the database as by plain Python; what was superseded since."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta

import pytest
from factories import (
    HOUR,
    NOON,
    Exposure,
    ExposureFactory,
    Summed,
    Thresholds,
    Zero,
    key,
    made,
    zero,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from tares import HERE, Dark, Matched, Spot, Tare, Tared, tare, tared, told

from awlta.errors import NotFound
from awlta.lineage import DataProduct, segments
from awlta.lineage.calibration import selection
from awlta.lineage.calibration.selection import choose_many, superseded
from awlta.persistent import Link, OptionalLink, link, tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    """Run on both databases."""
    return request.param


class Darkened(DataProduct):
    """A product whose calibration must be of the same exposure."""

    exposure: Link[Exposure] = link("exposure")
    twin: OptionalLink[Exposure] = link("the same exposure", default=None)
    dark: Link[Dark] = link("dark", valid_at="exposure.start")
    own: OptionalLink[Dark] = link("own dark", valid_at="twin.start", default=None)


def test_validity_includes_its_start_and_not_its_end(workspace):
    first, second = zero(0, 1), zero(1, 2)
    for hours, chosen in ((0, first), (0.999, first), (1, second), (2, None), (-0.001, None)):
        assert Zero.valid_for(NOON + hours * HOUR) is chosen
    assert Zero.valid_for(None) is None


def test_many_times_and_places_are_asked_together(workspace, statements):
    early, late, there = tare(0, 2), tare(2, 4), tare(0, 4, spot="there")
    here, other = Spot(name=HERE), Spot(name="there")
    asked = [(NOON, here), (None, here), (NOON + 9 * HOUR, other), (NOON + 3 * HOUR, here)]
    asked += [(NOON + 3 * HOUR, other), (NOON, Spot(name="nowhere"))]
    assert Tare.valid_for_each(asked, "spot") == [early, None, None, late, there, None]
    assert Tare.valid_for_each([]) == []
    assert Tare.valid_for_each([(None, None)]) == [None]
    statements.clear()
    Tare.valid_for(NOON, "spot", here)
    one = len(statements)
    statements.clear()
    Tare.valid_for_each(iter(asked), "spot")
    assert len(statements) == one


def test_the_newest_creation_wins_and_the_first_object_id_among_equals(workspace, new_workspace):
    zeros = [zero(value=v) for v in (1, 2, 3)]
    assert Zero.valid_for(NOON) is zeros[2]
    with workspace.database.write() as connection:
        connection.exec_driver_sql("UPDATE product SET creation_date = 0 WHERE class_name = 'Zero'")
    with new_workspace("ada").use():
        assert Zero.valid_for(NOON).object_id == min(z.object_id for z in zeros)


def test_what_is_bad_or_of_a_lesser_category_is_not_chosen(workspace):
    _quick, usual, final = (zero(category=c) for c in "ABC")
    exposure = ExposureFactory(make=True)
    for category in "ABC":
        intention = Summed(exposure=exposure, thresholds=Thresholds(), category=category)
        assert intention.zero is final
    workspace.judge(final, 0, "bad")
    assert Summed(exposure=exposure, thresholds=Thresholds()).zero is usual
    assert Summed(exposure=exposure, thresholds=Thresholds(), category="C").zero is None


def test_without_a_calibration_a_compulsory_link_says_what_is_missing(workspace):
    exposure = ExposureFactory(make=True)
    with pytest.raises(NotFound, match=r"No valid Dark covers 2026-03-01T12.*give dark=... your"):
        Darkened(exposure=exposure)
    made(Dark(of=exposure))
    assert Darkened(exposure=exposure).own is None


def test_a_rule_may_ask_for_the_same_object(workspace):
    one, two = ExposureFactory(make=True), ExposureFactory(make=True)
    darks = {exposure: made(Dark(of=exposure)) for exposure in (one, two)}
    for exposure, dark in darks.items():
        assert Dark.valid_for(NOON, "of", exposure) is dark
        assert Matched(of=exposure).dark is dark
    with pytest.raises(NotFound, match=r"Expected: one with the same of"):
        Matched(of=ExposureFactory(make=True))


# sets of products ------------------------------------------------------------------------


moments = st.integers(0, 8)


tares = st.lists(
    st.tuples(
        moments,
        st.integers(0, 5),
        st.sampled_from("ABC"),
        st.sampled_from(["x", "y"]),
        st.sampled_from([1, 1, 1, 0, 2]),
        st.sampled_from([0.0, 0.0, 2.0]),
        st.booleans(),
    ),
    max_size=8,
)


wants = st.lists(
    st.tuples(moments, st.sampled_from("ABC"), st.sampled_from(["x", "y"])), max_size=6
)


def rule(calibrations, when, category, spot):
    """Return what should be chosen, as one would say it."""
    fitting = [
        c
        for c in calibrations
        if c.timestamp_start <= when < c.timestamp_end
        and c.category >= category
        and c.spot.name == spot
        and c.is_valid == 1
        and c.quality_flags == 0
    ]
    newest = max((c.creation_date for c in fitting), default=None)
    return min(
        (c for c in fitting if c.creation_date == newest), key=lambda c: c.object_id, default=None
    )


@settings(max_examples=25)
@given(tares, wants)
@example([(0, 5, "B", "x", 1, 0.0, True), (2, 1, "B", "x", 1, 0.0, True)], [(2, "B", "x")])
def test_the_database_chooses_as_plain_python_does(workspace, monkeypatch, drawn, wanted):
    world = f"{len(Spot.select_all())}-"  # each example has sites of its own
    made_now, together = [], []
    for start, length, category, spot, verdict, noise, alone in drawn:
        since = NOON + start * HOUR
        one = Tare(
            spot=Spot(name=world + spot),
            since=since,
            until=since + length * HOUR,
            category=category,
            noise=noise,
        )
        together.append((one, verdict))
        if alone:
            made_now += commit(workspace, together)
            together = []
    made_now += commit(workspace, together)

    asked = [(NOON + hour * HOUR, category, world + spot) for hour, category, spot in wanted]
    expected = [rule(made_now, *ask) for ask in asked]
    intentions = [
        Tared(at=when, category=category, spot=Spot(name=spot), tare=None)
        for when, category, spot in asked
    ]
    step = Tared.__links__["tare"]
    assert choose_many(workspace, step, intentions) == expected

    given_any = [*made_now, None]
    for number, product in enumerate(intentions):
        product.tare = given_any[number % len(given_any)]
        product.make()
    products = [key(p) for p in intentions]
    wrong = {
        (key(product), "tare", key(product.tare), key(right))
        for product, right in zip(intentions, expected, strict=True)
        if right is not None and product.tare is not right
    }
    for few in (selection.FEW, 0):
        monkeypatch.setattr(selection, "FEW", few)
        assert set(superseded(workspace, products)) == wrong
    chosen = select(tables.product.c.id).where(tables.product.c.id.in_(products)).cte("chosen")
    for many in (selection.MANY, 0):
        monkeypatch.setattr(selection, "MANY", many)
        found = set(superseded(workspace, chosen))
        assert {s for s in found if s.product in products} == wrong
        assert many or found == wrong
    monkeypatch.undo()


def commit(workspace, tares_and_verdicts):
    """Make tares in one transaction, so that they have one time of creation; judge them."""
    with workspace.together():
        for one, _ in tares_and_verdicts:
            one.make()
    for one, verdict in tares_and_verdicts:
        if verdict != 1:
            workspace.judge(one, verdict, "drawn")
    return [one for one, _ in tares_and_verdicts]


@settings(max_examples=200)
@given(st.lists(st.tuples(moments, st.integers(0, 6), st.integers(0, 3)), max_size=9))
def test_the_segments_of_a_sweep_are_what_is_chosen_at_every_instant(drawn):
    known = []
    for start, length, creation in drawn:
        one = Tare.__new__(Tare)
        one.__dict__.update(
            object_id=f"{len(known):032x}",
            timestamp_start=NOON + start * HOUR,
            timestamp_end=NOON + (start + length) * HOUR,
            creation_date=NOON + creation * HOUR,
            category="B",
        )
        known.append(one)
    found = segments(known)
    for minutes in range(-30, 16 * 60, 30):
        when = NOON + timedelta(minutes=minutes)
        covering = [c for c in known if c.timestamp_start <= when < c.timestamp_end]
        ranked = sorted(covering, key=lambda c: (-c.creation_date.timestamp(), c.object_id))
        there = [c for start, end, c in found if start <= when < end]
        assert there == ranked[:1]
    for (_, end, one), (start, _, other) in itertools.pairwise(found):
        assert end < start or (end == start and one is not other)


def test_the_calibrations_of_many_products_are_chosen_in_one_query(workspace):
    chosen = [tare(n, n + 1) for n in range(5)]
    wanted = [Tared(spot=Spot(name=HERE), at=NOON + n % 5 * HOUR, tare=None) for n in range(50)]
    statements = []
    listener = lambda *arguments: statements.append(arguments[2])  # noqa: E731
    event.listen(workspace.database.engine, "before_cursor_execute", listener)
    found = choose_many(workspace, Tared.__links__["tare"], wanted)
    event.remove(workspace.database.engine, "before_cursor_execute", listener)
    assert Counter(found) == dict.fromkeys(chosen, 10)
    assert len(statements) == 1


def test_what_was_superseded_is_told_with_old_and_new_and_nothing_else(workspace):
    old, other = tare(0, 4), tare(4, 8)
    early, late, next_ = tared(1), tared(3), tared(5)
    assert told(workspace, early, late, next_) == set()
    new = tare(2, 4)
    assert told(workspace, early, late, next_) == {(key(late), "tare", key(old), key(new))}
    workspace.judge(other, 0, "cold")
    assert told(workspace, early, late, next_) == {(key(late), "tare", key(old), key(new))}
    replaced = tare(4, 6)
    tare(4, 6, category="A")
    assert told(workspace, next_) == {(key(next_), "tare", key(other), key(replaced))}


def test_a_class_that_links_no_calibration_is_not_asked(workspace):
    exposure = ExposureFactory(make=True)
    assert superseded(workspace, [key(exposure)]) == []
    assert superseded(workspace, []) == []

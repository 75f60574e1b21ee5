"""Which calibration is chosen, by the database as by plain Python; what was superseded since."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from factories import NOON, Exposure, ExposureFactory, Summed, Thresholds, Zero
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from tares import HERE, HOUR, Careful, Patient, Spot, Tare, Tared, made, tare, tared

from awlta.errors import BadValue, NotFound, NotMade
from awlta.lineage import Calibration, CalibrationSet, DataProduct, pinned, recipe, segments
from awlta.lineage.calibration import selection
from awlta.lineage.calibration.selection import choose_many, superseded
from awlta.persistent import Link, OptionalLink, link, tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    """Run on both databases."""
    return request.param


def zero(start=-1, end=1, value=1.0, category="B"):
    """Make a pedestal that is valid for some hours around noon."""
    since, until = NOON + start * HOUR, NOON + end * HOUR
    return made(Zero(value=value, since=since, until=until, category=category))


class Dark(Calibration):
    """A calibration of one exposure of its own."""

    of: Link[Exposure] = link("exposure it was taken from")

    @recipe
    def make(self):
        """Take the time of the exposure."""
        self.timestamp_start, self.timestamp_end = self.of.start - HOUR, self.of.start + HOUR


class Darkened(DataProduct):
    """A product whose calibration must be of the same exposure."""

    exposure: Link[Exposure] = link("exposure")
    twin: OptionalLink[Exposure] = link("the same exposure", default=None)
    dark: Link[Dark] = link("dark", valid_at="exposure.start")
    own: OptionalLink[Dark] = link("own dark", valid_at="twin.start", default=None)


class Matched(DataProduct):
    """A product that wants the dark of the exposure that it is made of."""

    of: Link[Exposure] = link("exposure")
    dark: Link[Dark] = link("dark", valid_at="of.start", same="of")


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


def key(obj):
    return None if obj is None else obj.__dict__["_key"]


def told(session, *products):
    """Return (product, role, old, new) of what was superseded, as objects."""
    keys = [key(p) for p in products]
    found = {tuple(s) for s in superseded(session, keys)}
    everywhere = superseded(session, select(tables.product.c.id).cte("everything"))
    assert found == {tuple(s) for s in everywhere if s.product in keys}
    return found


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


# scope -----------------------------------------------------------------------------------


def at_level(workspace, number):
    workspace.context = replace(workspace.context, level=number)


def test_what_a_project_reads_is_not_chosen_from_what_is_private(workspace):
    at_level(workspace, 2)
    shared = tare(-1, 1)
    at_level(workspace, 1)
    private = tare(-1, 1)
    mine = tared()
    assert mine.tare is private
    at_level(workspace, 2)
    ours = tared()
    assert ours.tare is shared
    assert told(workspace, mine, ours) == set()


def test_a_private_calibration_that_is_given_to_a_project_s_product_is_flagged(workspace):
    private = tare(-1, 1)
    at_level(workspace, 2)
    ours = tared(tare=private)
    (raised,) = ours.quality_report()
    assert raised.flag == "FALLBACK_CALIBRATION"
    assert "outside the scope of CRAB" in raised.doc
    shared = tare(-1, 1)
    assert told(workspace, ours) == {(key(ours), "tare", key(private), key(shared))}


def test_what_others_made_for_themselves_does_not_supersede_mine(new_workspace):
    with new_workspace("ada", "CRAB", level=3).use():
        public = tare(-1, 1)
        product = tared()
        assert product.tare is public
    with new_workspace("bob", "VELA").use() as bob:
        own = tare(-1, 1)
        found = bob.get(product.object_id)
        assert told(bob, found) == set()
        assert tared().tare is own


def test_places_that_are_equal_are_one_place_whoever_described_them(new_workspace):
    with new_workspace("ada", "CRAB").use() as ada:
        tare(-1, 1)
        ada.commit(Spot(name="there"))
    with new_workspace("bob", "VELA", level=3).use():
        public = tare(-1, 1)
    with new_workspace("ada", "CRAB").use() as ada:
        sites = {s.object_id for s in Spot.select(name=HERE)}
        assert len(sites) == 2
        assert tared().tare.object_id == public.object_id


# as of -----------------------------------------------------------------------------------


def test_as_of_a_date_the_choice_is_what_it_was_then(workspace):
    first = tare(-1, 1)
    second = tare(-1, 1)
    workspace.judge(second, 0, "later on")
    third = tare(-1, 1)
    now = workspace.context
    when = second.creation_date
    workspace.context = replace(now, as_of=when)
    assert Tare.valid_for(NOON, "spot", Spot(name=HERE)) is second
    workspace.context = replace(now, as_of=first.creation_date)
    assert Tare.valid_for(NOON, "spot", Spot(name=HERE)) is first
    workspace.context = now
    assert Tare.valid_for(NOON, "spot", Spot(name=HERE)) is third


# pinned sets -----------------------------------------------------------------------------


def test_from_a_pinned_set_alone_is_chosen(workspace):
    kept = tare(-1, 1)
    newer = tare(-1, 1)
    some = CalibrationSet(name="DR1", members=[kept])
    with pytest.raises(NotMade, match="is not committed"), pinned(some):
        pass
    workspace.commit(some)
    with pinned(some):
        product = tared()
        assert product.tare is kept
        assert Tare.valid_for(NOON, "spot", Spot(name=HERE)) is kept
        assert tared(2).tare is None
        exposure = ExposureFactory(make=True)
        with pytest.raises(NotFound, match="No valid Dark in the set DR1 covers"):
            Matched(of=exposure)
    assert tared().tare is newer
    assert product.quality_report() == []


def test_what_was_made_under_a_pin_is_up_to_date_as_long_as_the_set_would_choose_it(workspace):
    kept, spare = tare(-1, 1), tare(-1, 1)
    workspace.judge(spare, 2, "not yet")
    some = CalibrationSet(name="DR1", members=[kept, spare])
    workspace.commit(some)
    with pinned(some):
        product = tared()
    free = tared()
    assert (product.tare, free.tare) == (kept, kept)
    newer = tare(-1, 1)
    assert told(workspace, product, free) == {(key(free), "tare", key(kept), key(newer))}
    workspace.judge(spare, 1, "well after all")
    assert told(workspace, product, free) == {
        (key(product), "tare", key(kept), key(spare)),
        (key(free), "tare", key(kept), key(newer)),
    }


def test_a_calibration_that_was_given_past_the_pinned_set_is_flagged(workspace):
    kept, other = tare(-1, 1), tare(-1, 1)
    some = CalibrationSet(name="DR1", members=[kept])
    workspace.commit(some)
    with pinned(some):
        product = tared(tare=other)
    assert "not in the set DR1" in product.quality_report()[0].doc
    assert told(workspace, product) == {(key(product), "tare", key(other), key(kept))}


# fallbacks -------------------------------------------------------------------------------


def test_a_fallback_is_one_of_those_there_are():
    for wrong in ("latest", ("nearest", "latest")):
        with pytest.raises(BadValue, match=r"fallback='latest'. Expected: one of lower-category"):
            link("tare", valid_at="at", fallback=wrong)
    with pytest.raises(BadValue, match="a fallback and no valid_at"):
        link("tare", fallback="nearest")


def test_where_none_fits_the_fallbacks_are_tried_in_order_and_flagged(workspace):
    quick, usual = tare(0, 2, category="A"), tare(4, 5)
    tare(-9, 9, spot="elsewhere")
    for hour, category, chosen, why in (
        (1, "B", quick, "tare: its category A is below B"),
        (2, "B", usual, "tare: it begins 2 h after the time"),
        (8, "B", usual, "tare: it ended 3 h before the time"),
    ):
        product = tared(hour, category, cls=Patient)
        assert product.tare is chosen
        assert product.quality_flags == 1 << 48
        (raised,) = product.quality_report()
        assert (raised.flag, raised.blocking) == ("FALLBACK_CALIBRATION", False)
        assert why in raised.doc
    fitting = tared(4, cls=Patient)
    assert (fitting.tare, fitting.quality_flags) == (usual, 0)
    assert tared(3, "C", cls=Patient).tare is None


def test_earlier_looks_back_alone(workspace):
    tare(5, 6)
    with pytest.raises(NotFound, match="No valid Tare covers"):
        tared(4, cls=Careful)
    tare(0, 1)
    last = tare(0, 2)
    tare(-3, -2)
    product = tared(4, cls=Careful)
    assert product.tare is last
    assert "it ended 2 h before the time" in product.quality_report()[0].doc


def test_a_bad_or_flagged_calibration_is_no_fallback_either(workspace):
    workspace.judge(tare(0, 1), 0, "cold")
    tare(2, 3, noise=5.0)
    far = tare(9, 10)
    assert tared(1, cls=Patient).tare is far


def test_what_has_a_fallback_is_out_of_date_when_one_comes_that_fits(workspace):
    near = tare(4, 5)
    product = tared(2, cls=Patient)
    assert (product.tare, product.uptodate()) == (near, True)
    nearer = tare(3, 4)
    assert told(workspace, product) == {(key(product), "tare", key(near), key(nearer))}
    fits = tare(2, 3)
    assert told(workspace, product) == {(key(product), "tare", key(near), key(fits))}
    assert not product.uptodate()
    again = tared(2, cls=Patient)
    assert (again.tare, again.quality_flags, again.uptodate()) == (fits, 0, True)


def test_a_calibration_that_does_not_fit_is_flagged_though_it_was_given_by_hand(workspace):
    other = tare(0, 1, spot="elsewhere")
    product = tared(0, tare=other)
    assert "its spot is another" in product.quality_report()[0].doc
    assert told(workspace, product) == set()
    fits = tare(0, 1)
    assert told(workspace, product) == {(key(product), "tare", key(other), key(fits))}

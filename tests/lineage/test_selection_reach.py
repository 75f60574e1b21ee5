"""From which calibrations is chosen: those in scope, those of a date, those of a pinned set."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import NOON, ExposureFactory, key
from tares import HERE, Matched, Spot, Tare, tare, tared, told

from awlta.errors import NotFound, NotMade
from awlta.lineage import CalibrationSet, pinned


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    """Run on both databases."""
    return request.param


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

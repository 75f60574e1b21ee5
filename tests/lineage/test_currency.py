"""Up to date or not, and what is found instead of made."""

import gc

import pytest
from factories import (
    Exposure,
    ExposureFactory,
    Merged,
    Summed,
    SummedFactory,
    Thresholds,
    made,
    zero,
)

from awlta.errors import BadValue, NotMade
from awlta.lineage import DataProduct, recipe
from awlta.lineage.currency.currency import stale
from awlta.lineage.planning.refill import without_work, write_work
from awlta.persistent import OptionalLink, link, tables


def told(product):
    return [(r.product, r.part, r.old, r.new) for r in product.uptodate(explain=True)]


# up to date ------------------------------------------------------------------------------


def test_what_was_just_made_is_up_to_date(workspace):
    summed = made(SummedFactory())
    assert summed.uptodate()
    assert summed.uptodate(explain=True) == []


def test_an_intention_is_not_up_to_date(workspace):
    assert told(ExposureFactory())[0][1:] == ("make", "never made", "to be made")


def test_a_verdict_on_an_input_makes_what_was_made_of_it_out_of_date(workspace):
    summed = made(SummedFactory())
    merged = made(Merged(inputs=[summed]))
    workspace.judge(summed.exposure, 0, "clouds")
    for product in (summed, merged):
        assert not product.uptodate()
        assert told(product) == [(summed.exposure, "verdict", "valid", "bad (ada: clouds)")]
    assert "verdict was valid, is now bad (ada: clouds)" in str(merged.uptodate(explain=True)[0])
    assert summed.exposure.uptodate()
    workspace.judge(summed.exposure, 1, "no clouds after all")
    assert merged.uptodate()


def test_a_verdict_is_one_of_three_and_on_a_product_that_is_made(workspace):
    exposure = ExposureFactory(make=True)
    assert (exposure.is_valid, exposure.quality_flags) == (1, 0)
    workspace.judge(exposure, 2, "propose")
    assert exposure.is_valid == 2
    assert list(Exposure.is_valid == 2) == [exposure]
    with pytest.raises(BadValue, match=r"is_valid = 3. Expected: 0 \(bad\)"):
        workspace.judge(exposure, 3, "?")
    with pytest.raises(NotMade):
        workspace.judge(ExposureFactory(), 0, "?")


def test_the_standing_of_what_is_not_linked_is_asked_for_as_a_null_link(workspace):
    without = made(SummedFactory())
    zero()
    with_one = made(Summed(exposure=without.exposure, thresholds=Thresholds()))
    assert list(Summed.zero.is_valid == 1) == [with_one]
    assert list(~(Summed.zero.is_valid == 1)) == [without]
    assert list(Summed.zero.quality_flags != 5) == [with_one]


def declare(version):
    class Versioned(DataProduct):
        """A product whose recipe comes in versions."""

        @recipe(version=version)
        def make(self):
            """Make nothing."""

    return Versioned


def test_a_changed_recipe_makes_its_products_and_theirs_out_of_date(workspace, new_workspace):
    first = made(declare("1")())
    merged_id = made(Merged(inputs=[first])).object_id
    first_id = first.object_id
    del first
    gc.collect()
    later = declare("2")
    with new_workspace("ada").use() as other:
        merged = other.get(merged_id)
        (reason,) = merged.uptodate(explain=True)
        assert (reason.product.object_id, reason.part) == (first_id, "recipe")
        assert reason.old.startswith("version 1, ")
        assert reason.new == f"version 2, {later.__recipe__.identity.digest[:12]}"
        assert not other.get(first_id).uptodate()
        assert later.get_target().object_id != first_id


def test_a_newer_calibration_makes_a_product_out_of_date(workspace):
    old = zero(value=1)
    summed = made(Summed(exposure=ExposureFactory(make=True), thresholds=Thresholds()))
    assert (summed.zero, summed.uptodate()) == (old, True)
    new = zero(value=2)
    assert told(summed) == [(summed, "zero", repr(old), repr(new))]
    workspace.judge(new, 0, "noisy")
    assert summed.uptodate()


def test_a_calibration_that_comes_at_last_makes_a_product_out_of_date(workspace):
    summed = made(Summed(exposure=ExposureFactory(make=True), thresholds=Thresholds()))
    assert summed.zero is None
    new = zero()
    assert told(summed) == [(summed, "zero", "None", repr(new))]


def test_a_calibration_for_another_time_or_category_changes_nothing(workspace):
    zero(category="C")
    summed = made(
        Summed(exposure=ExposureFactory(make=True), thresholds=Thresholds(), category="C")
    )
    zero(start=1, end=2)
    zero(category="B")
    assert summed.uptodate()


def test_what_was_ingested_stays_up_to_date_whatever_becomes_of_what_it_links(workspace):
    class CameIn(DataProduct):
        """A product that is ingested, and tells what it comes from."""

        origin: OptionalLink[DataProduct] = link("what it comes from", default=None)

    origin = made(declare("1")())
    delivered = CameIn(origin=origin)
    with workspace.unit() as unit:
        unit.add(delivered)
    merged = made(Merged(inputs=[delivered]))
    declare("2")
    assert [p.uptodate() for p in (origin, delivered, merged)] == [False, True, True]
    assert stale(workspace, Merged.select_all()) == {}
    assert Merged.get_target(inputs=[delivered]) is merged
    workspace.judge(origin, 0, "wrong seed")
    assert merged.uptodate(explain=True) == []
    workspace.judge(delivered, 0, "of a wrong seed")
    assert told(merged) == [(delivered, "verdict", "valid", "bad (ada: of a wrong seed)")]


# targets ---------------------------------------------------------------------------------


def test_what_was_made_of_the_same_is_found(workspace):
    summed = made(SummedFactory(thresholds=Thresholds(weight=3)))
    found = Summed.get_target(exposure=summed.exposure, zero=None, thresholds=Thresholds(weight=3))
    assert found is summed
    assert found.is_made()


@pytest.mark.parametrize(
    "other",
    [
        {"thresholds": Thresholds(weight=4)},
        {"category": "C"},
        {"exposure": "another"},
        {"others": "another"},
    ],
)
def test_what_was_made_of_something_else_is_not_found(workspace, other):
    summed = made(SummedFactory(thresholds=Thresholds(weight=3)))
    values = {"exposure": summed.exposure, "zero": None, "thresholds": Thresholds(weight=3)}
    if "another" in other.values():
        another = ExposureFactory(make=True)
        other = {"exposure": another} if "exposure" in other else {"others": [another]}
    target = Summed.get_target(**(values | other))
    assert not target.is_made()
    target.make()
    assert Summed.get_target(**(values | other)) is target


def test_the_order_of_inputs_matters(workspace):
    one, two = ExposureFactory(make=True), ExposureFactory(make=True)
    merged = made(Merged(inputs=[one, two]))
    assert Merged.get_target(inputs=[one, two]) is merged
    assert not Merged.get_target(inputs=[two, one]).is_made()
    assert not Merged.get_target(inputs=[one]).is_made()
    assert not Merged.get_target().is_made()


def test_the_newest_that_is_up_to_date_is_found(workspace):
    first = made(ExposureFactory(n=3))
    second = made(Exposure(n=3))
    assert Exposure.get_target(n=3) is second
    assert first.object_id != second.object_id


def test_what_is_out_of_date_is_not_found(workspace):
    exposure = ExposureFactory(make=True)
    merged = made(Merged(inputs=[exposure]))
    workspace.judge(exposure, 0, "bad")
    assert not Merged.get_target(inputs=[exposure]).is_made()
    workspace.judge(exposure, 1, "good")
    assert Merged.get_target(inputs=[exposure]) is merged


def test_a_calibration_that_is_not_given_is_chosen_and_found(workspace):
    exposure, chosen = ExposureFactory(make=True), zero()
    target = Summed.get_target(exposure=exposure, thresholds=Thresholds())
    assert target.zero is chosen
    target.make()
    assert Summed.get_target(exposure=exposure, thresholds=Thresholds()) is target
    assert target.value == (0 - 1 + 1 - 1 + 2 - 1) * 2


def test_others_find_what_was_published_with_their_own_parameters(new_workspace):
    with new_workspace("ada", "CRAB", level=3).use():
        summed = made(SummedFactory(thresholds=Thresholds(weight=3)))
        published = (summed.object_id, summed.exposure.object_id)
    with new_workspace("bob", "VELA").use() as bob:
        bob.commit(Thresholds(weight=3))
        exposure = bob.get(published[1])
        found = Summed.get_target(exposure=exposure, zero=None, thresholds=Thresholds(weight=3))
        assert found.object_id == published[0]
        assert found.uptodate()


def test_two_people_make_the_same_each_for_themselves(new_workspace):
    with new_workspace("ada").use():
        ada = made(SummedFactory())
    with new_workspace("bob").use():
        bob = made(SummedFactory())
        assert bob.thresholds.weight == 2
        assert len(Summed.select_all()) == 1
        found = Summed.get_target(exposure=bob.exposure, zero=None, thresholds=Thresholds())
        assert found is bob
    assert ada.object_id != bob.object_id


def test_rows_from_before_digests_were_kept_are_found_once_they_are_written(workspace):
    summed = made(SummedFactory(thresholds=Thresholds(weight=3)))
    merged = made(Merged(inputs=[summed]))
    with workspace.database.write() as connection:
        connection.execute(tables.product.update().values(work=None))
    assert without_work(workspace) == 3
    assert not Merged.get_target(inputs=[summed]).is_made()
    assert write_work(workspace) == 3
    assert Merged.get_target(inputs=[summed]) is merged
    assert (without_work(workspace), write_work(workspace)) == (0, 0)
    assert write_work(workspace, ["Merged"]) == 1
    assert Merged.get_target(inputs=[summed]) is merged

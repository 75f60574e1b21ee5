"""Campaigns: a frozen selection made again, stopped and taken up, compared, promoted as a whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from factories import ExposureFactory, Merged, Summed, Thresholds
from sqlalchemy import select

from awlta.errors import BadValue, NotFound, RecipeFailed, Refused
from awlta.lineage.planning.campaign_items import Fate
from awlta.lineage.planning.campaigns import LEGAL, Campaign, Stage
from awlta.lineage.planning.running import make_here
from awlta.persistent import tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def merged(number, *inputs):
    product = Merged(number=number, inputs=inputs)
    product.make()
    return product


def change_recipe(workspace, *products):
    """Let products have been made by another version of their recipe."""
    p, a = tables.product, tables.activity
    keys = [product.__dict__["_key"] for product in products]
    activities = select(p.c.activity).where(p.c.id.in_(keys))
    with workspace.database.write() as connection:
        connection.execute(a.update().where(a.c.id.in_(activities)).values(recipe_digest=bytes(32)))


@pytest.fixture
def stale_three(workspace):
    """Three products of an older recipe, made from a fourth one of it, and a current one."""
    root = merged(0)
    three = [merged(n, root) for n in (1, 2, 3)]
    change_recipe(workspace, root, *three)
    return root, three, merged(9)


def test_what_is_out_of_date_is_made_again_and_proposed(workspace, stale_three):
    root, three, current = stale_three
    campaign = Campaign.begin("DR2", [*three, current], reason="new recipe")
    assert (campaign.release, campaign.n_products, campaign.stage) == ("DR2", 4, Stage.OPEN)
    assert str(campaign.progress()).startswith("open: 4 waiting of 4; to come: about")
    done = campaign.run()
    assert done.counts == {Fate.MADE: 3, Fate.CURRENT: 1}
    assert (done.upstream, done.is_over) == (1, True)
    new = campaign.products()
    assert [p.number for p in new] == [1, 2, 3, 9]
    assert new[3] is current
    assert all(a is not b for a, b in zip(new, three, strict=False))
    assert [p.is_valid for p in new] == [2, 2, 2, 1]
    (newer_root,) = {p.inputs[0] for p in new[:3]}
    assert newer_root is not root
    assert newer_root.is_valid == 2


def test_a_campaign_is_promoted_as_a_whole_and_then_has_ended(workspace, stale_three):
    _, three, _ = stale_three
    campaign = Campaign.begin("DR2", three, reason="new recipe", release="second release")
    with pytest.raises(Refused, match="3 products waiting"):
        campaign.promote("checked")
    campaign.run()
    assert campaign.promote("plots look well") == 4
    assert [p.is_valid for p in campaign.products()] == [1, 1, 1]
    history = [(v.value, v.reason) for v in campaign.products()[0].verdicts()]
    assert history == [
        (2, "proposed by the campaign DR2"),
        (1, "campaign DR2 promoted: plots look well"),
    ]
    for move in (campaign.pause, campaign.resume, lambda: campaign.abandon("no")):
        with pytest.raises(Refused, match="nothing: it has ended"):
            move()


def test_an_abandoned_campaign_leaves_what_it_made_judged_bad(workspace, stale_three):
    _, three, _ = stale_three
    campaign = Campaign.begin("DR2", three, reason="new recipe")
    campaign.run()
    with pytest.raises(BadValue, match="without a reason"):
        campaign.abandon(" ")
    campaign.abandon("wrong gains")
    assert {p.is_valid for p in campaign.products()} == {0}


def test_a_campaign_pauses_between_batches_and_goes_on_where_it_was(workspace, stale_three):
    _, three, _ = stale_three
    campaign = Campaign.begin("DR2", three, reason="new recipe")
    told = []

    def stop(progress):
        told.append(progress.counts)
        if len(told) == 1:
            campaign.pause("beam time")

    assert campaign.run(batch=1, on_batch=stop).stage is Stage.PAUSED
    assert told == [{Fate.MADE: 1, Fate.WAITING: 2}]
    assert campaign.run().counts == {Fate.MADE: 1, Fate.WAITING: 2}
    campaign.resume()
    done = campaign.run(batch=1)
    assert (done.counts, done.upstream) == ({Fate.MADE: 3}, 1)
    assert len({p.inputs[0].object_id for p in campaign.products()}) == 1


def test_a_campaign_that_was_killed_takes_up_what_was_made(workspace, stale_three):
    _, three, _ = stale_three
    campaign = Campaign.begin("DR2", three, reason="new recipe")

    def die(products):
        make_here(products)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        campaign.run(die)
    n_products = len(Merged.select_all())
    assert campaign.progress().counts == {Fate.WAITING: 3}
    assert campaign.run().counts == {Fate.MADE: 3}
    assert len(Merged.select_all()) == n_products + 3  # the root was made before the kill


def test_what_fails_is_told_and_can_be_tried_again(workspace, stale_three):
    _, three, _ = stale_three
    campaign = Campaign.begin("DR2", three, reason="new recipe")

    def break_second(products):
        return [
            RecipeFailed("no more disk") if p.number == 2 else make_here([p])[0] for p in products
        ]

    assert campaign.run(break_second).counts == {Fate.MADE: 2, Fate.FAILED: 1}
    with pytest.raises(Refused, match="1 failed"):
        campaign.promote("all well")
    assert campaign.retry() == 1
    assert campaign.run().counts == {Fate.MADE: 3}


def test_old_and_new_are_compared(workspace, new_workspace):
    exposure = ExposureFactory(n=3, make=True)
    olds = [
        Summed(exposure=exposure, zero=None, thresholds=Thresholds(weight=w)) for w in (1.0, 2.0)
    ]
    for old in olds:
        old.make()
    with workspace.database.write() as connection:  # as an older recipe would have given
        connection.exec_driver_sql("UPDATE summed SET value = value - 1")
    change_recipe(workspace, *olds)
    ids = [old.object_id for old in olds]
    with new_workspace("ada").use() as other:  # which reads the values as they are now
        campaign = Campaign.begin("DR2", other.get_many(ids), reason="new recipe")
        campaign.run()
        comparison = campaign.compare()
    assert comparison.n == 2
    (change,) = comparison.changes
    assert (change.class_name, change.attribute, change.n_changed) == ("Summed", "value", 2)
    assert change.median == 1
    assert change.largest[1] - change.largest[0] == 1
    assert "Summed.value: 2 of 2 differ, median +1" in str(comparison)


def test_a_selection_is_frozen(workspace, stale_three):
    _, three, _ = stale_three
    campaign = Campaign.begin("DR2", Merged.select(Merged.number < 4), reason="new recipe")
    merged(2, three[0])
    assert campaign.progress().counts == {Fate.WAITING: 4}


def test_a_campaign_reads_the_calibrations_of_its_date(workspace, stale_three):
    _, three, _ = stale_three
    date = datetime.now(UTC)
    campaign = Campaign.begin("DR2", three, reason="again", as_of=date)
    assert campaign.run().counts == {Fate.MADE: 3}
    assert workspace.context.as_of is None
    assert Campaign.find("DR2").as_of == date


def test_what_cannot_be_a_campaign_is_refused(workspace, stale_three):
    _, three, _ = stale_three
    with pytest.raises(BadValue, match="holds 0 products"):
        Campaign.begin("DR2", [], reason="x")
    with pytest.raises(BadValue, match="holds 1 products"):
        Campaign.begin("DR2", [Merged(number=5)], reason="x")
    with pytest.raises(BadValue, match="no reason"):
        Campaign.begin("DR2", three, reason=" ")
    Campaign.begin("DR2", three, reason="x")
    with pytest.raises(Refused, match="already"):
        Campaign.begin("DR2", three, reason="x")
    with pytest.raises(NotFound, match="DR2"):
        Campaign.find("DR3")


def test_every_stage_has_its_legal_moves():
    assert set(LEGAL) == set(Stage)
    assert all(moves <= set(Stage) for moves in LEGAL.values())

"""Deleted products keep their row and lineage, and can be brought back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from deletions import DAY, LATER, chain, give, made, policy_of, said
from factories import Exposure, Merged, Summed, SummedFactory, Thresholds, Zero
from logins import let_in
from sqlalchemy import update

from awlta.config import Profile
from awlta.errors import BadValue, NotFound, NotMade, Refused
from awlta.lineage import Workspace
from awlta.lineage.retention.purging import purge
from awlta.lineage.retention.retention import delete, undelete
from awlta.persistent import tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What is deleted is so on both databases."""
    return str(request.param)


def test_what_is_deleted_is_no_longer_found_but_still_there(workspace):
    exposure = made(n=4)
    exposure.delete("too bright")
    assert len(Exposure.select_all()) == 0
    found = workspace.get(exposure.object_id)
    assert (found.is_deleted, found.total) == (True, 6.0)
    assert found.tombstone.reason == "too bright"
    assert str(found.tombstone).startswith("deleted by ada on ")
    assert not Exposure.get_target(n=4).is_made()
    assert said(workspace, "tombstone") == [(1, "too bright", "ada")]


def test_a_deletion_is_undone_within_its_grace(workspace):
    exposure = made()
    exposure.delete("by mistake", grace=DAY)
    assert exposure.undelete() == 1
    assert not exposure.is_deleted
    assert Exposure.get_target(n=3) is exposure
    assert exposure.retrieve(workspace.profile.home).exists()
    assert exposure.undelete() == 0
    exposure.delete("after all")
    assert exposure.tombstone.reason == "after all"
    assert [value for value, _, _ in said(workspace, "tombstone")] == [1, 0, 1]


def test_after_the_grace_nothing_is_undone(workspace):
    exposure = made()
    exposure.delete("not wanted", grace=timedelta(0))
    with pytest.raises(Refused, match=r"its grace ended on .* remake\(\).make\(\)"):
        exposure.undelete()


def test_retrieving_a_deleted_file_says_who_why_and_what_can_be_done(workspace, tmp_path):
    exposure = made()
    exposure.delete("too bright")
    with pytest.raises(NotFound, match=r"deleted by ada on .*: too bright.*undelete\(\) brings"):
        exposure.retrieve(tmp_path)
    assert list(tmp_path.glob("exposure*")) == []


def test_what_was_made_from_it_is_counted_and_refuses_the_deletion(workspace):
    exposure, summed, merged = chain()
    with pytest.raises(Refused, match="1 Merged, 1 Summed were made from it"):
        exposure.delete("not wanted")
    assert said(workspace, "tombstone") == []
    planned = exposure.delete("not wanted", dependents=True, dry_run=True)
    assert planned.dependents == {"Merged": 1, "Summed": 1}
    assert planned.bytes == exposure.file().size
    assert said(workspace, "tombstone") == []
    exposure.delete("not wanted", dependents=True)
    assert [o.is_deleted for o in (exposure, summed, merged)] == [True] * 3
    assert exposure.undelete(dependents=True) == 3
    assert [o.is_deleted for o in (exposure, summed, merged)] == [False] * 3


def test_from_the_end_of_the_chain_each_can_be_deleted(workspace):
    exposure, summed, merged = chain()
    for product in (merged, summed, exposure):
        product.delete("clearing up")
    assert len(Merged.select_all()) == len(Summed.select_all()) == len(Exposure.select_all()) == 0


def test_several_are_deleted_together_or_none(workspace):
    _, summed, merged = chain()
    other = made(n=7)
    give(workspace, other, level=4)
    with pytest.raises(Refused, match="published, at level 4"):
        delete(workspace, [merged, other], "clearing up")
    assert said(workspace, "tombstone") == []
    assert len(delete(workspace, [merged, summed], "clearing up").objects) == 2
    assert len(delete(workspace, [merged, summed], "again").objects) == 0


def test_what_others_own_or_use_is_not_deleted(new_workspace):
    ada, eve = new_workspace("ada", level=2), new_workspace("eve", level=2)
    with ada.use():
        exposure = made()
    with eve.use():
        theirs = eve.get(exposure.object_id)
        with pytest.raises(Refused, match="it is not yours"):
            theirs.delete("not wanted")
        summed = SummedFactory(exposure=theirs)
        summed.make()
    with ada.use():
        for dependents in (False, True):
            with pytest.raises(Refused, match="1 objects of others were made from it"):
                exposure.delete("not wanted", dependents=dependents)
    with eve.use():
        summed.delete("not wanted")
    with ada.use():
        exposure.delete("not wanted")
        assert exposure.is_deleted
    with eve.use(), pytest.raises(Refused, match="is not yours"):
        undelete(eve, [theirs])


def test_what_others_keep_to_themselves_counts_too(new_workspace):
    ada, eve = new_workspace("ada", level=2), new_workspace("eve", "VELA", level=1)
    with ada.use():
        exposure = made()
        give(ada, exposure, level=3)
    with eve.use():
        SummedFactory(exposure=eve.get(exposure.object_id)).make()
    with ada.use():
        give(ada, exposure, level=2)
        with pytest.raises(Refused, match="1 objects of others were made from it"):
            exposure.delete("not wanted", dependents=True)


def test_what_cannot_be_made_again_stays_unless_there_is_a_copy(workspace):
    raw, copy = made(n=5), made(n=5)
    a = tables.activity
    with workspace.database.write() as connection:  # as if they had been delivered
        connection.execute(update(a).values(kind="ingest"))
    assert raw.file().sha256 != copy.file().sha256
    with pytest.raises(Refused, match="it cannot be made again, and there is no other copy"):
        raw.delete("not wanted")
    f = tables.file
    with workspace.database.write() as connection:
        same = {"sha256": bytes.fromhex(raw.file().sha256), "size": raw.file().size}
        key = copy.__dict__["_key"]
        connection.execute(update(f).where(f.c.product == key).values(**same))
    raw.delete("there twice")
    with pytest.raises(Refused, match="it cannot be made again, and there is no other copy"):
        copy.delete("there twice")


def test_neither_parameters_nor_intentions_nor_without_a_reason(workspace):
    summed = SummedFactory()
    summed.make()
    with pytest.raises(Refused, match="it is no data product"):
        delete(workspace, [summed.thresholds], "not wanted")
    with pytest.raises(NotMade):
        Exposure().delete("never made")
    with pytest.raises(BadValue, match="Nothing says why"):
        summed.delete(" ")


def test_a_deleted_calibration_is_not_chosen(workspace):
    old, new = Zero(value=1.0), Zero(value=2.0)
    for zero in (old, new):
        zero.until = zero.since + DAY
        zero.make()
    exposure = made()
    assert Summed(exposure=exposure, thresholds=Thresholds()).zero is new
    new.delete("bad night")
    assert Summed(exposure=exposure, thresholds=Thresholds()).zero is old


def test_lineage_shows_the_deleted_and_what_it_took(workspace):
    *_, merged = chain()
    policy_of(workspace, "Exposure", "0 h")
    tree = merged.lineage().tree()
    assert "[deleted by ada on " in tree
    assert "undelete() brings it back" in tree
    assert 'stroke-dasharray="5 3"' in merged.lineage().to_svg()
    assert len(merged.ancestors()) == 3
    purge(workspace, now=LATER)
    assert "remake().make() makes it again; it took 0." in merged.lineage().tree()
    told = merged.lineage().to_json()["objects"]
    assert [o["class"] for o in told if "deleted" in o] == ["Exposure"]


# row security ----------------------------------------------------------------------------


@pytest.fixture
def logins(
    request: pytest.FixtureRequest, tmp_path: Path, shared_dataserver: Profile
) -> Iterator[Callable[[str], Workspace]]:
    """Open workspaces of people whom PostgreSQL knows, each by a login of its own."""
    cluster = request.getfixturevalue("cluster")
    database = cluster.new_database()
    with ExitStack() as opened:

        def open_one(user: str, login: str | None = None) -> Workspace:
            home = tmp_path / (login or "owner") / user
            home.mkdir(parents=True)
            url = cluster.url(database, login or "owner")
            there = {"database": url, "dataserver": shared_dataserver.dataserver}
            profile = Profile(home, user, project="CRAB", privileges=2, **there)
            shutil.copy(shared_dataserver.token_file, profile.token_file)
            workspace = Workspace(profile)
            opened.callback(workspace.close)
            return workspace

        def enter(user: str) -> Workspace:
            with open_one(user).use():
                made()  # the tables of the classes, and the account
                Merged().make()
            login = let_in(cluster, database, user)
            opened.callback(cluster.sql, f"DROP ROLE {login}")
            return open_one(user, login)

        opened.callback(cluster.drop, database)
        yield enter


def test_on_postgresql_a_deletion_minds_uses_that_row_security_hides(logins):
    ada, eve = logins("ada"), logins("eve")
    with ada.use():
        exposure = made(n=6)
    with eve.use():
        theirs = Merged(inputs=[eve.get(exposure.object_id)])
        eve.switch(level=1)
        theirs.make()
    with ada.use():
        assert exposure.descendants() == []
        with pytest.raises(Refused, match="1 objects of others were made from it"):
            exposure.delete("not wanted")
    with eve.use():
        theirs.delete("not wanted")
    with ada.use():
        exposure.delete("not wanted", grace=timedelta(0))
        assert purge(ada, now=LATER).files == 1

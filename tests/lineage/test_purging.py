"""A purge gives the bytes of the deleted back, when their grace is over and nobody needs them."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from deletions import DAY, LATER, chain, made, said
from factories import Exposure, Merged
from sqlalchemy import update

from awlta.archive.doctor import examine
from awlta.errors import NotFound, Refused
from awlta.lineage.retention.purging import purge
from awlta.persistent import tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What is deleted is so on both databases."""
    return str(request.param)


def test_bytes_go_when_the_grace_is_over_and_not_before(workspace):
    exposure, kept = made(n=5), made(n=6)
    exposure.delete("not wanted", grace=2 * DAY)
    client, name = workspace.client(), exposure.file().name
    assert purge(workspace).objects == ()
    assert purge(workspace, now=LATER, dry_run=True).files == 1
    assert client.head(name) is not None
    done = purge(workspace, now=LATER)
    assert (done.objects, done.files) == ((("Exposure", exposure.object_id),), 1)
    assert done.bytes == exposure.file().size
    assert (client.head(name), client.head(kept.file().name) is None) == (None, False)
    assert [value for value, _, _ in said(workspace, "purged")] == [0, 1]
    assert purge(workspace, now=LATER).objects == ()
    with pytest.raises(Refused, match=r"remake\(\).make\(\) makes it again"):
        exposure.undelete()
    with pytest.raises(NotFound, match=r"remake\(\).make\(\) makes it again"):
        exposure.retrieve()


def test_a_purged_product_is_made_again_with_equal_content(workspace):
    exposure, *_ = chain()
    exposure.delete("not wanted", dependents=True, grace=timedelta(0))
    purge(workspace, now=LATER)
    again = exposure.remake()
    again.make()
    assert again.object_id != exposure.object_id
    assert again.content_digest == exposure.content_digest
    assert Exposure.get_target(n=4) is again


def test_what_others_made_from_it_meanwhile_keeps_the_bytes(new_workspace):
    ada, eve = new_workspace("ada", level=2), new_workspace("eve", level=2)
    with ada.use():
        exposure = made()
        exposure.delete("not wanted", grace=timedelta(0))
    with eve.use():
        theirs = eve.get(exposure.object_id)
        Merged(inputs=[theirs]).make()
    with ada.use():
        done = purge(ada, now=LATER)
        assert done.objects == ()
        why = "1 objects of others were made from it"
        assert done.kept == (("Exposure", exposure.object_id, why),)
        assert ada.client().head(exposure.file().name) is not None


def test_a_name_that_another_product_has_too_is_not_removed(workspace):
    exposure, other = made(n=5), made(n=6)
    f = tables.file
    with workspace.database.write() as connection:  # as a row that came from another node
        same = {"home": 9, "name": exposure.file().name}
        key = other.__dict__["_key"]
        connection.execute(update(f).where(f.c.product == key).values(**same))
    exposure.delete("not wanted", grace=timedelta(0))
    assert purge(workspace, now=LATER).files == 0
    assert workspace.client().head(exposure.file().name) is not None


def test_the_doctor_expects_no_bytes_of_the_purged(workspace):
    def findings() -> set[tuple[str, str]]:
        mine = [f for f in examine(workspace) if exposure.object_id in f.what]
        return {(f.kind, f.remedy) for f in mine}

    exposure = made()
    exposure.delete("not wanted", grace=timedelta(0))
    assert findings() == set()
    purge(workspace, now=LATER)
    assert findings() == set()


PURGE_AND_DIE = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
sys.path.insert(0, sys.argv[1])
import factories
from pathlib import Path
from awlta import config
from awlta.lineage import Workspace
from awlta.lineage.retention.purging import purge
from awlta.storage.client import DataClient
workspace = Workspace(config.load(Path(sys.argv[2])))
remove = DataClient.remove
def dying(self, *arguments):
    if sys.argv[3] == "after":
        remove(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
DataClient.remove = dying
purge(workspace, now=datetime.now(UTC) + timedelta(days=31))
"""


@pytest.mark.parametrize("instant", ["before", "after"])
def test_a_purge_that_is_killed_is_ended_by_the_next(workspace, instant):
    exposure = made()
    exposure.delete("not wanted")
    workspace.profile.save()
    words = [str(Path(__file__).parents[1]), str(workspace.profile.home), instant]
    died = subprocess.run([sys.executable, "-c", PURGE_AND_DIE, *words])
    assert died.returncode == -signal.SIGKILL
    with pytest.raises(Refused):  # it has begun: nothing can be undone
        exposure.undelete()
    assert [f.remedy for f in examine(workspace) if exposure.object_id in f.what] == [
        "Run 'awlta purge' again"
    ]
    purge(workspace, now=LATER)
    assert workspace.client().head(exposure.file().name) is None
    assert [value for value, _, _ in said(workspace, "purged")] == [0, 1]
    assert [f for f in examine(workspace) if exposure.object_id in f.what] == []

"""Products travel in a parcel with files, lineage and activities, and arrive as they were."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import Exposure, ExposureFactory, Summed, SummedFactory, Thresholds
from parcels import altered

from awlta.archive.doctor import examine
from awlta.archive.parcel import absent_files, export_parcel, import_parcel
from awlta.errors import BadInput
from awlta.lineage import Workspace
from awlta.lineage.retention.purging import purge

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def elsewhere(new_place: Callable[[], Workspace]) -> Workspace:
    """A workspace of ada's on the other kind of database, with a dataserver of its own."""
    return new_place()


def summed(workspace: Workspace) -> Summed:
    with workspace.use():
        product: Summed = SummedFactory(thresholds=Thresholds(weight=3.0))
        product.make()
    return product


def test_a_product_arrives_with_files_lineage_and_activity(workspace, elsewhere, tmp_path):
    product = summed(workspace)
    done = export_parcel(workspace, tmp_path / "p", [product.object_id], with_files=True)
    # with parameters, exposure, release and environment; the files of exposure and release
    assert (done.objects, done.hidden, done.files) == (5, 0, 2)
    received = import_parcel(elsewhere, tmp_path / "p")
    assert (received.new, received.files, received.bytes) == (5, 2, done.bytes)
    with elsewhere.use():
        found = elsewhere.get(product.object_id)
        assert (found.value, found.content_digest) == (product.value, product.content_digest)
        assert found.uptodate()
        inputs = {"exposure": found.exposure, "thresholds": found.thresholds}
        assert Summed.get_target(**inputs, zero=None) is found
        path = found.exposure.retrieve(tmp_path / "counts.h5")
        assert path.stat().st_size == found.exposure.file().size
        (activity,) = (a for i, a in found.lineage().activities.items() if i == product.object_id)
        assert activity["release"] is not None
    with workspace.use():
        there = workspace.get(product.object_id).lineage().to_json()
    with elsewhere.use():
        here = elsewhere.get(product.object_id).lineage().to_json()
    assert sorted(o["object_id"] for o in here["objects"]) == sorted(
        o["object_id"] for o in there["objects"]
    )
    assert here["activities"] == there["activities"]
    assert [f for f in examine(elsewhere) if f.kind in ("row", "file", "work")] == []


def test_a_dry_run_checks_and_writes_nothing(workspace, elsewhere, tmp_path):
    product = summed(workspace)
    export_parcel(workspace, tmp_path / "p", [product.object_id], with_files=True)
    assert import_parcel(elsewhere, tmp_path / "p", dry_run=True).new == 5
    assert len(absent_files(elsewhere, tmp_path / "p")) == 2
    with elsewhere.use():
        assert len(Summed.select_all()) == 0
    assert import_parcel(elsewhere, tmp_path / "p").new == 5
    again = import_parcel(elsewhere, tmp_path / "p")
    assert (again.new, again.known, again.files) == (0, 5, 0)


def test_without_files_the_rows_arrive_and_what_is_absent_is_told(workspace, elsewhere, tmp_path):
    product = summed(workspace)
    done = export_parcel(workspace, tmp_path / "p", [product.object_id])
    assert (done.files, done.bytes) == (0, 0)
    assert import_parcel(elsewhere, tmp_path / "p").new == 5
    assert product.exposure.file().name in absent_files(elsewhere, tmp_path / "p")


def test_a_content_that_differs_from_its_digest_is_refused(workspace, elsewhere, tmp_path):
    product = summed(workspace)
    export_parcel(workspace, tmp_path / "p", [product.object_id], with_files=True)
    for statement, told in (
        ("UPDATE summed SET value = value + 1", "the content of Summed"),
        ("UPDATE file SET content_digest = zeroblob(32)", "the content of "),
        ("UPDATE _content SET bytes = zeroblob(length(bytes))", "is not what its row says"),
    ):
        path = altered(tmp_path / "p", tmp_path / "altered", statement)
        with pytest.raises(BadInput, match=told):
            import_parcel(elsewhere, path)
    with elsewhere.use():
        assert len(Summed.select_all()) == 0


def test_the_deleted_stay_deleted_and_the_purged_have_no_bytes(workspace, elsewhere, tmp_path):
    with workspace.use():
        gone, kept = ExposureFactory(n=4, make=True), ExposureFactory(n=5, make=True)
        gone.delete("not wanted", grace=timedelta(0))
        purge(workspace, now=datetime.now(UTC) + timedelta(days=1))
        ids = [gone.object_id, kept.object_id]
    assert export_parcel(workspace, tmp_path / "p", ids, with_files=True).files == 2
    import_parcel(elsewhere, tmp_path / "p")
    with elsewhere.use():
        assert [e.n for e in Exposure.select_all()] == [5]
        assert elsewhere.get(gone.object_id).tombstone.is_purged
    assert absent_files(elsewhere, tmp_path / "p") == []


IMPORT_AND_DIE = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import factories
from pathlib import Path
from awlta import config
from awlta.archive.parcel import import_parcel
from awlta.lineage import Workspace
from awlta.storage.client import DataClient
stores = iter(range(100))
store = DataClient.store
def dying(self, *arguments, **more):
    if next(stores) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return store(self, *arguments, **more)
DataClient.store = dying
import_parcel(Workspace(config.load(Path(sys.argv[2]))), Path(sys.argv[3]))
"""


def test_an_import_that_is_killed_between_two_files_is_ended_by_the_next(
    workspace, elsewhere, tmp_path
):
    product = summed(workspace)
    export_parcel(workspace, tmp_path / "p", [product.object_id], with_files=True)
    tests = str(Path(__file__).parents[1])
    words = [tests, str(elsewhere.profile.home), str(tmp_path / "p")]
    died = subprocess.run([sys.executable, "-c", IMPORT_AND_DIE, *words])
    assert died.returncode == -signal.SIGKILL
    with elsewhere.use():
        assert len(Summed.select_all()) == 0
    (open_work,) = (f for f in examine(elsewhere) if f.kind == "work")
    assert "import of Parcel" in open_work.what
    assert import_parcel(elsewhere, tmp_path / "p").files == 2
    assert [f for f in examine(elsewhere) if f.kind in ("row", "file", "work", "part")] == []

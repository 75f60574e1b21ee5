"""The doctor finds what kills and faults leave, says what to do, and tidies without deleting."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from deliveries import deliver
from factories import Exposure
from sqlalchemy import delete, text

from awlta.archive import ingest, tickets
from awlta.archive.doctor import examine
from awlta.lineage import Workspace
from awlta.persistent import new_object_id, tables
from awlta.storage.intent import State, begin, intents


@pytest.fixture
def home(new_profile, shared_dataserver):
    """A workspace with a dataserver of its own, so that all it holds is ours."""
    workspace = Workspace(new_profile())
    with workspace.use():
        yield workspace
    workspace.close()


def found(workspace):
    return [(f.kind, f.what) for f in examine(workspace)]


def tidied(workspace):
    """Do what is offered; return what stays."""
    for finding in examine(workspace):
        if finding.clean is not None:
            finding.clean()
    return found(workspace)


def quarantine(workspace):
    return sorted(p.name for p in (workspace.profile.store / ".quarantine").glob("*/*"))


KILLED = """
import os, signal, sys
from awlta import config
from awlta.archive.tickets import move_ticket, open_ticket
from awlta.lineage import opened
from awlta.storage.intent import State, begin
with opened(config.load()) as workspace:
    lease = begin(workspace, object_id=sys.argv[1], kind="ingest", class_name="file",
                  work="ab" * 32, names=[])
    number = open_ticket(workspace, lease, "site:/run7.h5")
    move_ticket(workspace, lease, number, State.TRANSFERRING, destination="left.h5", sip="")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(workspace):
    """Have a process killed in the middle of an ingest; return the object_id."""
    object_id = new_object_id()
    workspace.profile.save()
    environment = {**os.environ, "AWLTA_HOME": str(workspace.profile.home)}
    subprocess.run([sys.executable, "-c", KILLED, object_id], env=environment, timeout=60)
    return object_id


def test_after_good_work_all_is_well(home, tmp_path):
    ingest(home, deliver(tmp_path))
    Exposure(n=3).make()
    assert found(home) == []


def test_a_file_without_a_row_is_set_aside_and_kept(home, tmp_path):
    path = deliver(tmp_path)
    home.client().store(path, "orphan.h5", object_id="o-1")
    assert found(home) == [("file", "orphan.h5 has no row")]
    assert tidied(home) == []
    assert quarantine(home) == ["orphan.h5"]
    (kept,) = (home.profile.store / ".quarantine").glob("*/orphan.h5")
    assert kept.read_bytes() == path.read_bytes()


def test_work_that_stores_a_file_after_it_was_found_keeps_it(home, tmp_path):
    path = deliver(tmp_path)
    home.client().store(path, "soon.h5", object_id="o-1")
    (finding,) = examine(home)
    begin(
        home,
        object_id=new_object_id(),
        kind="ingest",
        class_name="file",
        work="cd" * 32,
        names=["soon.h5"],
    )
    finding.clean()
    assert quarantine(home) == []
    assert found(home) == []


def test_a_row_without_a_file_and_other_bytes_are_found_and_no_clean_is_offered(home, tmp_path):
    gone = ingest(home, deliver(tmp_path)).product
    changed = ingest(home, deliver(tmp_path, "run8.h5", run=8)).product
    home.client().set_aside(gone.file().name)
    home.client().set_aside(changed.file().name)
    other = tmp_path / "other"
    other.write_bytes(b"other bytes")
    home.client().store(other, changed.file().name, object_id=changed.object_id, attempt=9)
    assert found(home) == [
        ("row", f"{gone.file().name} has a row, but no file"),
        ("row", f"{changed.file().name} is not what its row says"),
    ]
    assert all(f.clean is None for f in examine(home))


def test_killed_work_is_told_and_given_up_with_its_ticket_part_and_file(home, tmp_path):
    object_id = killed(home)
    path = deliver(tmp_path)
    home.client().store(path, "left.h5", object_id=object_id)
    part = f"{object_id}.1.left.h5"
    (home.profile.store / ".part" / part).write_bytes(b"half")
    first, second = examine(home)
    assert (first.kind, second.kind) == ("work", "part")
    assert f"ingest of file {object_id}, transferring: process" in first.what
    assert "Do the same again to complete it" in first.remedy
    assert tidied(home) == [("file", "left.h5 has no row")]
    assert tidied(home) == []
    assert quarantine(home) == [part, "left.h5"]
    (ticket,) = tickets(home)
    assert (ticket.state, ticket.history[-1].why) == (
        State.EXPIRED,
        "given up by 'awlta doctor --clean'",
    )
    assert [i.state for i in intents(home, *State)] == [State.EXPIRED]


def test_work_of_a_living_process_is_left_alone(home):
    object_id = new_object_id()
    begin(home, object_id=object_id, kind="make", class_name="Exposure", work="ef" * 32, names=[])
    home.client()  # makes the store
    (home.profile.store / ".part" / f"{object_id}.1.x").write_bytes(b"on its way")
    assert found(home) == []


def test_a_table_that_lacks_a_column_of_its_class_is_found(home):
    Exposure(n=3).make()
    with home.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE exposure DROP COLUMN total"))
    (finding,) = examine(home)
    assert finding.what == ("The table exposure has no column total; Exposure.total is declared")
    assert finding.remedy.startswith("Give Exposure.total a default")


def test_a_table_that_awaits_its_migration_is_found(home):
    Exposure(n=3).make()
    with home.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE exposure DROP COLUMN n"))
    (finding,) = examine(home)
    assert finding.remedy == "'awlta migrate' mends it, 'awlta migrate --dry-run' shows how"


def test_an_unreachable_dataserver_is_a_finding_beside_the_others(new_profile, home):
    killed(home)
    away = Workspace(new_profile(dataserver="http://127.0.0.1:1"))
    kinds = [kind for kind, _ in found(away)]
    away.close()
    assert kinds == ["service", "work"]


def test_a_row_that_was_lost_leaves_a_file_that_is_found(home, tmp_path):
    raw = ingest(home, deliver(tmp_path)).product
    name = raw.file().name
    with home.database.engine.begin() as connection:
        connection.execute(delete(tables.file).where(tables.file.c.name == name))
    assert found(home) == [("file", f"{name} has no row")]
    as_json = examine(home)[0].to_json()
    assert as_json == {
        "kind": "file",
        "what": f"{name} has no row",
        "remedy": "--clean sets it aside in the dataserver's quarantine",
    }

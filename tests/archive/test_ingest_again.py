"""An ingest that failed goes on, and of several at once one comes in."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from deliveries import announce, deliver
from ingesting import n_rows, of_file, of_product, refuse

from awlta.archive import ingest, sip, tickets
from awlta.archive.doctor import examine
from awlta.errors import BadInput, DigestMismatch, DocumentRefused, Refused, Unreachable
from awlta.lineage import Workspace
from awlta.persistent import new_object_id
from awlta.storage.intent import State
from awlta_recipes.raw_file import RawFile

pytestmark = pytest.mark.usefixtures("tidy")


def test_a_failed_ingest_goes_on_under_the_same_object_id_and_ticket(workspace, tmp_path):
    path = deliver(tmp_path)
    _, first = refuse(workspace, path, DocumentRefused, document=b"<sip")
    _, second = refuse(workspace, path, DocumentRefused, document=b"")
    done = ingest(workspace, path)
    assert (done.ticket, done.product.object_id) == (first.number, first.object_id)
    (ticket,) = tickets(workspace)
    assert (ticket.state, ticket.reason, second.number) == (State.ARCHIVED, "", first.number)
    assert [e.state.value for e in ticket.history] == [
        *("requested", "failed"),
        *("requested", "failed"),
        *("requested", "transferring", "verified", "archived"),
    ]
    assert [e.why for e in ticket.history if e.state is State.REQUESTED] == [
        "",
        "attempt 2",
        "attempt 3",
    ]


def test_a_sip_with_an_object_id_keeps_it_when_the_file_comes_again_whole(workspace, tmp_path):
    path, mine = deliver(tmp_path), new_object_id()
    document = announce(workspace, path, of_product(identifier=sip.Identifier("awlta", mine)))
    whole = path.read_bytes()
    path.write_bytes(whole[:20000])
    _, failed = refuse(workspace, path, BadInput, document=document)
    assert failed.object_id == mine
    path.write_bytes(whole)
    done = ingest(workspace, path, document=document)
    assert (done.product.object_id, done.ticket) == (mine, failed.number)


def test_other_bytes_of_an_earlier_attempt_do_not_keep_the_right_ones_out(workspace, tmp_path):
    path, mine = deliver(tmp_path), new_object_id()
    name = f"raw_file-{mine}.h5"
    left = tmp_path / "left"
    left.write_bytes(b"what an attempt with another file has stored")
    given = of_product(identifier=sip.Identifier("awlta", mine))
    wrong = announce(workspace, path, lambda s: given(of_file(size=1)(s)))
    refuse(workspace, path, DocumentRefused, document=wrong)
    workspace.client().store(left, name, object_id=mine)
    done = ingest(workspace, path, document=announce(workspace, path, given))
    assert [f.name for f in done.product.files] == [f"raw_file-{mine}-2.h5"]
    assert [f.what for f in examine(workspace) if mine in f.what] == [f"{name} has no row"]


def test_an_unreachable_dataserver_fails_the_ticket_and_the_work_goes_on_later(
    new_profile, workspace, tmp_path
):
    path = deliver(tmp_path)
    away = Workspace(new_profile(dataserver="http://127.0.0.1:1"))
    with away.use(), pytest.raises(Unreachable) as caught:
        ingest(away, path)
    away.close()
    number = caught.value.facts["ticket"]
    done = ingest(workspace, path)
    assert done.ticket == number


def test_a_file_that_changes_while_it_is_sent_is_refused_and_comes_in_when_quiet(
    workspace, tmp_path
):
    path = deliver(tmp_path, n_events=50)

    def write_more(_):
        with open(path, "ab") as stream:
            stream.write(b"more")

    with pytest.raises(DigestMismatch, match="changed while it was sent") as caught:
        ingest(workspace, path, progress=write_more)
    (ticket,) = tickets(workspace)
    assert (ticket.number, ticket.state) == (caught.value.facts["ticket"], State.FAILED)
    left = [f for f in examine(workspace) if f.kind == "part" and ticket.object_id in f.what]
    for finding in left:
        finding.clean()
    assert not [p for p in workspace.client().parts() if ticket.object_id in p]
    assert n_rows(workspace) == [0, 0]


def test_a_file_that_changed_before_it_is_sent_is_refused(workspace, tmp_path, monkeypatch):
    path = deliver(tmp_path)
    from_file = RawFile.from_file.__func__

    def changing(cls, path):
        product = from_file(cls, path)
        raw = bytearray(path.read_bytes())
        raw[100] ^= 1
        path.write_bytes(raw)
        return product

    monkeypatch.setattr(RawFile, "from_file", classmethod(changing))
    with pytest.raises(DigestMismatch, match="arrived with other sha256, adler32"):
        ingest(workspace, path)
    assert n_rows(workspace) == [0, 0]
    (orphan,) = [f for f in examine(workspace) if tickets(workspace)[0].object_id in f.what]
    assert orphan.kind == "file"


def test_an_interrupt_fails_the_ticket_and_goes_through(workspace, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(workspace, deliver(tmp_path), progress=interrupt)
    (ticket,) = tickets(workspace)
    assert (ticket.state, ticket.reason) == (State.FAILED, "KeyboardInterrupt: ")


# at once ----------------------------------------------------------------------------------


BESIDE = """
import sys
from pathlib import Path
from awlta import config
from awlta.archive import ingest
from awlta.errors import Refused
from awlta.lineage import opened
with opened(config.load()) as workspace:
    sys.stdin.read(1)
    try:
        print(ingest(workspace, Path(sys.argv[1])).product.object_id)
    except Refused as error:
        print("refused:", error)
"""


def test_two_processes_with_one_file_at_once_give_one_object(workspace, tmp_path):
    path = deliver(tmp_path, n_events=40)
    workspace.profile.save()
    environment = {**os.environ, "AWLTA_HOME": str(workspace.profile.home)}
    beside = [
        subprocess.Popen(
            [sys.executable, "-c", BESIDE, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(3)
    ]
    for process in beside:
        process.stdin.write("!")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in beside]
    (raw,) = RawFile.select_all()
    done = [s for s in said if s == raw.object_id]
    refused = [s for s in said if "is being made by process" in s or "archived meanwhile" in s]
    assert done
    assert len(done) + len(refused) == 3


def test_the_same_bytes_announced_under_two_object_ids_at_once_become_one_object(
    new_workspace, workspace, tmp_path
):
    path = deliver(tmp_path)
    named = announce(
        workspace, path, of_product(identifier=sip.Identifier("awlta", new_object_id()))
    )
    beside = new_workspace()
    winners = []

    def overtake(_):
        """While the one is sending, the other comes in whole."""
        if not winners:
            with beside.use():
                winners.append(ingest(beside, path))

    with pytest.raises(Refused, match="was archived meanwhile, as ") as caught:
        ingest(workspace, path, document=named, progress=overtake)
    assert winners[0].product.object_id in str(caught.value)
    assert len(list(RawFile.select_all())) == 1
    (ticket,) = tickets(workspace, State.FAILED)
    (orphan,) = [f for f in examine(workspace) if ticket.object_id in f.what]
    assert orphan.kind == "file"

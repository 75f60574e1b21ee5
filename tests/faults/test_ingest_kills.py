"""One ingest is killed from outside, at the system calls that it makes, and done again.

strace chooses the instants: SIGKILL when a thread enters its n-th call of a kind, so that this
call is not made any more. It watches the ingesting process alone, with a dataserver that goes on,
or that process with the dataserver that is its child, so that either may be hit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from deliveries import deliver
from sqlalchemy import select

from awlta.archive import ingest, tickets
from awlta.archive.doctor import examine
from awlta.config import Profile
from awlta.digest import digest_file
from awlta.lineage import Workspace
from awlta.persistent import tables
from awlta.services import Child
from awlta.storage.intent import State, intents
from awlta_recipes.raw_file import RawFile

pytestmark = pytest.mark.long

CALLS = [
    *("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fchmod"),
    *("link", "linkat", "rename", "unlink", "sendto"),
]
N_SHORT = 2

PROGRAM = """
import sys
from awlta.face import cli, work
from awlta.lineage.recipes.packages import load_recipes
load_recipes()
print("ready", flush=True)
sys.stdin.readline()
sys.exit(cli.main(["ingest", sys.argv[1], "--json"]))
"""
"""The verb, held until strace is there: what Python does to start is not what is looked at."""


@pytest.fixture(scope="module", autouse=True)
def strace():
    """Skip where strace is not installed or may not look at other processes."""
    if shutil.which("strace") is None:
        pytest.skip("strace, which chooses the instants, is not installed")
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()}")


class Site:
    """A home with an archive in use, of which every test gets a copy.

    Parameters
    ----------
    folder : Path
    with_child : bool
        The dataserver is a child of whoever ingests, and killed as it may be.
    """

    def __init__(self, folder: Path, database: Path, *, with_child: bool) -> None:
        self.folder = folder
        self.with_child = with_child
        self.n_copies = 0
        first = Profile(folder / "first", "ada")
        first.home.mkdir(parents=True)
        shutil.copy(database, first.home / "awlta.db")
        first.save()
        workspace = Workspace(first)
        with workspace.use():
            ingest(workspace, deliver(folder, "run1.h5", run=1))
        workspace.close()
        self.path = deliver(folder, "run7.h5", run=7)

    def copy(self) -> Copy:
        """Return a copy of the home as it was before the file came."""
        self.n_copies += 1
        home = self.folder / f"copy{self.n_copies}"
        shutil.copytree(self.folder / "first", home)
        return Copy(self, home)


class Copy:
    """One home, in which one ingest is killed, and what must be found in it."""

    def __init__(self, site: Site, home: Path) -> None:
        self.path = site.path
        self.dataserver: Child | None = None
        profile = Profile(home, "ada")
        if not site.with_child:
            _ = profile.token
            options = ["--root", str(profile.store), "--token-file", str(profile.token_file)]
            self.dataserver = Child("dataserver", options, home / "beside.log")
            profile = Profile(home, "ada", dataserver=self.dataserver.url)
        profile.save()
        self.profile = profile

    def close(self) -> None:
        if self.dataserver is not None:
            self.dataserver.stop()
        shutil.rmtree(self.profile.home)

    def ingest(self, *expressions: str) -> tuple[list[str], str]:
        """Ingest under strace; return what it saw and what the command printed."""
        ready = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.path)],
            env={**os.environ, "AWLTA_HOME": str(self.profile.home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert ready.stdout.readline() == "ready\n"
        log = self.profile.home / "strace.log"
        options = [word for e in expressions for word in ("-e", e)]
        watch = subprocess.Popen(
            ["strace", "-f", "-p", str(ready.pid), "-o", str(log), *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "attached" in watch.stderr.readline()
        said, errors = ready.communicate("go\n", timeout=120)
        watch.communicate(timeout=120)
        assert "Traceback" not in errors
        return log.read_text().splitlines(), said

    def check_after_kill(self, workspace: Workspace, said: str) -> str | None:
        """Check that no half is to be seen; return the object_id that the work has, if any."""
        acknowledged = json.loads(said)[0] if said.strip().endswith("]") else {"state": ""}
        begun = [i.object_id for i in intents(workspace, *State) if i.kind == "ingest"][1:]
        opened = [t.object_id for t in tickets(workspace)[1:]]
        assert opened in ([], begun)
        assert len(begun) <= 1
        stored = dict(workspace.client().names())
        with workspace.database.read() as connection:
            f, p = tables.file, tables.product
            rows = connection.execute(select(f.c.name, f.c.size, f.c.sha256)).all()
            owners = connection.execute(select(f.c.product)).scalars().all()
            products = connection.execute(
                select(p.c.id).where(p.c.class_name == "RawFile", p.c.activity.is_not(None))
            ).all()
        for name, size, sha256 in rows:  # no row without a verified file
            assert (stored[name].size, stored[name].sha256) == (size, sha256.hex())
        assert {key for (key,) in products} <= set(owners)
        if acknowledged["state"] == "archived":
            assert workspace.get(acknowledged["object_id"]).run == 7
        return begun[0] if begun else None

    def check_done(self, workspace: Workspace, object_id: str | None) -> None:
        """Ingest again, and check that all is there once, under the same identity."""
        product = ingest(workspace, self.path).product
        assert object_id in (None, product.object_id)
        assert [r.run for r in RawFile.select_all().order_by("run")] == [1, 7]
        (record,) = product.files
        assert record.digests == digest_file(self.path)
        last = tickets(workspace)[-1]
        assert (last.state, last.object_id) == (State.ARCHIVED, product.object_id)
        assert {i.state for i in intents(workspace, *State)} == {State.ARCHIVED}
        assert not ingest(workspace, self.path).is_new
        left = examine(workspace)
        assert {finding.kind for finding in left} <= {"part"}
        for finding in left:
            finding.clean()
        assert examine(workspace) == []
        back = workspace.client().retrieve(record.name, self.profile.home / "back")
        assert back.read_bytes() == self.path.read_bytes()


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "with its dataserver"])
def site(request, tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("site")
    return Site(folder, empty_database, with_child=request.param)


def kill(site: Site, call: str, nth: int) -> bool:
    """Kill one ingest at one instant, do it again; False if it ended before that instant."""
    copy = site.copy()
    try:
        log, said = copy.ingest(f"trace={call}", f"inject={call}:signal=SIGKILL:when={nth}")
        workspace = Workspace(copy.profile)
        with workspace.use():
            object_id = copy.check_after_kill(workspace, said)
            copy.check_done(workspace, object_id)
        workspace.close()
    finally:
        copy.close()
    return any("killed by SIGKILL" in line for line in log)


def instants(site: Site) -> list[tuple[str, int]]:
    """Return every call of one ingest in order: its name, and its number in its thread."""
    copy = site.copy()
    try:
        log, said = copy.ingest(f"trace={','.join(CALLS)}")
        assert json.loads(said)[0]["state"] == "archived"
    finally:
        copy.close()
    counts: Counter[tuple[str, str]] = Counter()
    found = []
    for line in log:
        if entered := re.match(r"(\d+) +(\w+)\(", line):
            counts[entered.groups()] += 1
            found.append((entered[2], counts[entered.groups()]))
    return found


def test_a_kill_at_any_step_of_an_ingest_leaves_nothing_half_and_the_work_goes_on(site):
    everything = instants(site)
    assert len({call for call, _ in everything}) > 5
    step = len(everything) / N_SHORT
    for number in range(N_SHORT):
        call, nth = everything[int((number + 0.5) * step)]
        assert kill(site, call, nth), f"there was no {call} number {nth}"


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("call", CALLS)
def test_a_kill_at_every_call_of_an_ingest_leaves_nothing_half(site, call):
    nth = 1
    while kill(site, call, nth):
        nth += 1
    made = {name for name, _ in instants(site)}
    assert (nth > 1) == (call in made)

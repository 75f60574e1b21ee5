"""Writers are killed while they commit: what was acknowledged is there, and nothing is half there.

Several write one database at a time. One of each lot is killed by strace as it enters a chosen
system call, the others at instants of a seeded generator.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
import strace
from factories import Dish, Layout, Merged, Sensor, Thresholds
from sqlalchemy import Table, select, text

from awlta.lineage import DataProduct, SoftwareRelease
from awlta.lineage.making.activity import SoftwareEnvironment
from awlta.persistent import tables
from awlta.persistent.database import Database

pytestmark = pytest.mark.long

PROGRAM = Path(__file__).with_name("commit_worker.py")

N_AT_ONCE = 5

CALLS = {"sqlite": ("pwrite64", "write", "fdatasync"), "postgresql": ("sendto", "write")}
"""What a writer does to get a unit to the disk or to the server, and to tell of it."""

MOST_CALLS = {"pwrite64": 120, "write": 20, "fdatasync": 12, "sendto": 200}

CLASSES = (Sensor, Dish, Layout, Merged, Thresholds, SoftwareRelease, SoftwareEnvironment)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Writers:
    """A program that forks writers on one database, and what they told."""

    def __init__(self, folder: Path, url: str, command: list[str]) -> None:
        self.folder = folder
        self.url = url
        self.n_started = 0
        paths = os.pathsep.join(p for p in sys.path if p)
        self.program = subprocess.Popen(
            [sys.executable, str(PROGRAM), *command],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def tell(self, *words: object) -> None:
        self.program.stdin.write(" ".join(map(str, words)) + "\n")

    def ask(self, *words: object) -> int:
        self.tell(*words)
        return int(self.program.stdout.readline())

    def start(self, n_units: int = 0) -> tuple[int, Path]:
        """Return pid and log of a new writer, which waits."""
        self.n_started += 1
        log = self.folder / f"{self.n_started}.log"
        return self.ask("start", self.n_started, log, n_units), log

    def kill_lot(self, dice: random.Random, call: str, number: int) -> int:
        """Start a lot of writers and kill each of them; return how many were."""
        lot = [self.start() for _ in range(N_AT_ONCE)]
        traced, _ = lot[0]
        watch = None if strace.why_not() else _watch(traced, call, number)
        for pid, _ in lot:
            self.tell("go", pid)
        for pid, log in lot[watch is not None :]:
            _wait_for_a_unit(log)
            time.sleep(dice.uniform(0, 0.03))
            os.kill(pid, signal.SIGKILL)
        ended = [self.ask("wait", pid) for pid, _ in lot]
        if watch is not None:
            watch.communicate(timeout=60)
        return ended.count(-signal.SIGKILL)

    def told(self, what: str) -> list[list]:
        """Return the units of which the writers told so, from every log."""
        logs = [path.read_text() for path in self.folder.glob("*.log")]
        said = [json.loads(line) for log in logs for line in log.splitlines()]
        return [facts for word, facts in said if word == what]

    def close(self) -> None:
        self.program.communicate(timeout=60)


def _watch(pid: int, call: str, number: int) -> subprocess.Popen[str]:
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    words = ["strace", "-p", str(pid), "-e", f"trace={call}", "-e", inject, "-o", os.devnull]
    watch = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert "attached" in watch.stderr.readline()
    return watch


def _wait_for_a_unit(log: Path) -> None:
    """Wait until a writer has got something acknowledged: the dead hold nobody up."""
    until = time.monotonic() + 60
    while '["done"' not in (log.read_text() if log.exists() else ""):
        assert time.monotonic() < until, "a writer does not get on"
        time.sleep(0.002)


class Found:
    """What is in the database when nobody writes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._await_silence()
        p, d = tables.product, tables.dep
        self.products = {row.id: row for row in self.rows(p)}
        self.ids = {str(UUID(bytes=bytes(r.object_id))): key for key, r in self.products.items()}
        self.deps = self.rows(d)
        self.activities = {row.id: row for row in self.rows(tables.activity)}
        self.standing = self.rows(tables.standing)

    def rows(self, table: Table) -> list:
        with self.database.read() as connection:
            return list(connection.execute(select(table)))

    def _await_silence(self) -> None:
        """Wait until the server has noticed who is dead."""
        if self.database.dialect == "sqlite":
            return
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        with self.database.read() as connection:
            while connection.execute(others).scalar():
                time.sleep(0.01)

    def check(self, writers: Writers) -> None:
        """Assert that units are whole, and that every row belongs to something."""
        self.check_units(writers)
        self.check_classes()
        assert len(self.ids) == len(self.products)
        keys = Counter([*self.products, *self.activities, *(s.id for s in self.standing)])
        assert max(keys.values(), default=1) == 1
        assert {key for d in self.deps for key in (d.product, d.target)} <= set(self.products)
        assert {s.product for s in self.standing} <= set(self.products)
        assert {s.product for s in self.rows(tables.shared)} <= set(self.products)
        made = {a.id: bytes(a.subject) for a in self.activities.values() if a.outcome == "done"}
        assert made == {
            p.activity: bytes(p.object_id) for p in self.products.values() if p.activity
        }
        assert all(p.activity for p in self.products.values() if p.class_name == "Merged")

    def check_units(self, writers: Writers) -> None:
        n_links = Counter(d.product for d in self.deps)
        told = {}
        for unit in writers.told("begin"):
            present = [object_id in self.ids for object_id, _, _ in unit]
            assert all(present) or not any(present)
            told |= {object_id: (name, n) for object_id, name, n in unit if present[0]}
        for object_id, (name, n) in told.items():
            key = self.ids[object_id]
            assert (self.products[key].class_name, n_links[key]) == (name, n)
        written = {"Sensor", "Dish", "Layout", "Merged"}
        assert told.keys() == {
            i for i, key in self.ids.items() if self.products[key].class_name in written
        }
        acknowledged = {object_id for unit in writers.told("done") for object_id in unit}
        assert acknowledged <= told.keys()
        said = Counter(self.ids[i] for unit in writers.told("judged") for i in unit)
        assert said <= Counter(s.product for s in self.standing if s.kind == "verdict")

    def check_classes(self) -> None:
        """Assert that each object has a row in the tables of its class, and no table has more."""
        for cls in CLASSES:
            names = tables.class_names(cls)
            wanted = {key for key, p in self.products.items() if p.class_name in names}
            for part, table in tables.class_tables(cls):
                if part is not DataProduct and wanted:
                    assert {row.id for row in self.rows(table)} >= wanted
                if part is cls and wanted:
                    assert {row.id for row in self.rows(table)} == wanted

    def check_file(self) -> None:
        """Assert that SQLite finds its own file in order."""
        if self.database.dialect == "sqlite":
            with self.database.read() as connection:
                found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            assert found == ["ok"]


@pytest.fixture
def writers(new_workspace, tmp_path) -> Iterator[Writers]:
    workspace = new_workspace()
    workspace.release_key()  # stored once; what is killed here is commits
    profile = workspace.profile
    workspace.close()
    home = tmp_path / "homes"
    folders = [home / str(level) for level in (1, 2)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / profile.token_file.name).write_bytes(profile.token_file.read_bytes())
    command = [profile.database_url, profile.dataserver, *map(str, folders)]
    with closing(Writers(home, profile.database_url, command)) as writers:
        yield writers


def kill_many(writers: Writers, kind: str, n_lots: int, seed: int) -> None:
    """Kill lots of writers, check after each, and let one come to its end at last."""
    dice = random.Random(seed)
    with closing(Database(writers.url)) as database:
        for number in range(n_lots):
            call = CALLS[kind][number % len(CALLS[kind])]
            killed = writers.kill_lot(dice, call, dice.randint(1, MOST_CALLS[call]))
            assert killed == N_AT_ONCE
            Found(database).check(writers)
        pid, log = writers.start(n_units=20)
        writers.tell("go", pid)
        assert writers.ask("wait", pid) == 0
        found = Found(database)
        found.check(writers)
        found.check_file()
        assert '["done"' in log.read_text()


def test_after_25_kills_units_are_whole_and_the_next_writer_goes_on(writers, database_kind):
    kill_many(writers, database_kind, n_lots=5, seed=25)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(5))
def test_after_100_kills_units_are_whole_and_the_next_writer_goes_on(writers, database_kind, seed):
    kill_many(writers, database_kind, n_lots=20, seed=seed)

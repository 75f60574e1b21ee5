"""Killed at any system call, then started again: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
import strace

from awlta.config import Profile
from awlta.digest import digest_file
from awlta.services import Child

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(strace.why_not()), reason=strace.why_not()),
]

PROGRAM = Path(__file__).with_name("make_album.py")

INSTANTS = [
    ("pwrite64", 0.8),
    ("linkat", 0.3),
    ("sendto", 0.5),
]
"""System calls, and after which part of those that a clean run makes the process is killed."""

OUTSIDE_INSTANTS = [("sendto", 0.9)]
"""The same where the dataserver is another process, which lives on."""


class Home:
    """A profile whose program is killed, and what is found in its database and store."""

    def __init__(self, folder: Path, empty_database: Path) -> None:
        self.profile = Profile(folder, "ada")
        self.profile.save()
        _ = self.profile.token
        shutil.copy(empty_database, folder / "awlta.db")
        self.command = [sys.executable, str(PROGRAM), str(folder)]
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        self.environment["PYTHONDONTWRITEBYTECODE"] = "1"

    def run(self) -> str:
        """Run the program to its end and return the identity of what it made."""
        done = subprocess.run(self.command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return the rows that a statement gives."""
        connection = sqlite3.connect(self.profile.home / "awlta.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def albums(self) -> list[str]:
        """Return the identities of the products that are committed."""
        found = self.rows("SELECT object_id FROM product WHERE class_name = 'Album'")
        return [str(UUID(bytes=raw)) for (raw,) in found]

    def intents(self) -> dict[str, str]:
        """Return identity and state of what was begun."""
        found = self.rows("SELECT object_id, state FROM intent WHERE kind = 'make'")
        return {str(UUID(bytes=raw)): state for raw, state in found}

    def stored(self) -> dict[str, Path]:
        """Return the files that the dataserver has under their final names."""
        return {path.name: path for path in (self.profile.store / "data").glob("*/*")}

    def check(self) -> None:
        """Assert what holds at any time, also right after a kill."""
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        stored = self.stored()
        committed = self.rows("SELECT name, size, sha256 FROM file")
        for name, size, sha256 in committed:
            found = digest_file(stored[name])
            assert (found.size, found.sha256) == (size, sha256.hex())
        open_names = "".join(
            names for (names,) in self.rows("SELECT names FROM intent WHERE state != 'archived'")
        )
        known = {name for name, _, _ in committed}
        assert [name for name in stored if name not in known and name not in open_names] == []
        albums = self.albums()
        files = self.rows(
            "SELECT p.id, count(*) FROM product p JOIN file f ON f.product = p.id "
            "JOIN activity a ON a.id = p.activity AND a.outcome = 'done' "
            "JOIN album c ON c.id = p.id WHERE p.class_name = 'Album' GROUP BY p.id"
            if albums
            else "SELECT 1 WHERE 0"
        )
        assert [n for _, n in files] == [2] * len(albums)
        assert len(albums) <= 1

    def check_finished(self, made: str) -> None:
        """Assert that everything is there once, and nothing is left to do."""
        self.check()
        assert self.albums() == [made]
        assert self.intents() == {made: "archived"}
        begun = self.rows("SELECT kind, hex(work), attempt, state FROM intent ORDER BY kind")
        assert [(kind, state) for kind, _, _, state in begun] == [
            ("make", "archived"),
            ("release", "archived"),
        ], begun
        assert set(self.stored()) == {name for (name,) in self.rows("SELECT name FROM file")}


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Home:
    return Home(tmp_path, empty_database)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> dict[str, int]:
    """How often each system call is made in a clean run."""
    home = Home(tmp_path_factory.mktemp("clean"), empty_database)
    counted = strace.count(home.command, home.environment, home.profile.home / "log")
    home.check_finished(home.albums()[0])
    return counted


def kill_and_resume(home: Home, syscall: str, number: int) -> int:
    """Kill the program at a system call, run it again, check; return how the first run ended."""
    ended = strace.kill_at(home.command, home.environment, syscall, number).returncode
    home.check()
    begun = list(home.intents())
    made = home.run()
    home.check_finished(made)
    assert begun in ([], [made])
    return ended


@pytest.mark.parametrize(("syscall", "part"), INSTANTS)
def test_what_was_killed_is_finished_by_the_next_run(home, calls, syscall, part):
    assert kill_and_resume(home, syscall, max(1, int(calls[syscall] * part))) != 0


@pytest.fixture
def dataserver(home: Home) -> Iterator[None]:
    """A dataserver that is not killed along with the program."""
    arguments = ["--root", str(home.profile.store), "--token-file", str(home.profile.token_file)]
    child = Child("dataserver", arguments, home.profile.home / "dataserver.log")
    replace(home.profile, dataserver=child.url).save()
    yield
    child.stop()


@pytest.mark.usefixtures("dataserver")
@pytest.mark.parametrize(("syscall", "part"), OUTSIDE_INSTANTS)
def test_a_dataserver_that_lives_on_is_found_in_order(home, calls, syscall, part):
    assert kill_and_resume(home, syscall, max(1, int(calls[syscall] * part))) != 0


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("syscall", strace.SYSCALLS)
def test_at_whatever_call_it_is_killed(tmp_path, empty_database, calls, syscall):
    most = calls.get(syscall, 0)
    if most == 0:
        pytest.skip(f"a clean run makes no {syscall}")
    killed = 0
    for number in range(1, most + 1, max(1, most // 40)):
        folder = tmp_path / str(number)
        folder.mkdir()
        killed += kill_and_resume(Home(folder, empty_database), syscall, number) != 0
        shutil.rmtree(folder)
    assert killed > 0

"""The dataserver is killed from outside, at the system calls that it makes during one store.

strace chooses the instants: SIGKILL when a thread enters its n-th call of a kind, so that this
call is not made any more. Each kill is followed by a restart on the same root and a retry.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import time

import pytest
import urllib3

from awlta.digest import digest_file
from awlta.errors import Unreachable

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace, which chooses the instants, is not installed"
)

# Whose calls: the event loop is the main thread, the disk is left to the workers.
SHORT = [
    ("loop", "sendto", 1),  # the answer that the name is free
    ("workers", "unlink", 1),  # the part is not yet there
    ("workers", "write", 1),  # the part is empty
    ("workers", "fsync", 1),  # the part is not flushed
    ("loop", "sendto", 2),  # the digests of the part were not answered
    ("workers", "linkat", 1),  # the file has no name
    ("workers", "fsync", 2),  # its directory is not flushed
    ("workers", "pwrite64", 1),  # the index does not know it
    ("workers", "fdatasync", 1),  # the index is not flushed
    ("workers", "unlink", 2),  # the part is still there
    ("loop", "sendto", 3),  # the acknowledgement was not sent
]
CALLS = [("loop", "sendto")]
CALLS += [("workers", call) for call in ("openat", "write", "fchmod", "fsync", "linkat")]
CALLS += [("workers", call) for call in ("pwrite64", "fdatasync", "unlink", "sendto")]
REMOVAL = [
    ("rename", 1),  # the file is in its place
    ("fsync", 1),  # it is out of it, which is not flushed
    ("fsync", 2),
    ("pwrite64", 1),  # the index knows the name
    ("fdatasync", 1),  # the index is not flushed
    ("unlink", 1),  # the bytes are there
]


class Story:
    """One root, its present server, and what must be found on it whatever happens."""

    def __init__(self, serve, folder):
        self._serve = serve
        self._folder = folder
        self.content: dict[str, bytes] = {}
        self._numbers = itertools.count()
        self.server = self.start()

    def start(self):
        # strace counts for each thread: one worker makes all calls that wait for the disk.
        server = self._serve("--workers", "1")
        wait_for_the_sweep(server)
        return server

    def survives(self, *before: str) -> bool:
        """Say whether a server that is started under strace lives through its sweep."""
        victim = self._serve("--workers", "1", before=before)
        try:
            wait_for_the_sweep(victim)
            survived = True
        except (ConnectionError, urllib3.exceptions.HTTPError):
            survived = False
        victim.end()
        return survived

    def new_file(self) -> str:
        name = f"run-{next(self._numbers):04d}.bin"
        self.content[name] = os.urandom(100_000)
        (self._folder / name).write_bytes(self.content[name])
        return name

    def store(self, name: str) -> None:
        path = self._folder / name
        stored = self.server.client.store(path, name, object_id="o-1", attempt=1)
        assert stored == digest_file(path)

    def store_and_kill(self, whose: str, call: str, nth: int) -> bool:
        """Store a new file while its server is to be killed; False if it ended before."""
        name = self.new_file()
        inject = f"inject={call}:signal=SIGKILL:when={nth}"
        with Strace(threads_of(self.server.pid, whose), inject):
            try:
                self.store(name)
            except Unreachable:
                self.server.process.wait(10)
        killed = self.server.process.poll() is not None
        if killed:
            self.server.end()
            self.server = self.start()
        self.check()
        self.store(name)
        self.check(complete=True)
        return killed

    def check(self, *, complete: bool = False) -> None:
        """No wrong bytes under a name, and every acknowledged file there and right."""
        wait_for_the_sweep(self.server)
        on_disk = self.server.files()
        assert all(self.content[name] == found for name, found in on_disk.items())
        listed = urllib3.request("GET", f"{self.server.url}/names?limit=10000").json()["names"]
        # A row for each file, a file for each row.
        assert sorted(on_disk) == [n["name"] for n in listed]
        acknowledged = list(self.content) if complete else list(self.content)[:-1]
        assert set(acknowledged) <= set(on_disk)
        for row in listed[-2:]:
            to = self._folder / "back"
            self.server.client.retrieve(row["name"], to)
            assert to.read_bytes() == self.content[row["name"]]
        health = urllib3.request("GET", self.server.url).json()
        assert health["n_files"] == len(on_disk)


class Strace:
    """Attach strace to threads of a process for a while."""

    def __init__(self, threads: list[int], *expressions: str, log: str = os.devnull) -> None:
        options = [o for e in expressions for o in ("-e", e)]
        options += [o for t in threads for o in ("-p", str(t))]
        self.process = subprocess.Popen(
            ["strace", "-y", "-o", log, *options], stderr=subprocess.PIPE, text=True
        )
        for _ in threads:
            line = self.process.stderr.readline()
            if "attached" not in line:
                self.process.communicate()
                pytest.skip(f"strace cannot attach here: {line}")

    def __enter__(self) -> Strace:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()


def threads_of(pid: int, whose: str) -> list[int]:
    """Return the thread ids of the event loop, or of all others."""
    threads = [int(t) for t in os.listdir(f"/proc/{pid}/task")]
    return [pid] if whose == "loop" else [t for t in threads if t != pid]


def wait_for_the_sweep(server) -> None:
    end = time.monotonic() + 20
    if not server.url:
        raise ConnectionError("the server was killed before it was ready")
    while not urllib3.request("GET", server.url, retries=False).json()["swept"]:
        assert time.monotonic() < end, "the sweep at start did not end within 20 s"
        time.sleep(0.01)


def test_a_kill_at_any_step_of_a_store_loses_nothing_acknowledged(serve, tmp_path):
    story = Story(serve, tmp_path)
    for whose, call, nth in SHORT:
        assert story.store_and_kill(whose, call, nth), f"{whose} made no {nth} {call}"


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("whose", "call"), CALLS)
def test_a_kill_at_every_call_of_a_store_loses_nothing_acknowledged(serve, tmp_path, whose, call):
    story = Story(serve, tmp_path)
    nth = 1
    while story.store_and_kill(whose, call, nth):
        nth += 1
    assert nth > 1, f"{whose} made no {call}"


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("call", ["fsync", "fdatasync", "pwrite64", "ftruncate", "rename"])
def test_a_kill_at_every_call_of_a_restart_loses_nothing_acknowledged(serve, tmp_path, call):
    story = Story(serve, tmp_path)
    nth = 1
    survived = False
    while not survived:
        # Something to mend at start: a file without a row, and a part to set aside.
        leave_a_file_without_a_row(story)
        old = story.server.root / ".part" / f"o-9.{nth}.old.bin"
        old.write_bytes(b"old")
        os.utime(old, (0, 0))
        inject = f"inject={call}:signal=SIGKILL:when={nth}"
        survived = story.survives("strace", "-f", "-o", os.devnull, "-e", inject)
        nth += not survived
        story.server = story.start()
        story.check(complete=True)
        kept = [p.name for p in (story.server.root / ".quarantine").glob("*/*")]
        assert sorted(kept) == sorted(set(kept))
        assert old.name in kept
    assert nth > 1, f"no {call} was made at start"


def leave_a_file_without_a_row(story: Story) -> None:
    name = story.new_file()
    inject = "inject=pwrite64:signal=SIGKILL:when=1"
    with Strace(threads_of(story.server.pid, "workers"), inject):
        with pytest.raises(Unreachable):
            story.store(name)
        story.server.end()
    assert story.server.files()[name] == story.content[name]


def test_every_flush_comes_before_what_relies_on_it(serve, tmp_path):
    story = Story(serve, tmp_path)
    name = story.new_file()
    log = tmp_path / "calls"
    pid = story.server.pid
    threads = [pid, *threads_of(pid, "workers")]
    with Strace(threads, "trace=write,fsync,linkat,fdatasync,sendto", log=str(log)):
        story.store(name)
    steps = [
        ("part written", rf"write\(\d+<.*/\.part/o-1\.1\.{name}>"),
        ("part flushed", rf"fsync\(\d+<.*/\.part/o-1\.1\.{name}>"),
        ("digests answered", r"sendto\(.*HTTP/1\.1 202"),
        ("file named", rf'linkat\(.*"{name}"'),
        ("directory flushed", r"fsync\(\d+<.*/data/[0-9a-f]{2}>"),
        ("index flushed", r"fdatasync\(\d+<.*/index\.db-wal>"),
        ("acknowledged", r"sendto\(.*HTTP/1\.1 201"),
    ]
    calls = log.read_text().splitlines()
    found = [what for line in calls for what, pattern in steps if re.search(pattern, line)]
    assert list(dict.fromkeys(found)) == [what for what, _ in steps]
    assert found.index("part flushed") > max(i for i, f in enumerate(found) if f == "part written")


def test_a_kill_at_any_step_of_a_removal_leaves_the_whole_file_or_nothing(serve, tmp_path):
    story = Story(serve, tmp_path)
    ends = set()
    for call, nth in REMOVAL:
        name = story.new_file()
        story.store(name)
        sha256 = digest_file(tmp_path / name).sha256
        inject = f"inject={call}:signal=SIGKILL:when={nth}"
        with Strace(threads_of(story.server.pid, "workers"), inject):
            with pytest.raises(Unreachable):
                story.server.client.remove(name, sha256)
            story.server.end()
        story.server = story.start()
        is_there = story.server.client.head(name) is not None
        ends.add((call, is_there))
        if not is_there:
            del story.content[name]
        story.check(complete=True)
        assert os.listdir(story.server.root / ".removed") == []
        assert story.server.client.remove(name, sha256) is is_there
        story.content.pop(name, None)
        story.check(complete=True)
    assert ("rename", True) in ends
    assert ("unlink", False) in ends

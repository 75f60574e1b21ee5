"""A throw-away PostgreSQL cluster for tests, run by a normal user, on a Unix socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

import pytest

from awlta.persistent.database import create

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
}

_MEMORY = Path("/dev/shm")
_ROOM = 1 << 30


def programs() -> Path:
    """Return the folder with initdb and postgres, or skip where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    folders = [Path(p).parent for p in (shutil.which("initdb"), *reversed(found)) if p]
    for folder in folders:
        real = (folder / "initdb").resolve().parent
        if (real / "postgres").exists():
            return real
    pytest.skip("PostgreSQL is not installed: apt-get install postgresql")


def _folder(on_disk: bool) -> Path:
    """Make the folder of a cluster, in memory where there is room.

    A database is 300 files, and each test has a new one: on a disk they take most of its time.
    """
    in_memory = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    in_memory = in_memory and not on_disk
    return Path(tempfile.mkdtemp(prefix="awlta-pg-", dir=_MEMORY if in_memory else "/tmp"))


class Cluster:
    """One running server; databases are copies of a migrated one.

    Parameters
    ----------
    on_disk : bool
        Not in memory: so that it is slow where a server would be.
    """

    def __init__(self, *, on_disk: bool = False) -> None:
        self._bin = programs()
        self._folder = _folder(on_disk)
        self._user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self._numbers = count(1)
        if os.getuid() == 0:  # the server refuses to be run by root
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        data = self._folder / "data"
        initdb = [str(self._bin / "initdb"), "-D", str(data), "-U", "owner", "-A", "trust", "-N"]
        self._call([*initdb, "-E", "UTF8", "--locale=C.UTF-8"])
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        with open(self._folder / "log", "wb") as log:
            self._server = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(data), "-k", str(self._folder), *settings],
                stdout=log,
                stderr=log,
                cwd="/",
                **self._as_user(),
            )
        self._wait()
        self.sql("CREATE DATABASE awlta_empty")
        create(self.url("awlta_empty"), 0)
        ((version,),) = self.sql("SHOW server_version_num")
        # Before version 15 there was no other strategy, and no word for it.
        self._strategy = "STRATEGY file_copy" if int(version) >= 150_000 else ""

    def _as_user(self) -> dict[str, object]:
        return {"user": self._user} if os.getuid() == 0 else {}

    def _call(self, words: list[str]) -> None:
        subprocess.run(words, check=True, capture_output=True, cwd="/", **self._as_user())

    def _wait(self) -> None:
        for _ in range(300):
            ready = subprocess.run(
                [str(self._bin / "pg_isready"), "-h", str(self._folder), "-q"], check=False
            )
            if ready.returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError((self._folder / "log").read_text())

    def url(self, database: str, user: str = "owner") -> str:
        """Return the URL of a database for a user; everybody is trusted."""
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def sql(self, *statements: str, database: str = "postgres", user: str = "owner") -> list[tuple]:
        """Run statements, each by itself, and return the rows of the last."""
        import psycopg  # only where there is a server

        rows: list[tuple] = []
        with psycopg.connect(self.url(database, user), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[call-overload]
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def new_database(self) -> str:
        """Make a migrated, empty database and return its name."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE awlta_empty {self._strategy}")
        return name

    def drop(self, database: str) -> None:
        """Take a database away, whoever is connected."""
        self.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def stop(self) -> None:
        """End the server and take its files away."""
        self._server.send_signal(signal.SIGINT)  # fast: connections are ended
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

"""The name index: which names are acknowledged, with size and digests, in one SQLite table.

A name stands here only after its file and its directory entry were flushed, so a row is a
promise. Several processes may share one index; a commit is one flush (synchronous FULL).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from awlta.digest import Digests

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS file (
        name    TEXT PRIMARY KEY,
        size    INTEGER NOT NULL,
        sha256  BLOB NOT NULL,
        adler32 BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    # Counting 10^7 rows takes a second, and whoever watches the service asks every few.
    """
    CREATE TABLE IF NOT EXISTS total (
        one     INTEGER PRIMARY KEY CHECK (one = 1),
        n_files INTEGER NOT NULL,
        size    INTEGER NOT NULL
    )
    """,
    "INSERT OR IGNORE INTO total VALUES (1, 0, 0)",
)


@dataclass(frozen=True)
class Held:
    """One acknowledged file: its name and what its bytes are."""

    name: str
    digests: Digests


class NameIndex:
    """Look up and enter names. Threads and processes may share one file.

    Parameters
    ----------
    path : Path
        The SQLite file, on a local disk: WAL needs memory that its users share.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        # Threads of one process queue here; SQLite's own waiting is a sleep, and unfair.
        self._turn = threading.Lock()
        # Switching a new file to WAL fails at once, without waiting, where two do it.
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            with self._writing() as connection:
                for statement in _SCHEMA:
                    connection.execute(statement)
        finally:
            os.close(directory)

    def get(self, name: str) -> Digests | None:
        """Return the digests of an acknowledged name, None if it is not."""
        row = (
            self._connection()
            .execute("SELECT size, sha256, adler32 FROM file WHERE name = ?", (name,))
            .fetchone()
        )
        return _digests(*row) if row else None

    def enter(self, name: str, digests: Digests) -> Digests:
        """Commit a name unless it is there, and return what then stands under it."""
        with self._writing() as connection:
            held = self.get(name)
            if held is None:
                connection.execute(
                    "INSERT INTO file VALUES (?, ?, ?, ?)",
                    (
                        name,
                        digests.size,
                        bytes.fromhex(digests.sha256),
                        bytes.fromhex(digests.adler32),
                    ),
                )
                connection.execute(
                    "UPDATE total SET n_files = n_files + 1, size = size + ?", (digests.size,)
                )
        return held or digests

    def remove(self, name: str) -> None:
        """Take a name out, durably; harmless where it is not there."""
        with self._writing() as connection:
            held = self.get(name)
            if held is not None:
                connection.execute("DELETE FROM file WHERE name = ?", (name,))
                connection.execute(
                    "UPDATE total SET n_files = n_files - 1, size = size - ?", (held.size,)
                )

    def after(self, name: str, limit: int) -> list[Held]:
        """Return the next ``limit`` acknowledged files behind a name, in order of their names."""
        rows = self._connection().execute(
            "SELECT name, size, sha256, adler32 FROM file WHERE name > ? ORDER BY name LIMIT ?",
            (name, limit),
        )
        return [Held(n, _digests(*rest)) for n, *rest in rows]

    def totals(self) -> tuple[int, int]:
        """Return the number of acknowledged files and their bytes."""
        n_files, size = self._connection().execute("SELECT n_files, size FROM total").fetchone()
        return int(n_files), int(size)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._opened:
            self._opened.pop().close()

    def _connection(self) -> sqlite3.Connection:
        """Return the connection of this thread."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=60, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._own.connection = connection
            self._opened.append(connection)
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection of this thread within one transaction."""
        with self._turn:
            connection = self._connection()
            # IMMEDIATE: a lock taken in mid-transaction fails without waiting.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _digests(size: int, sha256: bytes, adler32: bytes) -> Digests:
    return Digests(size, sha256.hex(), adler32.hex())

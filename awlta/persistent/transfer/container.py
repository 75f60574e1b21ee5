"""A parcel: rows of a database in one file, which is SQLite, with a digest of every table.

A parcel is written beside its name and takes it when it is whole. It holds the tables as they
are, keys included, and a manifest of what it is. Reading one trusts nothing: whoever opens it
calls :meth:`Parcel.verify` before a row is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from ... import __version__
from ...digest import digest_text
from ...errors import BadInput, NameTaken, StorageFault

FORMAT = 1
"""Version of the layout below; one that is not known here is refused."""

_OWN = {
    "_manifest": "CREATE TABLE _manifest (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "_hidden": "CREATE TABLE _hidden (id INTEGER PRIMARY KEY) STRICT",
    "_content": "CREATE TABLE _content (sha256 BLOB NOT NULL, position INTEGER NOT NULL, "
    "bytes BLOB NOT NULL) STRICT",
}
_INDEXES = {
    "file": "CREATE INDEX file_product ON file (product)",
    "dep": "CREATE INDEX dep_product ON dep (product)",
    "_content": "CREATE INDEX _content_sha256 ON _content (sha256, position)",
}
_TYPES = {int: "INTEGER", bool: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}
_BATCH = 2000


def quoted(name: str) -> str:
    """Return a name as SQLite takes it, whatever it is."""
    return '"' + name.replace('"', '""') + '"'


class Packing:
    """A parcel that is being written."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        # The file has no name yet: what a kill leaves of it is of no use to anybody.
        self.connection.execute("PRAGMA journal_mode = OFF")
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute("BEGIN")
        for statement in _OWN.values():
            self.connection.execute(statement)
        self.rows: dict[str, int] = {}

    def add(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows, in the order of the table's columns."""
        if table.name not in self.rows:
            self.rows[table.name] = 0
            columns = ", ".join(
                f"{quoted(c.name)} {_TYPES[c.type.python_type]}"
                f"{' PRIMARY KEY' if c.name == 'id' else ''}"
                for c in table.columns
            )
            self.connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns}) STRICT")
        marks = ", ".join("?" * len(table.columns))
        cursor = self.connection.executemany(
            f"INSERT INTO {quoted(table.name)} VALUES ({marks})", rows
        )
        self.rows[table.name] += max(cursor.rowcount, 0)

    def add_content(self, sha256: bytes, blocks: Iterable[bytes]) -> None:
        """Add the bytes of a file."""
        self.connection.executemany(
            "INSERT INTO _content VALUES (?, ?, ?)",
            ((sha256, position, block) for position, block in enumerate(blocks)),
        )

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the manifest: the facts given, and number and digest of the rows of each table."""
        for name, statement in _INDEXES.items():
            if name in self.rows or name in _OWN:
                self.connection.execute(statement)
        tables = {}
        for name in ["_hidden", *self.rows]:
            number, digest = _digest(self.connection, name)
            tables[name] = {"rows": number, "sha256": digest}
        made = {"made": datetime.now(UTC).isoformat(timespec="seconds"), "awlta": __version__}
        whole = {"format": FORMAT, **made, **facts, "tables": tables}
        texts = {name: json.dumps(value, sort_keys=True) for name, value in whole.items()}
        texts["sha256"] = _seal(texts)
        self.connection.executemany("INSERT INTO _manifest VALUES (?, ?)", texts.items())
        self.connection.execute("COMMIT")


@contextmanager
def packing(path: Path) -> Iterator[Packing]:
    """Write a parcel; it takes its name at the end of the block, whole and on the disk.

    Raises
    ------
    NameTaken
        There is a file of this name.
    StorageFault
        The disk cannot take it.
    """
    if path.exists():
        raise NameTaken(f"{path} is there already", expected="a new name", do="Choose another")
    draft = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    parcel: Packing | None = None
    try:
        parcel = Packing(draft)
        yield parcel
        parcel.connection.close()
        with open(draft, "rb") as stream:
            os.fsync(stream.fileno())
        draft.rename(path)
    except sqlite3.OperationalError as error:
        raise StorageFault(
            f"{path} cannot be written: {error}", do="Check folder and disk"
        ) from error
    finally:
        if parcel is not None:
            parcel.connection.close()
        draft.unlink(missing_ok=True)


class Parcel:
    """A parcel that is read.

    Attributes
    ----------
    facts : dict
        The manifest.
    connection : sqlite3.Connection
        Only reads the file; what it is told to remember goes to temporary tables.

    Raises
    ------
    BadInput
        The file is no parcel, or of a format that is not known here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "rb"):  # says that it is not there, or may not be read
            pass
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        self.connection = sqlite3.connect(address, uri=True, isolation_level=None)
        try:
            self.connection.execute("PRAGMA trusted_schema = OFF")
            texts = dict(self.connection.execute("SELECT name, value FROM _manifest"))
            if texts.pop("sha256", None) != _seal(texts):
                raise ValueError("the manifest is not what was written")
            self.facts: dict[str, Any] = {n: json.loads(text) for n, text in texts.items()}
        except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
            self.connection.close()
            raise BadInput(
                f"{path} is no parcel, or damaged: {error}",
                expected="a file that 'awlta export' wrote",
                do="Compare its digest with that at its source, and bring it again",
            ) from error
        if self.facts.get("format") != FORMAT:
            self.connection.close()
            raise BadInput(
                f"{path} is a parcel of format {self.facts.get('format')}",
                expected=f"format {FORMAT}",
                do="Import it with the release of awlta that wrote it, or a newer one",
            )

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @property
    def name(self) -> str:
        """What tells this parcel from every other: the digest of its manifest."""
        return _seal({n: json.dumps(v, sort_keys=True) for n, v in self.facts.items()})

    def has(self, table: str) -> bool:
        """Tell whether rows of a table are in the parcel."""
        return table in self.facts["tables"]

    def count(self, table: str) -> int:
        """Return how many rows of a table are in the parcel."""
        return int(self.facts["tables"][table]["rows"]) if self.has(table) else 0

    def columns(self, table: str) -> list[str]:
        """Return the names of the columns of a table."""
        return [row[1] for row in self.connection.execute(f"PRAGMA table_info({quoted(table)})")]

    def verify(self) -> None:
        """Compare the rows of every table with number and digest in the manifest.

        Raises
        ------
        BadInput
            A table differs, or there is what no parcel holds.
        """
        try:
            strangers = self._strangers()
            wrong = [
                name
                for name, told in self.facts["tables"].items()
                if _digest(self.connection, name) != (told["rows"], told["sha256"])
            ]
        except (sqlite3.Error, KeyError, TypeError, AttributeError) as error:
            raise self.damaged(str(error)) from error
        if strangers:
            raise self.damaged(f"it holds {', '.join(strangers)}, which no parcel does")
        if wrong:
            raise self.damaged(f"the rows of {', '.join(wrong)} are not those that were written")

    def damaged(self, why: str) -> BadInput:
        """Return the error of a parcel that is not what its manifest says."""
        return BadInput(
            f"{self.path} is damaged: {why}",
            expected="a parcel as it was written",
            do="Bring it again from its source; nothing was imported",
        )

    def _strangers(self) -> list[str]:
        """Return what a parcel does not have: views, triggers, virtual tables, loose types."""
        known = set(self.facts["tables"]) | set(_OWN)
        found = self.connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        return [
            f"{kind} {name}"
            for kind, name, sql in found
            if not (
                (kind == "table" and name in known and str(sql).endswith("STRICT"))
                or (kind == "index" and (sql is None or sql in _INDEXES.values()))
            )
        ]

    def batches(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a statement, some at a time."""
        cursor = self.connection.execute(statement, values)
        while rows := cursor.fetchmany(_BATCH):
            yield rows


def _seal(texts: dict[str, str]) -> str:
    """Return the digest of a manifest."""
    return digest_text(*(part for item in sorted(texts.items()) for part in item))


def _digest(connection: sqlite3.Connection, table: str) -> tuple[int, str]:
    """Return number and sha256 of the rows of a table, read from the file.

    ``ascii()`` of a row of numbers, texts and bytes is the same in every Python.
    """
    sha256, number = hashlib.sha256(), 0
    cursor = connection.execute(f"SELECT * FROM {quoted(table)} ORDER BY rowid")
    while rows := cursor.fetchmany(_BATCH):
        number += len(rows)
        sha256.update("\n".join(map(ascii, rows)).encode())
        sha256.update(b"\n")
    return number, sha256.hexdigest()

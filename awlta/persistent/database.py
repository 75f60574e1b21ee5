"""The engine: how a database is opened, read, and written in one transaction a unit of work.

SQLite runs in WAL; a durable unit is committed with ``synchronous=FULL``, so that it is on the
disk when it returns, a private one with ``NORMAL``, which a power cut may take back whole. Every
writing unit begins with BEGIN IMMEDIATE, so that two writers queue and never deadlock. On
PostgreSQL rows are written by COPY, keys come from a sequence, and an advisory lock stands where
SQLite has its one writer.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from ..errors import ConfigError, Conflict, Fault, Unreachable
from . import tables
from .attributes.sky import ensure_sines
from .engine.access import Role, refuse_rights, refuse_to_create, secure, secure_all
from .engine.inserting import Inserter
from .engine.prepared import run, tell_statements
from .engine.presence import Parts, absent_of, refuse_orphans
from .engine.retry import is_conflict, retried
from .engine.statistics import Growth
from .engine.turns import Turns
from .keys import first_key
from .watches import pause

HEAD = "0002"
"""Newest migration; a test compares it with Alembic's own head."""

BUSY_MILLISECONDS = 60_000

KEYS = "awlta_key"
"""Sequence of the integer keys on PostgreSQL; SQLite counts in a row of ``counter``."""


def open_engine(url: str) -> Engine:
    """Return an engine with the settings above.

    Raises
    ------
    ConfigError
        The URL cannot be understood.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        # transactions are begun and ended by Database.write, connections kept by threads
        engine = create_engine(parsed, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigError(
            f"The database URL {url!r} cannot be used: {error}",
            expected="sqlite:///path/to/file.db or postgresql://host/name",
        ) from error
    event.listen(engine, "do_connect", _connect_unwatched)
    tell_statements(engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _connect_unwatched(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    """Open a connection of our own; the watch of a recipe judges those of the recipe."""
    with pause():
        return dialect.connect(*arguments, **options)


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """Have no statement compiled by the server: it takes longer than ours take to run."""
    connection.execute("SET jit = off")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.close()
    ensure_sines(connection)


class Database:
    """One database: reading statements, writing units of work, keys and class tables."""

    def __init__(self, url: str, role: str | None = None) -> None:
        self.url = url
        self.role = Role(role)
        self.engine = open_engine(url)
        self.dialect = self.engine.dialect.name
        self._driver: Any = self.engine.dialect.dbapi
        self._ready: set[Table] = set()
        self._inserter = Inserter(self.engine.dialect)
        self._growth = Growth()
        file = self.engine.url.database if self.dialect == "sqlite" else None
        self._turns = Turns(Path(file)) if file and file != ":memory:" else None
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._keeping = threading.Lock()
        self._kept: list[tuple[threading.Thread, Connection]] = []

    def check(self) -> None:
        """Raise ConfigError unless the database is there and of this version."""
        version = self.version()
        if version != HEAD:
            raise ConfigError(
                f"The tables of {self.url} are at version {version}",
                expected=HEAD,
                do="Run 'awlta migrate' with the newer of the two awlta versions: it migrates",
            )

    def version(self) -> str | None:
        """Return the version of the system's tables; raise ConfigError where there are none."""
        if self.dialect == "sqlite":
            path = self.engine.url.database
            if path and path != ":memory:" and not Path(path).exists():
                raise ConfigError(f"There is no database {path}", do="Run 'awlta init'")
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                raise ConfigError(f"{self.url} holds no awlta tables", do="Run 'awlta init'")
            asked = "SELECT version_num FROM alembic_version"
            version: str | None = connection.exec_driver_sql(asked).scalar()
            return version

    def _keep(self, purpose: str) -> Connection:
        """Return this thread's connection for reading, or for writing; opened on first use."""
        kept: Connection | None = getattr(self._thread, purpose, None)
        if kept is None or kept.closed:
            kept = self.engine.connect()
            setattr(self._thread, purpose, kept)
            with self._keeping:
                over = [k for k in self._kept if not k[0].is_alive()]
                self._kept = [k for k in self._kept if k not in over]
                self._kept.append((threading.current_thread(), kept))
            for _, connection in over:
                connection.close()
        return kept

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for statements that only read."""
        connection = None
        try:
            connection = self._keep("reading")
            if self.role.name is None:
                yield connection
            else:
                with self.role.reading(connection):
                    yield connection
        except (DBAPIError, self._driver.Error) as error:
            if connection is not None:
                connection.close()
            refuse_rights(error)
            if isinstance(error, OperationalError | self._driver.OperationalError):
                raise self._unreachable(error) from error
            raise Fault(
                f"The database {self.url} cannot be asked: {_words(error)}",
                do="Is it a database of awlta, and whole?",
            ) from error

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Give a connection in one transaction: all of it is kept, or nothing.

        Parameters
        ----------
        durable : bool
            Wait until the disk has it. Without, a power cut may take it back, never a part of it.
        """
        if getattr(self._thread, "is_writing", False):  # it would wait for itself
            raise Fault(
                "A unit of work was begun within another one of the same thread",
                do="Add to the unit that is open",
            )
        self._thread.is_writing, kept, has_turn = True, False, False
        connection = None
        try:
            connection = self._keep("writing")
            if self._turns is not None:
                self._turns.take()
                has_turn = True
            self._begin(connection, durable)
            yield connection
            self._growth.gather(connection)
            run(connection, "COMMIT")
            kept = True
        except (DBAPIError, self._driver.Error) as error:
            refuse_rights(error)
            if is_conflict(error):
                raise Conflict(
                    f"Another unit of work was in the way of this one: {_words(error)}",
                    do="Nothing of it was written: do the whole of it again",
                ) from error
            if isinstance(error, OperationalError | self._driver.OperationalError):
                raise self._unreachable(error) from error
            raise Fault(
                f"The database refused a change: {_words(error)}", do="Report this"
            ) from error
        finally:
            self._thread.is_writing = False
            if not kept:  # tables made in this unit are gone with it
                self._ready.clear()
                if connection is not None:
                    connection.close()  # which takes back what was begun
            if self._turns is not None and has_turn:
                self._turns.give()

    def _begin(self, connection: Connection, durable: bool) -> None:
        if self.dialect != "sqlite":
            # the locks of serialise() mean that the next statement sees what was committed
            run(connection, "BEGIN ISOLATION LEVEL READ COMMITTED")
            self.role.take(connection)
            return
        level = "FULL" if durable else "NORMAL"
        if connection.info.get("synchronous", "FULL") != level:
            run(connection, f"PRAGMA synchronous={level}")
            connection.info["synchronous"] = level
        run(connection, "BEGIN IMMEDIATE")

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"The database {self.url} does not answer: {_words(error)}",
            do="Is it there, is the disk full, may this user write it?",
        )

    def keys(self, connection: Connection, n: int) -> Sequence[int]:
        """Take ``n`` new integer keys within a writing unit, in rising order."""
        if not n:
            return ()
        if self.dialect == "postgresql":
            # usually a run of numbers, which is told by its ends
            taken = f"SELECT nextval('{KEYS}') AS key FROM generate_series(1, %s)"
            rest = "CASE WHEN max(key) - min(key) >= %s THEN array_agg(key ORDER BY key) END"
            first, last, apart = connection.exec_driver_sql(
                f"WITH new AS MATERIALIZED ({taken}) SELECT min(key), max(key), {rest} FROM new",
                (n, n),
            ).one()
            return range(first, last + 1) if apart is None else list(apart)
        take = "UPDATE counter SET next = next + ? WHERE name = 'key' RETURNING next"
        ((last,),) = run(connection, take, (n,)).fetchall()
        return range(last - n, last)

    def serialise(self, connection: Connection, *names: str) -> None:
        """Let one writer at a time go on that names the same, until the end of its unit.

        SQLite has one writer anyhow.
        """
        if self.dialect == "postgresql":
            digests = (hashlib.sha256(name.encode()).digest() for name in names)
            numbers = [int.from_bytes(digest[:8], signed=True) for digest in digests]
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(unnest(%s))", (numbers,))

    def insert(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[tuple[Any, ...]],
        context: tuple[Any, ...] | None = None,
    ) -> None:
        """Insert tuples, in the order of the table's columns: one executemany, or one COPY.

        With a context the rows lack the columns of it, which hold the same in all.
        """
        if rows:
            self._growth.wrote(table, len(rows))
            self._inserter.insert(connection, table, rows, context)

    @retried
    def ensure(self, cls: Any, connection: Connection | None = None) -> None:
        """Make the tables of a class where they are not there yet."""
        wanted = [part for part in tables.class_tables(cls) if part[1] not in self._ready]
        if not wanted:
            return
        with self._lock:
            if connection is not None:
                self._create(connection, self._absent(connection, wanted))
                return
            with self.read() as reading:
                absent = self._absent(reading, wanted)
            if absent:
                with self.write() as own:
                    self._create(own, self._absent(own, absent))

    def _absent(self, connection: Connection, wanted: Parts) -> Parts:
        """Return the tables that are not there yet."""
        absent = absent_of(connection, wanted)
        self._ready.update({table for _, table in wanted} - {table for _, table in absent})
        return absent

    def _create(self, connection: Connection, absent: Parts) -> None:
        for cls, table in absent:
            self.serialise(connection, f"table {table.name}")
            if not inspect(connection).has_table(table.name):  # made by another while we waited
                refuse_orphans(connection, cls, table)
                if self.dialect == "postgresql":
                    refuse_to_create(connection, table.name)
                table.create(connection, checkfirst=False)
                secure(connection, table.name)
            self._ready.add(table)

    def close(self) -> None:
        """Give the connections back."""
        with self._keeping:
            kept, self._kept = self._kept, []
        for _, connection in kept:
            connection.close()
        if self._turns is not None:
            self._turns.close()
        self.engine.dispose()


def _words(error: Exception) -> object:
    """Return what the driver said, without the statement."""
    return getattr(error, "orig", error)


def create(url: str, node: int) -> None:
    """Make the system tables, or bring them to the newest version; harmless where they are.

    Raises
    ------
    ConfigError, Unreachable, Refused
    """
    # alembic is heavy and only used here
    from .migrations.run import complete, is_complete

    database = Database(url)
    try:
        with database.read() as connection:
            is_new = not is_complete(connection, HEAD)
        with database.write() as connection:
            database.serialise(connection, "migration")
            if is_new:
                complete(connection, KEYS, first_key(node))
            secure_all(connection)
    finally:
        database.close()

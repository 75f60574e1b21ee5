"""The durable queue: one SQLite file, in which every acknowledged order and every move stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from awlta.errors import ConfigError, NotFound, Refused
from awlta.processing import JobRecord, JobState, WorkOrder
from awlta.processing.jobs import check_move
from awlta.storage.intent import Lease

VERSION = 1

PAGE = 1000
"""Jobs in one listing at most."""

_TABLE = """
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    work TEXT NOT NULL,
    object_id TEXT NOT NULL,
    class_name TEXT NOT NULL,
    category TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    n_lost INTEGER NOT NULL DEFAULT 0,
    lease TEXT NOT NULL DEFAULT '',
    runner TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    code TEXT NOT NULL DEFAULT '',
    submitted TEXT NOT NULL,
    started TEXT,
    ended TEXT,
    revision INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS job_by_state ON job (state, category, number);
CREATE INDEX IF NOT EXISTS job_by_revision ON job (revision);
CREATE INDEX IF NOT EXISTS job_by_object ON job (object_id);
"""

_COLUMNS = (
    "order_id, object_id, class_name, state, attempt, submitted, started, ended, runner, reason, "
    "code, revision"
)


class Queue:
    """The jobs of one front-end. Used by one thread at a time.

    Parameters
    ----------
    path : Path
        The SQLite file, made if it is not there; on a local disk.

    Raises
    ------
    ConfigError
        It was written by another version.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA busy_timeout=10000")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise ConfigError(
                f"The queue {path} is of version {version}",
                expected=f"version {VERSION}",
                do="Run the awlta that wrote it until the queue is empty, then move the file away",
            )
        self._db.executescript(f"{_TABLE} PRAGMA user_version = {VERSION};")
        (self.revision,) = self._db.execute("SELECT coalesce(max(revision), 0) FROM job").fetchone()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, orders: Sequence[WorkOrder]) -> None:
        """Queue orders, all in one transaction; one that is there already stays as it is.

        Raises
        ------
        Refused
            The id of an order is there with another content, or its product is ordered already.
        """
        with self._writing():
            for order in orders:
                if self._is_known(order):
                    continue
                self._refuse_double(order)
                self.revision += 1
                self._db.execute(
                    "INSERT INTO job (order_id, work, object_id, class_name, category, state, "
                    "submitted, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        order.order_id,
                        _text(order),
                        order.product.object_id,
                        order.product.class_name,
                        order.category,
                        JobState.QUEUED.value,
                        _now(),
                        self.revision,
                    ),
                )

    def new(self, orders: Sequence[WorkOrder]) -> list[WorkOrder]:
        """Return the orders that are not there yet; raise Refused as :meth:`add` does."""
        return [order for order in orders if not self._is_known(order)]

    def _is_known(self, order: WorkOrder) -> bool:
        row = self._db.execute("SELECT work FROM job WHERE order_id = ?", (order.order_id,))
        known = row.fetchone()
        if known is not None and known["work"] != _text(order):
            raise Refused(
                f"The order {order.order_id} is there with another content",
                do="Give the new order an id of its own",
                status=409,
            )
        return known is not None

    def _refuse_double(self, order: WorkOrder) -> None:
        open_states = (JobState.QUEUED.value, JobState.ACTIVE.value)
        other = self._db.execute(
            "SELECT order_id FROM job WHERE object_id = ? AND state IN (?, ?)",
            (order.product.object_id, *open_states),
        ).fetchone()
        if other is not None:
            raise Refused(
                f"{order.product.class_name} {order.product.object_id} is ordered already",
                do=f"Follow the job of order {other['order_id']}, or cancel it",
                status=409,
            )

    def order(self, order_id: str) -> WorkOrder:
        """Return an order; raise NotFound."""
        return WorkOrder.from_json(json.loads(self._row(order_id, "work")["work"]))

    def job(self, order_id: str) -> JobRecord:
        """Return a job; raise NotFound."""
        return _record(self._row(order_id, _COLUMNS))

    def lease(self, order_id: str) -> Lease | None:
        """Return the lease that the last attempt took, None if it took none."""
        held = self._row(order_id, "lease")["lease"]
        return Lease(**json.loads(held)) if held else None

    def n_lost(self, order_id: str) -> int:
        """Return how many attempts ended without a word or with a fault of the system."""
        return int(self._row(order_id, "n_lost")["n_lost"])

    def _row(self, order_id: str, columns: str) -> sqlite3.Row:
        row = self._db.execute(f"SELECT {columns} FROM job WHERE order_id = ?", (order_id,))
        found: sqlite3.Row | None = row.fetchone()
        if found is None:
            raise NotFound(
                f"There is no order {order_id[:80]}", do="See 'awlta jobs' for those there are"
            )
        return found

    def changed(self, after: int, state: JobState | None = None) -> list[JobRecord]:
        """Return the jobs that changed after a revision, in that order, one page."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM job WHERE revision > ? AND (? = '' OR state = ?) "
            "ORDER BY revision LIMIT ?",
            (after, *[state.value if state else ""] * 2, PAGE),
        )
        return [_record(row) for row in rows]

    def in_state(self, state: JobState, limit: int = -1) -> list[JobRecord]:
        """Return jobs in one state: by category, then in the order in which they came."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM job WHERE state = ? ORDER BY category, number LIMIT ?",
            (state.value, limit),
        )
        return [_record(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return the number of jobs in each state."""
        found = dict(self._db.execute("SELECT state, count(*) FROM job GROUP BY state").fetchall())
        return {state.value: found.get(state.value, 0) for state in JobState}

    def move(self, order_id: str, new: JobState, *, reason: str = "", code: str = "") -> JobRecord:
        """Move a job to another state.

        A start counts the attempt and forgets the lease of the one before.

        Raises
        ------
        NotFound, Refused
        """
        with self._writing():
            check_move(self.job(order_id).state, new, order_id)
            values: dict[str, Any] = {"state": new.value, "reason": reason, "code": code}
            if new is JobState.ACTIVE:
                values |= {"started": _now(), "ended": None, "lease": "", "runner": ""}
                self._db.execute(
                    "UPDATE job SET attempt = attempt + 1 WHERE order_id = ?", (order_id,)
                )
            elif new.is_final:
                values["ended"] = _now()
            self._set(order_id, values)
        return self.job(order_id)

    def started(self, order_id: str, runner: str) -> None:
        """Note what the back-end calls the runner of an active job."""
        with self._writing():
            self._set(order_id, {"runner": runner})

    def leased(self, order_id: str, lease: Lease) -> None:
        """Note the lease of the attempt that runs, and the product that it is for."""
        with self._writing():
            self._set(order_id, {"lease": json.dumps(vars(lease)), "object_id": lease.object_id})

    def lost(self, order_id: str) -> None:
        """Count an attempt that ended without a word or with a fault of the system."""
        with self._writing():
            self._db.execute("UPDATE job SET n_lost = n_lost + 1 WHERE order_id = ?", (order_id,))

    def _set(self, order_id: str, values: dict[str, Any]) -> None:
        self.revision += 1
        names = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(
            f"UPDATE job SET {names}, revision = ? WHERE order_id = ?",
            (*values.values(), self.revision, order_id),
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        before = self.revision
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self.revision = before
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _text(order: WorkOrder) -> str:
    return json.dumps(order.to_json(), sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _record(row: sqlite3.Row) -> JobRecord:
    return JobRecord.from_json({**dict(row), "class": row["class_name"]})

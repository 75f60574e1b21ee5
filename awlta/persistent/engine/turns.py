"""Processes that write one SQLite file take turns, in a queue of the kernel.

SQLite lets a second writer sleep and try again, longer each time, so that under load a process
may wait for seconds while others go by. Here it waits for a lock on a file beside the database,
and is woken when the writer before it is done. The lock orders writers and no more: what keeps
them apart is SQLite's own lock, so whoever cannot have a turn goes on without one. The kernel
takes a lock back from a process that dies; those who only read never ask for it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from ..watches import pause

ENDING = "-writers"
"""What the lock file is called, behind the name of the database."""


class Turns:
    """The queue of those who write one database file.

    A lock of POSIX belongs to a process: a child that was forked meanwhile does not keep it when
    its parent is killed. The threads of the process queue before it.

    Parameters
    ----------
    database : Path
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._threads = threading.Lock()
        self._descriptor: int | None = None

    def take(self) -> None:
        """Wait for the turn of this thread."""
        self._threads.acquire()
        try:
            fcntl.lockf(self._open(), fcntl.LOCK_EX)
        except OSError:  # no right to the file, or a circle of two databases: SQLite sees to it
            pass
        except BaseException:
            self._threads.release()
            raise

    def give(self) -> None:
        """Let the next one write."""
        try:
            if self._descriptor is not None:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _open(self) -> int:
        """Return the lock file, made for all who may write the database."""
        if self._descriptor is None:
            path = self._database.with_name(self._database.name + ENDING)
            with pause():
                mode = self._database.stat().st_mode & 0o777
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode)
        return self._descriptor

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

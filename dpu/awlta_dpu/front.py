"""The front-end's moving part: one thread that does all database work, and the keeper."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from awlta.errors import AwltaError, ConfigError
from awlta.processing import JobState

from .books import Books
from .desk import Desk
from .window import Window

AFTER_A_FAULT = 2.0
"""Seconds until the keeper tries again after a fault, such as a full disk."""

_T = TypeVar("_T")
_log = logging.getLogger("awlta.dpu")


class Front:
    """Desk and window behind one thread, and the loop that keeps jobs running.

    Parameters
    ----------
    books : Books
    desk : Desk
    poll_seconds : float, s
        How often the back-end is asked while something runs.
    worker : ThreadPoolExecutor
        The one thread in which the books were opened.
    """

    def __init__(
        self, books: Books, desk: Desk, poll_seconds: float, worker: ThreadPoolExecutor
    ) -> None:
        self.desk = desk
        self.window = Window(books)
        self._queue = books.queue
        self._poll_seconds = poll_seconds
        self._worker = worker
        self._changed = asyncio.Event()

    async def ask(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Do some work in the thread; who waits for changes is told if it made one."""
        before = self._queue.revision
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work, *arguments)
        finally:
            if self._queue.revision != before:
                self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def changes(self, after: int, state: JobState | None, seconds: float) -> dict[str, Any]:
        """Return jobs that changed after a revision, as soon as there are any."""
        end = time.monotonic() + seconds
        while True:
            changed = self._changed
            found = await self.ask(self.desk.jobs, after, state)
            left = end - time.monotonic()
            if found["jobs"] or left <= 0 or self.desk.is_draining:
                return found
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), left)

    async def keep(self) -> None:
        """Keep the back-end at work, for ever; raise ConfigError where that cannot go on."""
        while True:
            changed = self._changed
            try:
                busy = await self.ask(self.desk.step)
            except ConfigError:
                # Trying again would not help; whoever runs the front-end starts it anew.
                raise
            except (AwltaError, OSError, sqlite3.Error):
                _log.exception("The queue could not be looked after; trying again")
                await asyncio.sleep(AFTER_A_FAULT)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), self._poll_seconds if busy else None)

    async def drain(self, seconds: float) -> None:
        """Start nothing more, let what runs end within some time, queue the rest again."""
        self.desk.is_draining = True
        self._tell()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            changed = self._changed
            if not await self.ask(self.desk.step):
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(left, self._poll_seconds))
        await self.ask(self.desk.stop)

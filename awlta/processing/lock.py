"""One front-end a home: a lock that ends with its process, and the address of who holds it."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import closing
from pathlib import Path

from ..errors import Unreachable
from .client import DpuClient

LOCK = "dpu.lock"
"""File of a home that its front-end holds."""


class HomeLock:
    """The right to serve the queue of one home.

    Parameters
    ----------
    home : Path
        Folder of the profile; on a local disk.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / LOCK
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        """Take the lock if it is free; tell whether it is ours."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self._file, 0)
        return True

    def tell(self, url: str) -> None:
        """Write the address at which the holder of the lock serves."""
        os.pwrite(self._file, json.dumps({"url": url, "pid": os.getpid()}).encode(), 0)

    def holder(self) -> tuple[str, int] | None:
        """Return address and process of the holder, None if it has not told them yet."""
        try:
            told = json.loads(os.pread(self._file, 4096, 0))
            return str(told["url"]), int(told["pid"])
        except (ValueError, KeyError, TypeError):
            return None

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._file)


def serving(home: Path, token: str) -> str | None:
    """Return the address of the front-end that serves a home, None where none takes orders.

    It is asked only while it holds the lock: the token is not for others who got its port since.

    Raises
    ------
    Refused
        It has another token.
    """
    if not (home / LOCK).exists():
        return None
    with closing(HomeLock(home)) as lock:
        if lock.take():
            return None
        holder = lock.holder()
    return holder[0] if holder is not None and answers(holder[0], token) else None


def answers(url: str, token: str) -> bool:
    """Tell whether a front-end takes orders at an address; raise Refused as serving does."""
    with closing(DpuClient(url, token)) as client:
        try:
            return not client.health()["draining"]
        except Unreachable:
            return False

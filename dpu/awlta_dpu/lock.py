"""One front-end a home: a lock that ends with its process, and the address of who holds it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path


class HomeLock:
    """The right to serve the queue of one home.

    Parameters
    ----------
    home : Path
        Folder of the profile; on a local disk.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "dpu.lock"
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

"""A part: one file on its way in, written and digested block by block under a temporary name."""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path

from awlta.digest import Digester, Digests
from awlta.errors import BadValue, LeaseLost

_OBJECT_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,35}")
_MOST_ATTEMPTS = 999_999


def part_name(object_id: str, attempt: int, name: str) -> str:
    """Return the temporary name of a file: the object, its attempt, and the name it will have.

    An object_id has no dot, so the three cannot be confused, and with at most
    36 + 6 + 200 characters they fit into a file name.

    Raises
    ------
    BadValue
        If object_id or attempt is not what it must be.
    """
    if not _OBJECT_ID.fullmatch(object_id):
        raise BadValue(
            f"The object_id {object_id[:50]!r} cannot be used",
            expected="a UUID, or 1 to 36 letters, digits and dashes",
            do="Send the object_id of the intention in X-Awlta-Object, or in the query of a POST",
        )
    if not 1 <= attempt <= _MOST_ATTEMPTS:
        raise BadValue(
            f"The attempt {attempt} cannot be used",
            expected=f"1 to {_MOST_ATTEMPTS}",
            do="Count the attempts from 1 in X-Awlta-Attempt, or in the query of a POST",
        )
    return f"{object_id}.{attempt}.{name}"


class Part:
    """One file on its way in. A later part of the same path takes over from this one.

    Parameters
    ----------
    path : Path
        Where the bytes go.

    Raises
    ------
    LeaseLost
        If another transfer begins the same part at this very moment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digester = Digester()
        # The event loop discards what a worker thread may still be writing.
        self._use = threading.Lock()
        # Never truncate: after a kill between link and unlink the part is a second name of
        # the published file. A new inode also parts us from a transfer given up half-way.
        path.unlink(missing_ok=True)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError as error:
            raise self._lost() from error
        # Whoever publishes takes this lock first, so it never publishes a file in the writing.
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def append(self, blocks: Sequence[bytes]) -> None:
        """Write and digest the next blocks of the file; nothing after a discard."""
        with self._use:
            if self._fd < 0:
                return
            for block in blocks:
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
                self._digester.update(block)

    def finish(self) -> tuple[Digests, os.stat_result]:
        """Flush the file and return what was written, as digests and as the disk knows it.

        Raises
        ------
        LeaseLost
            If another transfer has taken over, or the part was discarded.
        """
        with self._use:
            if self._fd < 0 or not self._is_ours():
                raise self._lost()
            # Read-only from here on: stored files never change, not even by accident.
            os.fchmod(self._fd, 0o444)
            os.fsync(self._fd)
            written = os.fstat(self._fd)
            self._close()
        return self._digester.result(), written

    def discard(self) -> None:
        """Remove the part, unless another transfer has taken it over."""
        with self._use:
            if self._fd >= 0:
                if self._is_ours():
                    self.path.unlink(missing_ok=True)
                self._close()

    def _is_ours(self) -> bool:
        """Say whether the path still leads to the file that this transfer has opened."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        os.close(self._fd)
        self._fd = -1

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"Another transfer has taken over the part {self.path.name}",
            expected="one transfer for each object, attempt and name",
            do="Let the other one end, or store again with the next attempt",
        )

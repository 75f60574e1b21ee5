"""The shelf: files by name in one directory tree, by the crash rule.

::

    root/.part/<object_id>.<attempt>.<name>     on its way in
    root/data/<2 hex of sha256 of name>/<name>  the file, read-only, never replaced
    root/index.db                               the names that were acknowledged
    root/.quarantine/<time>/...                 what was set aside: parts, files without an owner
    root/.removed/<name>                        what is being removed

A name is acknowledged when its row is committed, and a row is committed only after the file
and its directory entry were flushed. A file without a row was cut off just before: it is
hashed again and entered, by the sweep at start or by whoever asks first.
Several processes may work on one root; nothing here relies on being alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from pathlib import Path
from typing import BinaryIO

from awlta.digest import Digester, Digests, blocks
from awlta.errors import BadName, DigestMismatch, NameTaken, NotFound, Refused, StorageFault
from awlta.storage.names import check_name

from .disk import flush, opened, unchanged
from .index import Held, NameIndex
from .part import Part, part_name
from .quarantine import set_aside, set_old_aside
from .removal import Removals

GRACE = 86_400.0
"""Seconds after which a part that nobody writes to counts as forgotten."""

_MOST_REMEMBERED = 4096


class Shelf:
    """Files by name under one root.

    Parameters
    ----------
    root : Path
        A directory on a local disk; made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._parts = root / ".part"
        self._parts.mkdir(parents=True, exist_ok=True)
        (root / "data").mkdir(exist_ok=True)
        # All at once, so that a store never has to flush more than one directory.
        for shard in range(256):
            (root / "data" / f"{shard:02x}").mkdir(exist_ok=True)
        flush(root / "data")
        self._index = NameIndex(root / "index.db")
        self._removals = Removals(root, self._index, self._path)
        flush(root)
        self._finished: dict[Path, tuple[os.stat_result, Digests]] = {}
        self._closing = threading.Event()
        self._sweeping = threading.Lock()

    def begin(self, name: str, object_id: str, attempt: int, size: int | None = None) -> Part:
        """Open a part for a file of ``size`` bytes.

        Raises
        ------
        BadName, BadValue
        StorageFault
            If the disk has no room for it.
        LeaseLost
            If the same part is begun elsewhere at this very moment.
        """
        path = self._parts / part_name(object_id, attempt, check_name(name))
        self.check_room(size or 0)
        self._finished.pop(path, None)
        return Part(path)

    def finish(self, part: Part) -> Digests:
        """Flush a part and return its digests, which :meth:`publish` will remember.

        Raises
        ------
        LeaseLost
            If another transfer has taken over.
        """
        digests, written = part.finish()
        if len(self._finished) >= _MOST_REMEMBERED:
            self._finished.pop(next(iter(self._finished)))
        self._finished[part.path] = (written, digests)
        return digests

    def publish(self, name: str, object_id: str, attempt: int, promised: Digests) -> bool:
        """Give a finished part its name for good; False if the same content was there.

        May be repeated: after a kill at any instant the same call ends in the same file.

        Raises
        ------
        NameTaken
            If the name exists with other content.
        DigestMismatch
            If the part is not what the sender promised; the part is removed.
        NotFound
            If there is neither the part nor the file.
        Refused
            If the part is still being written.
        """
        path = self._parts / part_name(object_id, attempt, check_name(name))
        held = self.find(name)
        if held is not None:
            _same_or_taken(name, promised, held)
            # A file that the disk has lost is put back by whoever sends it again.
            if self._path(name).exists():
                path.unlink(missing_ok=True)
                return False
        part = opened(path)
        if part is None:
            raise NotFound(
                f"There is no part of attempt {attempt} of {object_id} for {name}",
                expected="a part that was sent by PUT before",
                do="Send the file again",
                name=name,
            )
        with part:
            self._verify(path, part, promised)
            is_new = self._link(part, name)
        held = self._index.enter(name, promised) if is_new else self._adopt(name)
        _same_or_taken(name, promised, held)
        path.unlink(missing_ok=True)
        self._finished.pop(path, None)
        return is_new

    def known(self, name: str) -> Digests | None:
        """Return the digests of an acknowledged file, from the index alone."""
        return self._index.get(name)

    def find(self, name: str) -> Digests | None:
        """Return the digests of a file, entering it first if a kill kept it from the index."""
        held = self._index.get(name)
        if held is None and self._path(name).exists():
            held = self._adopt(name)
        return held

    def open(self, name: str, held: Digests) -> BinaryIO:
        """Open an acknowledged file for reading.

        Raises
        ------
        StorageFault
            If the disk no longer has it, or has it with another size.
        """
        file = opened(self._path(name))
        if file is None:
            raise _damaged(name, "is gone from the disk", held)
        size = os.fstat(file.fileno()).st_size
        if size != held.size:
            file.close()
            raise _damaged(name, f"has {size} bytes on the disk", held)
        return file

    def names(self, after: str, limit: int) -> list[Held]:
        """Return the next ``limit`` acknowledged files behind a name, in order of their names."""
        return self._index.after(after, limit)

    def parts(self) -> list[str]:
        """Return the names of the parts, whether they are on their way in or were left."""
        return sorted(os.listdir(self._parts))

    def set_aside(self, name: str) -> None:
        """Move an acknowledged file to the quarantine and forget its name; deletes nothing.

        May be repeated: after a kill at any instant the same call ends the same.

        Raises
        ------
        NotFound
            If there is no such file.
        """
        path = self._path(check_name(name))
        if self.find(name) is None:
            raise _absent(f"file {name}")
        if path.exists():
            set_aside(self.root, path)
        self._index.remove(name)

    def remove(self, name: str, sha256: str) -> bool:
        """Remove a file for good and forget its name; False if there is none.

        May be repeated: after a kill at any instant the same call, or the next start, ends in
        the same.

        Raises
        ------
        NameTaken
            If the name has other content than is to be removed.
        """
        held = self.find(check_name(name))
        if held is not None and held.sha256 != sha256:
            raise NameTaken(
                f"{name} has other content than is to be removed: sha256 {held.sha256}",
                expected=f"sha256 {sha256}",
                do="Look at its digests again: nothing was removed",
                name=name,
            )
        self._removals.remove(name)
        return held is not None

    def set_part_aside(self, name: str) -> None:
        """Move a part that nobody writes to to the quarantine.

        Raises
        ------
        NotFound
            If there is no such part.
        Refused
            If the part is being written.
        """
        path = self._parts / name
        part = opened(path) if name in self.parts() else None
        if part is None:
            raise _absent(f"part {name[:300]!r}")
        with part:
            _lock(part, path)
            set_aside(self.root, path)

    def totals(self) -> dict[str, int]:
        """Return the number of files, their bytes, and the bytes that are free."""
        n_files, size = self._index.totals()
        return {"n_files": n_files, "bytes": size, "free": self._free()}

    def check_room(self, size: int) -> None:
        """Raise a StorageFault if ``size`` more bytes do not fit on the disk."""
        free = self._free()
        if size > free:
            raise StorageFault(
                f"{size} bytes do not fit: {free} are free",
                expected="room for the file on the dataserver's disk",
                do="Store it on another dataserver, or let the operator add disk",
                full=True,
                free=free,
            )

    def sweep(self, grace: float = GRACE) -> tuple[int, int]:
        """Mend what a kill has left: files entered in the index, parts set aside, removals ended.

        Nothing else is deleted, and a part younger than ``grace`` seconds or still being written
        is left alone.

        Returns
        -------
        tuple of int
            Number of files entered and of parts moved to quarantine.
        """
        with self._sweeping:
            n_parts = set_old_aside(self.root, self._parts, time.time() - grace)
            self._removals.complete()
            n_files = 0
            for shard in sorted((self.root / "data").iterdir()):
                with os.scandir(shard) as entries:
                    for entry in entries:
                        if self._closing.is_set():
                            return n_files, n_parts
                        if self._is_unknown(shard, entry.name):
                            self._adopt(entry.name)
                            n_files += 1
        return n_files, n_parts

    def close(self) -> None:
        """End a sweep that is running and close the index."""
        self._closing.set()
        with self._sweeping:
            self._index.close()

    def _path(self, name: str) -> Path:
        shard = hashlib.sha256(name.encode()).hexdigest()[:2]
        return self.root / "data" / shard / name

    def _free(self) -> int:
        disk = os.statvfs(self.root)
        return disk.f_bavail * disk.f_frsize

    def _verify(self, path: Path, part: BinaryIO, promised: Digests) -> None:
        """Hold the lock of a part and compare its digests with those of the sender."""
        _lock(part, path)
        written, digests = self._finished.get(path, (None, None))
        on_disk = os.fstat(part.fileno())
        # Another process took the part in, or this one has been restarted since.
        if digests is None or written is None or not unchanged(written, on_disk):
            digests = _digest_flushed(part)
        if wrong := promised.differences(digests):
            path.unlink(missing_ok=True)
            raise DigestMismatch(
                f"The part {path.name} arrived with another {' and '.join(wrong)}",
                expected=f"sha256 {promised.sha256} of the sender, got {digests.sha256}",
                do="Send the file again; nothing was published",
                differences=wrong,
            )

    def _link(self, part: BinaryIO, name: str) -> bool:
        """Give the verified file its final name, durably; False if the name is taken."""
        path = self._path(name)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # The open file and not its path: by now that may lead to another transfer.
            # linkat follows /proc's link only when a directory is given beside it.
            os.link(f"/proc/self/fd/{part.fileno()}", path.name, dst_dir_fd=directory)
            os.fsync(directory)
        except FileExistsError:
            return False
        finally:
            os.close(directory)
        return True

    def _adopt(self, name: str) -> Digests:
        """Hash a file that stands under its final name and enter it in the index."""
        path = self._path(name)
        with open(path, "rb") as file:
            digests = _digest_flushed(file)
        flush(path.parent)
        held = self._index.enter(name, digests)
        if not path.exists():  # removed while it was hashed: the row must not outlive it
            self._index.remove(name)
        return held

    def _is_unknown(self, shard: Path, name: str) -> bool:
        """Say whether a directory entry is a file of ours that the index lacks."""
        try:
            check_name(name)
        except BadName:
            return False
        return self._path(name).parent == shard and self._index.get(name) is None


def _lock(part: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused(
            f"The part {path.name} is still being written",
            expected="a part whose PUT was answered",
            do="Wait for that answer, then publish",
        ) from error


def _same_or_taken(name: str, promised: Digests, held: Digests) -> None:
    if wrong := promised.differences(held):
        raise NameTaken(
            f"{name} exists with another {' and '.join(wrong)}: sha256 {held.sha256}",
            expected=f"the same content, sha256 {promised.sha256}, or a name not yet used",
            do="Give the new content a new name; stored files never change",
            name=name,
            differences=wrong,
        )


def _digest_flushed(file: BinaryIO) -> Digests:
    """Flush a file and read it from its beginning for its digests."""
    os.fsync(file.fileno())
    digester = Digester()
    for block in blocks(file):
        digester.update(block)
    return digester.result()


def _absent(what: str) -> NotFound:
    return NotFound(
        f"There is no {what}", expected="one that is listed", do="List again: it may have gone"
    )


def _damaged(name: str, how: str, held: Digests) -> StorageFault:
    return StorageFault(
        f"{name} {how}",
        expected=f"{held.size} bytes with sha256 {held.sha256}, as acknowledged",
        do="Retrieve another replica, and let the operator check this disk",
        name=name,
    )

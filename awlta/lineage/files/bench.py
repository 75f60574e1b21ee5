"""The bench: where one recipe works, with its scratch folder and the files it wrote."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import AlreadyMade, NotFound
from ...persistent.watches import pause
from ...storage.client import DataClient
from ...storage.intent import Lease, process_started
from .filed import FileRecord, file_name

_MARK = "bench"


@dataclass
class Bench:
    """The place where one recipe works: its scratch folder and the files it wrote.

    Attributes
    ----------
    product : DataProduct
    scratch : Path
    client : callable
        Gives the client of the dataserver.
    begin : callable
        Writes the intent; called when the first file is created.
    lease : Lease or None
    outputs : dict
        Role to (path, ending) of each file created.
    is_touched : bool
        Whether something may be in the scratch folder.
    """

    product: Any
    scratch: Path
    client: Callable[[], DataClient]
    begin: Callable[[], Lease]
    lease: Lease | None = None
    outputs: dict[str, tuple[Path, str]] = field(default_factory=dict)
    is_touched: bool = False

    def touch(self) -> None:
        """Have the scratch folder ready for what is put into it next."""
        if not self.is_touched:
            self.is_touched = True
            os.makedirs(self.scratch, mode=0o700, exist_ok=True)

    def claim(self) -> Lease:
        """Have the intent written, once.

        Work that a killed process left is taken over under the object_id that it had.
        """
        if self.lease is None:
            with pause():
                self.lease = self.begin()
                self.product.__dict__["object_id"] = self.lease.object_id
        return self.lease

    def create(self, ending: str, role: str) -> Path:
        """Return the path of a new output."""
        if role in self.outputs:
            raise AlreadyMade(f"The file for {role!r} of {self.product!r} was created before")
        self.claim()
        self.touch()
        path = self.scratch / file_name(self.product, ending, role, 1)
        self.outputs[role] = (path, ending)
        return path

    def output(self, role: str) -> Path:
        """Return the path of an output that the recipe has written, to be verified."""
        if role not in self.outputs:
            raise NotFound(
                f"{self.product!r} has created no file for {role!r}",
                expected=", ".join(self.outputs) or "nothing: no file was created",
            )
        return self.outputs[role][0]

    def retrieve(self, record: FileRecord) -> Path:
        """Bring an input into the scratch folder, once."""
        self.touch()
        path = self.scratch / record.name
        if not path.exists():
            with pause():
                self.client().retrieve(record.name, path, expect=record.digests)
        return path


class AtBench:
    """A block at a bench with an empty scratch folder.

    Parameters
    ----------
    product : DataProduct
    begin : callable
        Writes the intent.
    client : callable
    root : Path or None
        Where scratch folders are; by default the system's folder for temporary files.
    tell : callable
        Told the bench, and at the end None.
    """

    def __init__(
        self,
        product: Any,
        begin: Callable[[], Lease],
        client: Callable[[], DataClient],
        root: Path | None,
        tell: Callable[[Bench | None], None],
    ) -> None:
        self._root = tempfile.gettempdir() if root is None else str(root)
        self._tell = tell
        self._bench = Bench(product, _take(self._root), client, begin)

    def __enter__(self) -> Bench:
        self._tell(self._bench)
        return self._bench

    def __exit__(self, *_: object) -> None:
        self._tell(None)
        _give_back(self._root, self._bench)


_idle: dict[str, list[Path]] = {}
"""Scratch folders of this process that nothing was put into, by their root, to be used again."""


def _take(where: str) -> Path:
    """Return an empty scratch folder; the first of a process takes away what dead ones left."""
    idle = _idle.get(where)
    if idle:
        return idle.pop()
    root = Path(where)
    root.mkdir(parents=True, exist_ok=True)
    host, me = socket.gethostname(), os.getpid()
    for left in root.glob(f"{_MARK}.{host}.*"):
        pid, started = left.name.split(".")[-3:-1]
        if process_started(int(pid)) != started:
            shutil.rmtree(left, ignore_errors=True)
    name = f"{_MARK}.{host}.{me}.{process_started(me)}.{secrets.token_hex(4)}"
    folder = root / name
    folder.mkdir(mode=0o700)
    return folder


def _give_back(root: str, bench: Bench) -> None:
    """Keep a folder that nothing was put into for the next recipe; take another one away."""
    if bench.is_touched:
        shutil.rmtree(bench.scratch, ignore_errors=True)
    else:
        _idle.setdefault(root, []).append(bench.scratch)


@atexit.register
def _leave() -> None:
    """Take the idle folders of this process away."""
    for folder in [f for folders in _idle.values() for f in folders]:
        shutil.rmtree(folder, ignore_errors=True)


def _forget() -> None:
    """Forget the folders of the parent in a forked child."""
    _idle.clear()


os.register_at_fork(after_in_child=_forget)

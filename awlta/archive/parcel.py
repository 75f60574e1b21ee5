"""Export and import: a whole database, or products with all they were made from, in one file.

Rows travel as :mod:`awlta.persistent.transfer.sending` and
:mod:`awlta.persistent.transfer.receiving` do it; here the files' bytes go along, and the content of
every product is worked out again. Files first, then rows: a kill leaves files that a second import
finds, never rows without them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from ..digest import Digests, blocks
from ..errors import AwltaError, DigestMismatch
from ..lineage import DataProduct, FileRecord, Workspace
from ..lineage.making.work import content_of
from ..persistent import Persistent, new_object_id
from ..persistent.engine.retry import retried
from ..persistent.transfer.checking import check_parcel
from ..persistent.transfer.container import Packing, Parcel, packing
from ..persistent.transfer.receiving import Arrival, Received
from ..persistent.transfer.sending import send_rows
from ..storage.intent import Lease, State, begin, move

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many of them are done, and how many there are."""

_ASKED_SINGLY = 500
"""Names up to which the dataserver is asked for each; more are compared with its list."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes
    ----------
    path : str
    objects : int
    hidden : int
        Objects outside the read scope that stayed behind.
    files, bytes : int
        Files that went along, and their bytes.
    """

    path: str
    objects: int
    hidden: int
    files: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the numbers by their names."""
        return asdict(self)


def _quiet(what: str, done: int, whole: int) -> None:
    """Show nothing."""


def export_parcel(
    workspace: Workspace,
    path: Path,
    objects: Iterable[str] | None = None,
    *,
    with_files: bool = False,
    progress: Progress = _quiet,
) -> Exported:
    """Write objects, with everything they were made from, into one file.

    Parameters
    ----------
    workspace : Workspace
    path : Path
        The new file.
    objects : iterable of str, optional
        object_ids; by default everything that may be read.
    with_files : bool
        Let the bytes of the files go along.
    progress : callable, optional

    Raises
    ------
    NameTaken, NotFound, StorageFault, Unreachable
    """
    with packing(path) as parcel:
        facts = send_rows(workspace, parcel, objects)
        n_files = n_bytes = 0
        if with_files:
            n_files, n_bytes = _pack_files(workspace, parcel, progress)
        parcel.finish({**facts, "files": {"number": n_files, "bytes": n_bytes}})
        number = parcel.rows["product"]
    return Exported(str(path), number, facts["n_hidden"], n_files, n_bytes)


def _pack_files(workspace: Workspace, parcel: Packing, progress: Progress) -> tuple[int, int]:
    """Write the bytes of every file that has not been purged, each content once."""
    rows = parcel.connection.execute(
        "SELECT name, size, sha256, adler32, count(*) FROM file WHERE product NOT IN "
        "(SELECT product FROM standing WHERE kind = 'purged') GROUP BY sha256 ORDER BY id"
    ).fetchall()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for number, (name, size, sha256, adler32, _) in enumerate(rows, 1):
            expected = Digests(size, sha256.hex(), adler32.hex())
            workspace.client().retrieve(name, path, expect=expected)
            with open(path, "rb") as stream:
                parcel.add_content(sha256, blocks(stream))
            progress("files", number, len(rows))
    return sum(row[4] for row in rows), sum(row[1] * row[4] for row in rows)


def import_parcel(
    workspace: Workspace,
    path: Path,
    *,
    dry_run: bool = False,
    as_mine: bool = False,
    progress: Progress = _quiet,
) -> Received:
    """Write what a parcel holds and is not here yet, in one transaction, after checking it whole.

    Parameters
    ----------
    workspace : Workspace
    path : Path
    dry_run : bool
        Check, and tell what would be written.
    as_mine : bool
        Write everything for one's own user, project and level.
    progress : callable, optional

    Raises
    ------
    BadInput
        The file is damaged, or holds classes that are not known here as they are there.
    Refused
        An object is here with another content, or may not be written.
    """
    parcel = Parcel(path)
    try:
        check_parcel(parcel, _digest_of)
        _check_files(parcel)
        arrival = Arrival(workspace, parcel, as_mine=as_mine)
        with workspace.database.read() as connection:
            received = arrival.recognise(connection)
        if dry_run or not (received.new or received.known):
            return received
        return _receive(workspace, parcel, arrival, progress)
    finally:
        parcel.close()


def _receive(
    workspace: Workspace, parcel: Parcel, arrival: Arrival, progress: Progress
) -> Received:
    """Store the files that are needed, then write the rows."""
    wanted = _wanted_files(parcel)
    lease = _begin(workspace, parcel, [name for name, _, _ in wanted])
    try:
        for number, (name, object_id, digests) in enumerate(wanted, 1):
            _store(workspace, parcel, name, object_id, digests)
            progress("files", number, len(wanted))
        if lease is not None:
            move(workspace, lease, State.VERIFIED)
        received = _write_rows(workspace, arrival, lease)
    except BaseException as error:
        if lease is not None:
            _fail(workspace, lease, error)
        raise
    return replace(received, files=len(wanted), bytes=sum(d.size for _, _, d in wanted))


@retried
def _write_rows(workspace: Workspace, arrival: Arrival, lease: Lease | None) -> Received:
    received = arrival.prepare()
    with workspace.database.write() as connection:
        workspace.database.serialise(connection, "import")
        received = arrival.write(connection, received)
        if lease is not None:
            move(workspace, lease, State.ARCHIVED, connection=connection)
    return received


def _begin(workspace: Workspace, parcel: Parcel, names: list[str]) -> Lease | None:
    """Write the intent under which files are stored, none where there are none."""
    if not names:
        return None
    lease = begin(
        workspace,
        object_id=new_object_id(),
        kind="import",
        class_name="Parcel",
        work=parcel.name,
        names=names,
    )
    move(workspace, lease, State.TRANSFERRING, names=names)
    return lease


def _fail(workspace: Workspace, lease: Lease, error: BaseException) -> None:
    try:
        move(workspace, lease, State.FAILED, reason=str(error))
    except AwltaError as another:
        error.add_note(f"That it failed could not be recorded: {another}")


def _digest_of(obj: Persistent, files: Iterable[Any], later: Collection[str]) -> str | None:
    """Return the content digest of a product from its attributes and the rows of its files.

    It is left out what its class has gained later.
    """
    if not isinstance(obj, DataProduct):
        return None
    records = [
        FileRecord(role, name, size, sha256.hex(), adler32.hex(), content.hex(), media_type)
        for role, name, size, sha256, adler32, content, media_type in files
    ]
    return content_of(obj, records, later)


def _check_files(parcel: Parcel) -> None:
    """Compare the bytes that came along with the rows of their files."""
    rows = parcel.connection.execute("SELECT DISTINCT sha256 FROM _content").fetchall()
    known = {row[0] for row in parcel.connection.execute("SELECT sha256 FROM file")}
    for (sha256,) in rows:
        digest = hashlib.sha256()
        for block in _blocks(parcel, sha256):
            digest.update(block)
        if digest.digest() != sha256 or sha256 not in known:
            raise parcel.damaged(f"the file with sha256 {sha256.hex()} is not what its row says")


def _blocks(parcel: Parcel, sha256: bytes) -> Iterator[bytes]:
    statement = "SELECT bytes FROM _content WHERE sha256 = ? ORDER BY position"
    return (row[0] for row in parcel.connection.execute(statement, (sha256,)))


def _wanted_files(parcel: Parcel) -> list[tuple[str, str, Digests]]:
    """Return name, owner and digests of the files that came along for objects that are new."""
    rows = parcel.connection.execute(
        "SELECT f.name, p.object_id, f.size, f.sha256, f.adler32 FROM file f "
        "JOIN product p ON p.id = f.product WHERE p.id NOT IN (SELECT old FROM map) "
        "AND f.sha256 IN (SELECT sha256 FROM _content) ORDER BY f.id"
    )
    return [
        (name, str(UUID(bytes=raw)), Digests(size, sha256.hex(), adler32.hex()))
        for name, raw, size, sha256, adler32 in rows
    ]


def _store(
    workspace: Workspace, parcel: Parcel, name: str, object_id: str, digests: Digests
) -> None:
    with tempfile.NamedTemporaryFile() as draft:
        for block in _blocks(parcel, bytes.fromhex(digests.sha256)):
            draft.write(block)
        draft.flush()
        stored = workspace.client().store(Path(draft.name), name, object_id=object_id)
    if wrong := stored.differences(digests):
        raise DigestMismatch(
            f"{name} was stored with another {' and '.join(wrong)}",
            expected=f"sha256 {digests.sha256}",
            do="Compare the parcel with its source",
        )


def absent_files(workspace: Workspace, path: Path) -> list[str]:
    """Return the names of a parcel's files that the dataserver does not hold.

    Raises
    ------
    BadInput, Unreachable
    """
    parcel = Parcel(path)
    try:
        statement = (
            "SELECT name FROM file WHERE product NOT IN "
            "(SELECT product FROM standing WHERE kind = 'purged') ORDER BY name"
        )
        names = [row[0] for row in parcel.connection.execute(statement)]
    finally:
        parcel.close()
    client = workspace.client()
    if len(names) <= _ASKED_SINGLY:
        return [name for name in names if client.head(name) is None]
    held = {name for name, _ in client.names()}
    return [name for name in names if name not in held]

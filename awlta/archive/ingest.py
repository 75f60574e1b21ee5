"""Ingest: a file comes in, is announced, carried, compared and committed, or nothing is.

The steps: digests of the source; a ticket; the SIP, written or given, checked by schema and
content and against the file; the transfer; comparison of source, SIP and dataserver; one
transaction for product, activity, file and ticket. A ticket that fails keeps its reason, and
the same call takes the work up again under the same object_id.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from .. import __version__
from ..digest import Digests, digest_file, digest_text
from ..errors import (
    AwltaError,
    BadInput,
    DigestMismatch,
    DocumentFault,
    DocumentRefused,
    NotFound,
)
from ..lineage import FileRecord, Workspace, block
from ..lineage.activity import Activity, host, instruction_set, now
from ..lineage.product import content_of, file_name
from ..persistent import find_class, new_object_id, tables
from ..storage.intent import Lease, State, begin
from . import sip
from .ingested import Ingested, recognise, sip_attributes
from .tickets import move_ticket, open_ticket

RECIPE = "awlta.archive.ingest:ingest"
LARGEST_SIP = 1 << 20


@dataclass(frozen=True)
class Ingest:
    """What became of one file.

    Attributes
    ----------
    product : Ingested
    is_new : bool
        False where the same bytes were in the archive before.
    ticket : int or None
    """

    product: Any
    is_new: bool
    ticket: int | None


def ingest(
    workspace: Workspace,
    path: Path,
    *,
    document: bytes | None = None,
    progress: Callable[[int], None] | None = None,
) -> Ingest:
    """Bring a file into the archive.

    Parameters
    ----------
    workspace : Workspace
    path : Path
    document : bytes, optional
        SIP that announces the file; by default one is written from what the file says.
    progress : callable, optional
        Told the bytes sent so far.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput, DocumentRefused
        The file or the SIP cannot be used; the ticket failed with the reason.
    DigestMismatch
        The bytes that arrived are not those announced.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}", do="Check the path")
    measured = digest_file(path)
    known = _archived(workspace, measured)
    if known is not None:
        return Ingest(known, False, None)
    source = f"{socket.gethostname()}:{path.absolute()}"
    announced = _announced_id(document)
    lease = begin(
        workspace,
        object_id=announced or new_object_id(),
        kind="ingest",
        class_name="file",
        work=digest_text("ingest", measured.sha256, workspace.profile.project, announced or ""),
        names=[],
    )
    number = open_ticket(workspace, lease, source)
    try:
        product = _carry(workspace, lease, number, path, measured, document, source, progress)
    except BaseException as error:  # a keyboard interrupt ends the attempt too
        reason = f"{type(error).__name__}: {error}"
        move_ticket(workspace, lease, number, State.FAILED, why=reason)
        if isinstance(error, AwltaError):
            error.facts["ticket"] = number
        raise
    return Ingest(product, True, number)


def _announced_id(document: bytes | None) -> str | None:
    """Return the object_id that a SIP gives, None where it leaves that to the archive."""
    if document is None:
        return None
    identifier = sip.read_sip(document).product.identifier
    return identifier.value if identifier.source == "awlta" else None


def _archived(workspace: Workspace, measured: Digests) -> Any:
    """Return the ingested product that has these bytes already, None if there is none."""
    f, p = tables.file, tables.product
    raw = bytes.fromhex(measured.sha256)
    statement = (
        select(p.c.id, p.c.class_name)
        .select_from(f.join(p, p.c.id == f.c.product))
        .where(f.c.sha256 == raw, f.c.size == measured.size, workspace.context.scope(p))
    )
    with workspace.database.read() as connection:
        found = connection.execute(statement).all()
    owned = [(k, n) for k, n in found if issubclass(find_class(n), Ingested)]
    return workspace.load(owned[:1])[0] if owned else None


def _carry(
    workspace: Workspace,
    lease: Lease,
    number: int,
    path: Path,
    measured: Digests,
    document: bytes | None,
    source: str,
    progress: Callable[[int], None] | None,
) -> Any:
    started = now()
    product = recognise(path).from_file(path)
    product.__dict__["object_id"] = lease.object_id
    format_name, media_type, ending = product.format()
    name = file_name(product, ending, "data", 1)
    if document is None:
        document = write_document(workspace, product, measured, name)
    _compare(document, product, path.name, name, measured)
    text = document.decode()
    move_ticket(workspace, lease, number, State.TRANSFERRING, destination=name, sip=text)
    stored = workspace.client().store(
        path, name, object_id=lease.object_id, attempt=lease.attempt, progress=progress
    )
    if different := stored.differences(measured):
        raise DigestMismatch(
            f"{path.name} arrived with other {', '.join(different)}",
            expected="the bytes that the SIP announced",
            do="Is the file still being written? Ingest it again when it is complete",
        )
    move_ticket(workspace, lease, number, State.VERIFIED)
    content = block.content_digest(path)
    record = FileRecord(
        "data", name, stored.size, stored.sha256, stored.adler32, content, media_type
    )
    activity = _activity(workspace, number, document, source, format_name, started)
    _commit(workspace, lease, number, product, record, activity)
    return product


def _commit(
    workspace: Workspace,
    lease: Lease,
    number: int,
    product: Any,
    record: FileRecord,
    activity: Activity,
) -> None:
    """Commit product, activity, file and ticket in one transaction."""
    release = workspace.release_key()
    with workspace.unit() as unit:
        move_ticket(workspace, lease, number, State.ARCHIVED, unit=unit)
        environment = unit.add(workspace.environment())
        key = workspace.add_activity(
            unit, activity, product.object_id, release=release, environment=environment
        )
        product_key = unit.add(product, activity=key, content_digest=content_of(product, [record]))
        workspace.add_files(unit, product_key, [record])


def _activity(
    workspace: Workspace,
    number: int,
    document: bytes,
    source: str,
    format_name: str,
    started: Any,
) -> Activity:
    return Activity(
        kind="ingest",
        recipe=RECIPE,
        recipe_version="1",
        recipe_digest=digest_text("ingest", __version__),
        host=host(),
        instruction_set=instruction_set(),
        operator=workspace.profile.user,
        started=started,
        ended=now(),
        facts={
            "ticket": number,
            "sip_sha256": hashlib.sha256(document).hexdigest(),
            "source": source,
            "format": format_name,
        },
    )


def write_document(workspace: Workspace, product: Any, measured: Digests, name: str) -> bytes:
    """Return the SIP that announces a file, from what the file says of itself."""
    format_name, media_type, _ = product.format()
    kind, process_name = product.process()
    inputs = tuple(
        sip.ProcessInput(sip.Identifier("awlta", target.object_id), role, is_external=True)
        for role, _, target in product.linked(inputs_only=True)
    )
    process = sip.ProcessDescription(
        identifier=sip.Identifier("awlta", f"process-of-{product.object_id}"),
        kind=kind,
        name=process_name,
        version="unknown" if kind is sip.ProcessKind.SIMULATION else "",
        start=getattr(product, "start", None),
        end=getattr(product, "stop", None),
        telescopes=tuple(t.name for t in getattr(product, "telescopes", ())),
        inputs=inputs,
    )
    described = sip.ProductDescription(
        identifier=sip.Identifier("awlta", product.object_id),
        class_name=type(product).__name__,
        level="DL0",
        process=process.identifier,
        access=sip.AccessRights(level=workspace.profile.privileges),
        files=(
            sip.FileDescription(
                name=name,
                size=measured.size,
                sha256=measured.sha256,
                adler32=measured.adler32,
                media_type=media_type,
                format_name=format_name,
            ),
        ),
        category=product.category,
        attributes=sip_attributes(product),
    )
    return sip.write_sip(
        sip.Sip(
            generator=sip.Generator("awlta", __version__),
            created=now(),
            project=sip.Project(workspace.profile.project),
            submitter=workspace.profile.user,
            product=described,
            processes=(process,),
        )
    )


def _compare(
    document: bytes, product: Ingested, delivered: str, name: str, measured: Digests
) -> None:
    """Raise DocumentRefused with every difference between a SIP and the file it announces."""
    announced = sip.read_sip(document)
    described = announced.product
    faults = []
    if len(described.files) != 1:
        faults.append(_fault("files", f"{len(described.files)} files announced, 1 delivered"))
    file = described.files[0]
    if file.name not in (delivered, name):
        faults.append(_fault("files/file", f"name {file.name}, delivered {delivered}"))
    faults += sip.check_files(announced, {file.name: measured})
    if described.class_name != type(product).__name__:
        faults.append(
            _fault("product", f"class {described.class_name}, the file is {type(product).__name__}")
        )
    mine = {v.name: v for v in sip_attributes(product)}
    for value in described.attributes:
        have = mine.get(value.name)
        if have is None:
            faults.append(_fault(f"attributes/{value.name}", "the class has no such attribute"))
        elif value.name != "original_name" and have.value != value.value:
            faults.append(
                _fault(f"attributes/{value.name}", f"{value.value}, the file says {have.value}")
            )
    if faults:
        raise DocumentRefused("The SIP", faults, do="Mend the SIP, or deliver the file it means")


def _fault(place: str, message: str) -> DocumentFault:
    return DocumentFault(message, None, f"/sip/product/{place}")


def read_document(path: Path) -> bytes:
    """Return the bytes of a SIP file; raise BadInput where it is larger than a SIP may be."""
    if not path.is_file():
        raise NotFound(f"There is no SIP {path}", do="Check the path")
    size = path.stat().st_size
    if size > LARGEST_SIP:
        raise BadInput(f"{path.name} has {size} bytes", expected=f"a SIP of up to {LARGEST_SIP}")
    return path.read_bytes()

"""Ingest: a file comes in, is announced, carried, compared and committed, or nothing is.

The steps: digests of the source; a ticket; the SIP, written or given, checked by schema and
content and against the file; the transfer; comparison of source, SIP and dataserver; one
transaction for product, activity, file and ticket. A ticket that fails keeps its reason, and
the same call takes the work up again under the same object_id: the work goes by the object_id
that the SIP gives, else by the bytes of the file.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from .. import __version__
from ..digest import Digests, digest_file, digest_text
from ..errors import AwltaError, BadInput, DigestMismatch, DocumentRefused, NotFound, Refused
from ..lineage import FileRecord, Workspace
from ..lineage.files import block
from ..lineage.files.filed import file_name
from ..lineage.making.activity import Activity, host, instruction_set, now
from ..lineage.making.work import content_of
from ..persistent import new_object_id, registry, tables
from ..persistent.engine.retry import retried
from ..storage.client import DataClient
from ..storage.intent import Lease, State, begin
from . import sip
from .announcement import compare, write_document
from .ingested import Ingested, product_of
from .tickets import move_ticket, open_ticket

RECIPE = "awlta.archive.ingest:ingest"


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


@dataclass(frozen=True)
class _Delivery:
    """One file on its way in: where it came from, what its bytes are, under which ticket."""

    path: Path
    measured: Digests
    source: str
    lease: Lease
    ticket: int
    started: datetime = field(default_factory=now)


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
        Told the number of bytes just sent.

    Raises
    ------
    NotFound, BadInput
        There is no such file, or it cannot be read: nothing that a ticket could be about.
    BadInput, DocumentRefused
        The file or the SIP cannot be used; the ticket failed with the reason.
    DigestMismatch
        The bytes that arrived are not those announced.
    Refused
        Another process brings in the same file now.
    """
    measured = _measure(path)
    known = _archived(workspace, measured)
    if known is not None:
        return Ingest(known, False, None)
    source = f"{socket.gethostname()}:{path.absolute()}"
    announced = None if document is None else _announced_id(document)
    lease = begin(
        workspace,
        object_id=announced or new_object_id(),
        kind="ingest",
        class_name="file",
        work=digest_text("ingest", announced or measured.sha256, workspace.context.project),
        names=[],
    )
    delivery = _Delivery(path, measured, source, lease, open_ticket(workspace, lease, source))
    try:
        product = _carry(workspace, delivery, document, progress)
    except BaseException as error:  # a keyboard interrupt ends the attempt too
        _fail(workspace, delivery, error)
        raise
    return Ingest(product, True, delivery.ticket)


def _measure(path: Path) -> Digests:
    """Return the digests of a file that is to come in."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise BadInput(
            f"The file name {str(path)!a} is not UTF-8", do="Give the file another name"
        ) from None
    try:
        if not path.is_file():
            raise NotFound(f"There is no file {path}", do="Check the path")
        return digest_file(path)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}", do="Check its permissions and its disk"
        ) from error


def _fail(workspace: Workspace, delivery: _Delivery, error: BaseException) -> None:
    """Write the reason on the ticket; the error itself stays what the caller sees."""
    reason = f"{type(error).__name__}: {error}"
    try:
        move_ticket(workspace, delivery.lease, delivery.ticket, State.FAILED, why=reason)
    except AwltaError as another:
        error.add_note(f"That it failed could not be recorded: {another}")
    if isinstance(error, AwltaError):
        error.facts["ticket"] = delivery.ticket


def _announced_id(document: bytes) -> str | None:
    """Return the object_id that a SIP gives, None where it cannot be read."""
    try:
        return sip.read_sip(document).product.identifier.value
    except DocumentRefused:
        return None  # the ticket, which is opened for the file, will tell why


def _archived(workspace: Workspace, measured: Digests) -> Any:
    """Return the ingested product that has these bytes already, None if there is none."""
    f, p = tables.file, tables.product
    raw = bytes.fromhex(measured.sha256)
    statement = (
        select(p.c.id, p.c.class_name)
        .select_from(f.join(p, p.c.id == f.c.product))
        .where(f.c.sha256 == raw, f.c.size == measured.size, workspace.context.scope(p))
        .where(workspace.context.living(p))
    )
    with workspace.database.read() as connection:
        found = connection.execute(statement).all()
    owned = [(k, n) for k, n in found if issubclass(registry.get(n, object), Ingested)]
    return workspace.load(owned[:1])[0] if owned else None


def _carry(
    workspace: Workspace,
    delivery: _Delivery,
    document: bytes | None,
    progress: Callable[[int], None] | None,
) -> Any:
    path, measured, lease = delivery.path, delivery.measured, delivery.lease
    given = None if document is None else sip.read_sip(document)
    product = product_of(path)
    product.__dict__["object_id"] = lease.object_id
    format_name, media_type, ending = product.format()
    client = workspace.client()
    name = _free_name(client, product, ending, delivery)
    if document is None or given is None:
        document = write_document(workspace, product, measured, name)
    else:
        compare(given, product, workspace.context, {path.name, name}, measured)
        product.category = given.product.category or product.category
    content = block.content_digest(path)  # before it is sent: a change is noticed then
    move_ticket(
        workspace,
        lease,
        delivery.ticket,
        State.TRANSFERRING,
        destination=name,
        sip=document.decode(),
    )
    stored = client.store(
        path, name, object_id=lease.object_id, attempt=lease.attempt, progress=progress
    )
    if different := stored.differences(measured):
        raise DigestMismatch(
            f"{path.name} arrived with other {', '.join(different)}",
            expected="the bytes that were there when it was announced",
            do="Is the file still being written? Ingest it again when it is complete",
        )
    move_ticket(workspace, lease, delivery.ticket, State.VERIFIED)
    record = FileRecord(
        "data", name, stored.size, stored.sha256, stored.adler32, content, media_type
    )
    activity = _activity(workspace, delivery, document, format_name)
    _commit(workspace, delivery, product, record, activity)
    return product


def _free_name(client: DataClient, product: Any, ending: str, delivery: _Delivery) -> str:
    """Return the name of a product's file, with the attempt where one before left other bytes."""
    first, attempt = file_name(product, ending, "data", 1), delivery.lease.attempt
    held = client.head(first) if attempt > 1 else None
    if held is None or held == delivery.measured:
        return first
    return file_name(product, ending, "data", attempt)


@retried
def _commit(
    workspace: Workspace,
    delivery: _Delivery,
    product: Any,
    record: FileRecord,
    activity: Activity,
) -> None:
    """Commit product, activity, file and ticket in one transaction."""
    release = workspace.release_key()
    with workspace.unit(durable=True) as unit:
        move_ticket(workspace, delivery.lease, delivery.ticket, State.ARCHIVED, unit=unit)
        # The unit has taken a key, so others that would commit wait, or are seen.
        if (twin := _archived(workspace, delivery.measured)) is not None:
            raise Refused(
                f"{delivery.path.name} was archived meanwhile, as {twin.object_id}",
                do="Nothing is to be done: the archive has it",
            )
        environment = unit.add(workspace.environment())
        key = workspace.add_activity(
            unit, activity, product.object_id, release=release, environment=environment
        )
        product_key = unit.add(product, activity=key, content_digest=content_of(product, [record]))
        workspace.add_files(unit, product_key, [record])


def _activity(
    workspace: Workspace, delivery: _Delivery, document: bytes, format_name: str
) -> Activity:
    return Activity(
        kind="ingest",
        recipe=RECIPE,
        recipe_version="1",
        recipe_digest=digest_text("ingest", __version__),
        host=host(),
        instruction_set=instruction_set(),
        operator=workspace.profile.user,
        started=delivery.started,
        ended=now(),
        facts={
            "ticket": delivery.ticket,
            "sip_sha256": hashlib.sha256(document).hexdigest(),
            "source": delivery.source,
            "format": format_name,
        },
    )

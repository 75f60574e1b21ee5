"""The software release as a product: activities link it, and its sources are in the archive."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ...digest import digest_text
from ...errors import AwltaError, Refused
from ...persistent import Attribute, persistent, tables
from ...persistent.attributes.codecs import Sha256
from ...persistent.engine.retry import retried
from ...storage.intent import Lease, State, begin, move
from ..files.filed import FileRecord, file_name
from ..product import DataProduct
from ..recipes.sources import Release
from .work import content_of

_WAIT_SECONDS = 30.0


class SoftwareRelease(DataProduct):
    """The sources of awlta and of the recipe packages, as they ran."""

    version: Attribute[str] = persistent("version of awlta")
    digest: Attribute[Sha256] = persistent("sha256 over names and digests of all source files")


def ensure_release(workspace: Any, release: Release) -> int:
    """Return the key of the release, which is stored and committed if it is new here.

    One that some of those cannot read who will read what is made now does not serve.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        known = _known(workspace, release.digest)
        if known is not None:
            return known
        obj = SoftwareRelease(version=release.version, digest=Sha256(release.digest), category="C")
        try:
            lease = begin(
                workspace,
                object_id=obj.object_id,
                kind="release",
                class_name="SoftwareRelease",
                work=digest_text("release", release.digest),
                names=[],
            )
        except Refused:  # another process is storing it
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
            continue
        obj.__dict__["object_id"] = lease.object_id
        try:
            return _store(workspace, release, obj, lease)
        except BaseException as error:
            with contextlib.suppress(AwltaError):
                move(workspace, lease, State.FAILED, reason=str(error))
            raise


def _known(workspace: Any, digest: str) -> int | None:
    same = SoftwareRelease.select(SoftwareRelease.digest == Sha256(digest))
    p = tables.product
    statement = (
        select(p.c.id)
        .where(p.c.id.in_([found.__dict__["_key"] for found in same]))
        .where(workspace.context.serves(p))
        .order_by(p.c.level.desc(), p.c.id)
    )
    with workspace.database.read() as connection:
        key: int | None = connection.execute(statement).scalar()
    return key


def _store(workspace: Any, release: Release, obj: SoftwareRelease, lease: Lease) -> int:
    name = file_name(obj, ".tar", "data", 1)  # equal sources are equal bytes
    move(workspace, lease, State.TRANSFERRING, names=[name])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        release.write_archive(path)
        digests = workspace.client().store(
            path, name, object_id=lease.object_id, attempt=lease.attempt
        )
    move(workspace, lease, State.VERIFIED)
    record = FileRecord(
        "data",
        name,
        digests.size,
        digests.sha256,
        digests.adler32,
        digests.sha256,
        "application/x-tar",
    )
    return _commit(workspace, obj, lease, record)


@retried
def _commit(workspace: Any, obj: SoftwareRelease, lease: Lease, record: FileRecord) -> int:
    with workspace.unit() as unit:
        move(workspace, lease, State.ARCHIVED, connection=unit.connection)
        key: int = unit.add(obj, content_digest=content_of(obj, [record]))
        workspace.add_files(unit, key, [record])
    return key

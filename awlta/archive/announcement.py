"""The SIP of one delivered file: written from what the file says of itself, or compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import __version__
from ..digest import Digests
from ..errors import BadInput, DocumentFault, DocumentRefused, NotFound
from ..lineage import Workspace
from ..lineage.making.activity import now
from ..persistent.context import Context
from . import sip
from .ingested import Ingested, sip_attributes
from .sip_parse import MAX_BYTES

WITHIN_PROJECT = 2
"""Widest level of a product under embargo."""


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
        level=product.data_level,
        process=process.identifier,
        access=sip.AccessRights(level=workspace.context.level),
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
            project=sip.Project(workspace.context.project),
            submitter=workspace.profile.user,
            product=described,
            processes=(process,),
        )
    )


def compare(
    announced: sip.Sip, product: Ingested, context: Context, names: set[str], measured: Digests
) -> None:
    """Compare a SIP with the file that it announces.

    Parameters
    ----------
    announced : Sip
    product : Ingested
        What the file says of itself.
    context : Context
        For whom the product is archived.
    names : set of str
        Names that the SIP may call the file.
    measured : Digests

    Raises
    ------
    DocumentRefused
        With every difference and its place.
    """
    faults = [*_context_faults(announced, context), *_product_faults(announced, product)]
    files = announced.product.files
    if len(files) > 1:
        faults.append(_fault("product/files", f"{len(files)} files announced, 1 delivered"))
    elif files[0].name not in names:
        delivered = " or ".join(sorted(names))
        faults.append(
            _fault("product/files/file", f"name {files[0].name}, delivered as {delivered}")
        )
    faults += sip.check_files(announced, {files[0].name: measured})
    if faults:
        raise DocumentRefused("The SIP", faults, do="Mend the SIP, or deliver the file it means")


def _context_faults(announced: sip.Sip, context: Context) -> Iterator[DocumentFault]:
    """Compare whose the product is to be with whose it would become here."""
    name, access = announced.project.name, announced.product.access
    if name != context.project:
        yield _fault("header/project", f"project {name}, you work for {context.project}")
    under_embargo = access.embargo is not None and access.embargo > now().date()
    widest = min(access.level, WITHIN_PROJECT) if under_embargo else access.level
    if context.level > widest:
        yield _fault(
            "product/access",
            f"to be seen at level {widest} at most, your new objects get level {context.level}",
        )


def _product_faults(announced: sip.Sip, product: Ingested) -> Iterator[DocumentFault]:
    """Compare what is announced with what the file says of itself."""
    described = announced.product
    object_id, class_name = described.identifier.value, type(product).__name__
    if object_id != product.object_id:
        yield _fault("product/identifier", f"object_id {object_id} is taken")
    if described.class_name != class_name:
        yield _fault("product", f"class {described.class_name}, the file is a {class_name}")
    if described.level != product.data_level:
        yield _fault("product", f"level {described.level}, a {class_name} is {product.data_level}")
    mine = {v.name: v for v in sip_attributes(product)}
    for told in described.attributes:
        place, have = f"product/attributes/{told.name}", mine.get(told.name)
        if have is None:
            yield _fault(place, "the file tells no such attribute")
        elif told.name != "original_name" and told.value != have.value:
            yield _fault(place, f"{told.value}, the file says {have.value}")
        elif told.unit not in ("", have.unit):
            yield _fault(place, f"in {told.unit}, the archive keeps it in {have.unit or 'no unit'}")


def _fault(place: str, message: str) -> DocumentFault:
    return DocumentFault(message, None, f"/sip/{place}")


def read_document(path: Path) -> bytes:
    """Return the bytes of a SIP file, of one that is too long only as many as show it.

    Raises
    ------
    NotFound, BadInput
        It is not there, or cannot be read.
    """
    if not path.is_file():
        raise NotFound(f"There is no SIP {path}", do="Check the path")
    try:
        with open(path, "rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"The SIP {path} cannot be read: {error.strerror}", do="Check its permissions"
        ) from error

"""What a product asks for and what it holds, as digests.

By the first, what was made before is found again; by the second, it is known to be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ...persistent.classes.generate import framed, teller
from ...persistent.classes.records import shared_digest
from ...persistent.tables import WORK_BYTES
from ..files.filed import FileRecord

Teller = Callable[[dict[str, Any]], str]
"""Tells some attributes of an object as one text."""

Tellers = tuple[str, Teller, Teller]
"""The name of a class, framed, and how its settings and its results are told."""


def identity_of(target: Any) -> str:
    """Return what an input counts by; what is stored does not change, so it is kept."""
    held = target.__dict__
    if not type(target).__shared__:
        return str(held["object_id"])
    if "_store" not in held:
        return shared_digest(target)
    known: str | None = held.get("_identity")
    if known is None:
        known = held["_identity"] = shared_digest(target)
    return known


def work_of(product: Any, identity: Callable[[Any], str] = identity_of) -> str:
    """Return the digest of what a product asks for: class, category, settings, inputs.

    Inputs count by identity: the content of shared objects such as parameters, the object_id of
    all others. The code is no part of it.
    """
    cls = type(product)
    head, settings, _ = cls.__dict__.get("__told__") or _tellers(cls)
    held = product.__dict__
    parts = [head, framed(held["category"]), settings(held)]
    for role, position, target in product.linked():
        parts.append(f"{framed(role)}{position}:{framed(identity(target))}")
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def content_of(product: Any, files: Sequence[FileRecord], later: Collection[str] = ()) -> str:
    """Return the content digest of a product: its attributes and the content of its files.

    Parameters
    ----------
    product : DataProduct
    files : sequence of FileRecord
    later : collection of str
        Attributes that its class has gained since it was made; they are left out.
    """
    cls = type(product)
    if later:
        head, settings, outputs = _tellers_before(cls, frozenset(later))
    else:
        head, settings, outputs = cls.__dict__.get("__told__") or _tellers(cls)
    held = product.__dict__
    parts = [framed("content"), head, settings(held), outputs(held)]
    for record in sorted(files, key=lambda f: f.role):
        parts.append(f"{framed(record.role)}{framed(record.content_digest)}")
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def key_of(work: str) -> bytes:
    """Return what a product's row keeps of a work digest."""
    return bytes.fromhex(work[: 2 * WORK_BYTES])


def _tellers(cls: Any) -> Tellers:
    """Return the name of a class, framed, and how its settings and its results are told."""
    cls.__told__ = _tellers_before(cls, frozenset())
    told: Tellers = cls.__told__
    return told


def _tellers_before(cls: Any, later: frozenset[str]) -> Tellers:
    """Return the same for objects from before their class had some attributes."""
    if "__told_before__" not in cls.__dict__:
        cls.__told_before__ = {}
    known: dict[frozenset[str], Tellers] = cls.__told_before__
    if later not in known:
        own = [a for _, a in sorted(cls.__attributes__.items()) if a.source == "class"]
        own = [a for a in own if a.name not in later]
        settings, outputs = ([a for a in own if a.init is given] for given in (True, False))
        known[later] = framed(cls.__name__), teller(settings), teller(outputs)
    return known[later]

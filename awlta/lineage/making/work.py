"""What a product asks for and what it holds, as digests.

By the first, what was made before is found again; by the second, it is known to be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ...digest import digest_text
from ...persistent.classes.generate import teller
from ...persistent.classes.records import shared_digest
from ...persistent.tables import WORK_BYTES
from ..files.filed import FileRecord

Teller = Callable[[dict[str, Any]], tuple[str, ...]]
"""Tells names and values of some attributes of an object."""


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
    cls, held = type(product), product.__dict__
    settings, _ = _tellers(cls)
    parts = [cls.__name__, held["category"], *settings(held)]
    for role, position, target in product.linked():
        parts += (role, str(position), identity(target))
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()


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
    _, everything = _tellers(cls, frozenset(later))
    parts = [cls.__name__, *everything(product.__dict__)]
    for record in sorted(files, key=lambda f: f.role):
        parts += (record.role, record.content_digest)
    return digest_text("content", *parts)


def key_of(work: str) -> bytes:
    """Return what a product's row keeps of a work digest."""
    return bytes.fromhex(work[: 2 * WORK_BYTES])


def _tellers(cls: Any, later: frozenset[str] = frozenset()) -> tuple[Teller, Teller]:
    """Return how the settings of a class are told, and all its attributes but the later ones."""
    known: dict[frozenset[str], tuple[Teller, Teller]] | None = cls.__dict__.get("__told__")
    if known is None:
        known = cls.__told__ = {}
    if later not in known:
        own = [a for n, a in sorted(cls.__attributes__.items()) if n not in later]
        own = [a for a in own if a.source == "class"]
        known[later] = teller([a for a in own if a.init]), teller(own)
    return known[later]

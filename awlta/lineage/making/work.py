"""What a product asks for and what it holds, as digests.

By the first, what was made before is found again; by the second, it is known to be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from ...digest import framed
from ...persistent.classes.generate import byte_teller, link_teller, text_teller
from ...persistent.classes.records import shared_digest
from ...persistent.tables import WORK_BYTES
from ..files.filed import FileRecord

_NONE: frozenset[str] = frozenset()


class Told(NamedTuple):
    """How the objects of a class are told for a digest.

    Attributes
    ----------
    work, content : str, bytes
        How each begins.
    settings, everything : callable
        Attributes that are given, and all, from an object's ``__dict__``.
    links : callable
        What it links, from the object and what names a target.
    """

    work: str
    content: bytes
    settings: Callable[[dict[str, Any]], str]
    everything: Callable[[dict[str, Any]], bytes]
    links: Callable[[Any, Callable[[Any], str]], str]


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
    held = product.__dict__
    told, category = _told(type(product)), held["category"]
    whole = f"{told.work}{len(category)}:{category}{told.settings(held)}"
    return hashlib.sha256((whole + told.links(product, identity)).encode()).hexdigest()


def content_of(product: Any, files: Sequence[FileRecord], later: Collection[str] = _NONE) -> str:
    """Return the content digest of a product: its attributes and the content of its files.

    Parameters
    ----------
    product : DataProduct
    files : sequence of FileRecord
    later : collection of str
        Attributes that its class has gained since it was made; they are left out.
    """
    told = _told(type(product), frozenset(later))
    whole = told.content + told.everything(product.__dict__)
    for record in sorted(files, key=lambda f: f.role):
        whole += framed(record.role, record.content_digest)
    return hashlib.sha256(whole).hexdigest()


def key_of(work: str) -> bytes:
    """Return what a product's row keeps of a work digest."""
    return bytes.fromhex(work[: 2 * WORK_BYTES])


def _told(cls: Any, later: frozenset[str] = _NONE) -> Told:
    """Return how objects of a class are told, from before it had some attributes."""
    known: dict[frozenset[str], Told] | None = cls.__dict__.get("__told__")
    if known is None:
        known = cls.__told__ = {}
    if later not in known:
        name = cls.__name__
        own = [a for n, a in sorted(cls.__attributes__.items()) if n not in later]
        own = [a for a in own if a.source == "class"]
        settings = text_teller([a for a in own if a.init])
        head = f"{len(name)}:{name}", framed("content", name)
        known[later] = Told(*head, settings, byte_teller(own), link_teller(cls))
    return known[later]

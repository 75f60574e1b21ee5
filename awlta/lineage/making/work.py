"""What a product asks for, as one digest: by it, what was made before is found again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from ...persistent.classes.records import shared_digest
from ...persistent.tables import WORK_BYTES


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
    head, settings = cls.__dict__.get("__work__") or _form(cls)
    held = product.__dict__
    parts = [head, held["category"]]
    for name, to_json in settings:
        if name in held:
            value = held[name]
            parts += (name, "none" if value is None else str(to_json(value)))
    for role, position, target in product.linked():
        parts += (role, str(position), identity(target))
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(work: str) -> bytes:
    """Return what a product's row keeps of a work digest."""
    return bytes.fromhex(work[: 2 * WORK_BYTES])


def _form(cls: Any) -> tuple[str, list[tuple[str, Callable[[Any], Any]]]]:
    """Return the name of a class and how its settings are told, worked out once."""
    settings = [
        (name, attribute.codec.to_json)
        for name, attribute in sorted(cls.__attributes__.items())
        if attribute.source == "class" and attribute.init
    ]
    cls.__work__ = cls.__name__, settings
    return cls.__name__, settings

"""An object as plain data, for JSON: what crosses the wire to a runner and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...digest import digest_text
from ...errors import BadValue
from ..attributes.attributes import LinkList
from .model import Persistent, find_class


@dataclass(frozen=True)
class ObjectRecord:
    """One object in a form that JSON can hold.

    Attributes
    ----------
    object_id, class_name : str
    attributes : dict
        JSON values by attribute name; system attributes included where they are known.
    links : dict
        For each role the object_ids in order.
    """

    object_id: str
    class_name: str
    attributes: dict[str, Any] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON holds it."""
        return {
            "object_id": self.object_id,
            "class": self.class_name,
            "attributes": self.attributes,
            "links": self.links,
        }

    @classmethod
    def from_json(cls, value: Any) -> ObjectRecord:
        """Read a record from outside; raise BadValue where it is malformed."""
        try:
            attributes, links = dict(value["attributes"]), dict(value["links"])
            record = cls(str(value["object_id"]), str(value["class"]), attributes, links)
            if not all(isinstance(ids, list) for ids in links.values()):
                raise TypeError
        except (KeyError, TypeError, ValueError):
            raise BadValue(
                f"{str(value)[:80]!r} is no object record",
                expected="object_id, class, attributes and links",
            ) from None
        return record


def describe(obj: Persistent, *, with_links: bool = True) -> ObjectRecord:
    """Return an object's record, with every value that is known."""
    attributes: dict[str, Any] = {}
    for name, attribute in type(obj).__attributes__.items():
        if name in obj.__dict__ and name != "object_id":
            value = obj.__dict__[name]
            attributes[name] = None if value is None else attribute.codec.to_json(value)
    links: dict[str, list[str]] = {}
    if with_links:
        for role, _, target in obj.linked():
            links.setdefault(role, []).append(target.object_id)
    return ObjectRecord(obj.object_id, type(obj).__name__, attributes, links)


def rebuild(record: ObjectRecord) -> Persistent:
    """Return an object from its record, with attributes checked and links not yet set.

    Raises
    ------
    BadValue, NotFound
    """
    cls = find_class(record.class_name)
    obj = cls.__new__(cls)
    obj.__dict__["object_id"] = record.object_id
    for name, value in record.attributes.items():
        attribute = cls.__attributes__.get(name)
        if attribute is None:
            raise BadValue(
                f"{record.class_name} has no attribute {name!r}",
                expected=", ".join(cls.__attributes__),
                do="Do both ends run the same release?",
            )
        try:
            decoded = None if value is None else attribute.codec.from_json(value)
        except (TypeError, ValueError) as error:
            raise BadValue(
                f"{attribute.place} = {value!r}", expected=attribute.expectation()
            ) from error
        obj.__dict__[name] = attribute.check(decoded)
    return obj


def set_links(obj: Persistent, links: dict[str, list[Persistent]]) -> None:
    """Set the links of a rebuilt object, each checked against its class."""
    for name, step in type(obj).__links__.items():
        targets = [step.check_one(t) for t in links.get(name, [])]
        if step.many:
            obj.__dict__[name] = LinkList(obj, step, targets)
        elif targets:
            obj.__dict__[name] = targets[0]
        elif step.optional:
            obj.__dict__[name] = None
        else:
            raise BadValue(f"{step.place} of {obj!r} is missing")


def shared_digest(obj: Persistent) -> str:
    """Return the digest by which shared objects of equal content are one.

    Built from class, attributes in order of name, and what they link: the shared digest of
    shared objects, the object_id of others.
    """
    parts = [type(obj).__name__]
    for name in sorted(type(obj).__attributes__):
        attribute = type(obj).__attributes__[name]
        if attribute.source == "class" and name in obj.__dict__:
            value = obj.__dict__[name]
            encoded = None if value is None else attribute.codec.to_json(value)
            parts += [name, "none" if encoded is None else str(encoded)]
    for role, position, target in sorted(obj.linked(), key=lambda link: link[:2]):
        parts += [f"{role}[{position}]", identity(target)]
    return digest_text("shared", *parts)


def identity(obj: Persistent) -> str:
    """Return what equality goes by: the hash of a shared object, else the object_id."""
    return shared_digest(obj) if type(obj).__shared__ else obj.object_id

"""From what is wanted to what exists: the committed product of some inputs, or an intention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..persistent.conditions import Condition, IsObject, Path
from ..persistent.session import Session
from . import currency
from .making import work_of


def target(session: Session, cls: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the newest product of these inputs that is up to date and not bad, or a new one.

    Shared objects that are equal to a stored one are replaced by it first, so that parameters
    typed anew find what was made with the same values.
    """
    wanted = cls(**values)
    _adopt_shared(session, wanted)
    for found in _equal(session, cls, wanted):
        if session.standing(found, "is_valid") != 0 and not currency.reasons(session, found):
            return found
    return wanted


def _adopt_shared(session: Session, wanted: Any) -> None:
    fresh = [t for _, _, t in wanted.linked() if not t.is_stored and type(t).__shared__]
    if fresh:
        session.commit(*fresh)


def _equal(session: Session, cls: type[Any], wanted: Any) -> list[Any]:
    """Return committed products that ask for the same, newest first."""
    links = wanted.linked()
    if any(not target.is_stored for _, _, target in links):
        return []
    place: Any = Path(cls)
    conditions: list[Condition] = [
        getattr(place, name) == wanted.__dict__[name]
        for name, attribute in cls.__attributes__.items()
        if attribute.init and attribute.source != "standing" and name in wanted.__dict__
        if attribute.codec.column != "blob"
    ]
    many = [(role, obj) for role, _, obj in links if cls.__links__[role].many]
    first_of_many = dict(reversed(many))
    conditions += [
        _points_to(session, getattr(place, role), obj) for role, obj in first_of_many.items()
    ]
    conditions += [
        _points_to(session, getattr(place, role), obj)
        for role, _, obj in links
        if not cls.__links__[role].many
    ]
    work = work_of(wanted)
    found = cls.select(*conditions).order_by("-creation_date")
    return [obj for obj in found if type(obj) is cls and work_of(obj) == work]


def _points_to(session: Session, path: Path, obj: Any) -> Condition:
    """Ask whether a link leads to an object, or to a shared one of equal content."""
    if type(obj).__shared__:
        return IsObject(path, tuple(session.equals(obj)))
    return IsObject(path, (obj.object_id,))

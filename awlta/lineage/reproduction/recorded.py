"""What is recorded of how a product was made: read set-wise, as an order to make it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from ...errors import NotFound, NotMade, Refused
from ...persistent import Persistent, tables
from ...persistent.attributes.codecs import microseconds_to_time
from ...persistent.classes.records import ObjectRecord, describe
from ...persistent.tombstones import TOMBSTONE
from ..ancestry.closure import related, rows_of
from ..files.filed import FileRecord
from ..making.activity import SoftwareEnvironment
from ..making.release import SoftwareRelease
from ..quality.standing import chunks, history
from .order import Given, Order

_STANDING = {"verdict": ("is_valid", 1), "flags": ("quality_flags", 0)}


@dataclass(frozen=True)
class Recorded:
    """What is known of the making of one product.

    Attributes
    ----------
    product : DataProduct
    order : Order
        What makes it again.
    activity : Row
    release : SoftwareRelease
    environment : SoftwareEnvironment
    objects : dict
        Everything that the recipe may reach, by object_id.
    """

    product: Any
    order: Order
    activity: Any
    release: SoftwareRelease
    environment: SoftwareEnvironment
    objects: dict[str, Persistent]

    def owner_of(self, name: str) -> tuple[Any, FileRecord]:
        """Return the object that a file belongs to, with the record of the file."""
        for given in self.order.objects:
            for file in given.files:
                if file.name == name:
                    return self.objects[given.record.object_id], file
        raise Refused(
            f"The release asked for {name}", expected="a file of what the product was made from"
        )


def read(session: Any, product: Any) -> Recorded:
    """Return what is recorded of the making of a product.

    Raises
    ------
    NotMade
        It has not been made, or not by a recipe.
    Refused
        Its recipe is in no release, or part of the record is out of the read scope.
    """
    if not product.is_stored:
        raise NotMade(f"{product!r} was never made", do="Call its make() first")
    activity = activity_of(session, product)
    check_activity(product, activity)
    release, environment = _software(session, product, activity)
    pairs = related(session, [product.__dict__["_key"]], down=False)
    inputs = session.load(pairs)
    objects = {obj.object_id: obj for obj in inputs}
    for obj in [product, *inputs]:
        objects |= {target.object_id: target for _, _, target in obj.linked()}
    ancestors = {obj.object_id for obj in inputs}
    given = _given(session, list(objects.values()), ancestors, activity.ended)
    own = _names(session, [product.__dict__["_key"]])
    order = Order(_intention(product), tuple(given), (), *own.values())
    return Recorded(product, order, activity, release, environment, objects)


def activity_of(session: Any, product: Any) -> Any:
    """Return the row of the activity that made a product, None where there is none."""
    p, a = tables.product, tables.activity
    statement = (
        select(a)
        .join(p, p.c.activity == a.c.id)
        .where(p.c.id == product.__dict__["_key"], session.context.scope(p))
    )
    with session.database.read() as connection:
        return connection.execute(statement).one_or_none()


def check_activity(product: Any, activity: Any) -> None:
    """Raise NotMade or Refused where there is nothing that could be done again."""
    if activity is None or activity.kind != "make":
        raise NotMade(
            f"{product!r} was not made by a recipe: it was "
            f"{'committed as it is' if activity is None else 'ingested'}",
            expected="a product that make() gave",
            do="Reproduce what was made from it; its file is as it was delivered",
        )
    if activity.interactive:
        raise Refused(
            f"The recipe of {product!r} was typed at a prompt, so no release holds it",
            expected="a recipe that stands in a recipe package",
            do="Write the class into a recipe package and make the product with that",
        )
    if activity.release is None:
        raise Refused(f"No software release is recorded for {product!r}")


def _software(
    session: Any, product: Any, activity: Any
) -> tuple[SoftwareRelease, SoftwareEnvironment]:
    wanted = [
        (activity.release, SoftwareRelease.__name__),
        (activity.environment, SoftwareEnvironment.__name__),
    ]
    found: list[Any] = [obj for pair in wanted for obj in session.load([pair])]
    if len(found) != len(wanted):
        raise Refused(
            f"The software release of {product!r} is outside your read scope",
            do="Ask its owner to publish it",
        )
    return found[0], found[1]


def _intention(product: Any) -> ObjectRecord:
    """Return the record of a product without what its recipe worked out."""
    whole, attributes = describe(product), type(product).__attributes__
    given = {name: value for name, value in whole.attributes.items() if attributes[name].init}
    return ObjectRecord(whole.object_id, whole.class_name, given, whole.links)


def _given(session: Any, objects: Sequence[Any], ancestors: set[str], until: int) -> list[Given]:
    """Return objects as the recipe may see them, with the standing that they had at a time."""
    keys = [obj.__dict__["_key"] for obj in objects]
    standing, names = _standing_at(session, keys, until), _names(session, keys)
    given = []
    for key, obj in zip(keys, objects, strict=True):
        # what is linked for reference only may be named, but not followed
        record = describe(obj, with_links=obj.object_id in ancestors)
        files = tuple(getattr(obj, "files", ()))
        given.append(Given(record, files, standing[key], names[key]))
    return given


def _standing_at(session: Any, keys: Sequence[int], until: int) -> dict[int, dict[str, int]]:
    s = tables.standing
    found = {key: dict(_STANDING.values()) for key in keys}
    rows = [r for r in rows_of(session, s, s.c.product, keys) if r.kind in _STANDING]
    for row in sorted(rows, key=lambda r: int(r.id)):
        if row.written <= until:
            found[row.product][_STANDING[row.kind][0]] = abs(int(row.value))
    return found


def _names(session: Any, keys: Sequence[int]) -> dict[int, tuple[str, str, int]]:
    p, a, j = tables.product, tables.account, tables.project
    source = p.join(a, a.c.id == p.c.owner).join(j, j.c.id == p.c.project)
    columns = (p.c.id, a.c.name, j.c.name, p.c.level)
    found: dict[int, tuple[str, str, int]] = {}
    with session.database.read() as connection:
        for part in chunks(keys):
            statement = select(*columns).select_from(source).where(p.c.id.in_(part))
            for key, owner, project, level in connection.execute(statement):
                found[key] = (owner, project, level)
    return found


def deletion(session: Any, owner: Any, name: str) -> NotFound | None:
    """Return the error for a file that is gone since its owner was deleted, None if it was not."""
    rows = history(session, owner.__dict__["_key"], TOMBSTONE)
    if not rows or rows[-1].value != 1:
        return None
    when = microseconds_to_time(rows[-1].written)
    why = f": {rows[-1].reason}" if rows[-1].reason else ""
    return NotFound(
        f"{owner!r} was deleted on {when:%Y-%m-%d} by {rows[-1].author}{why}; its file {name} is "
        f"gone",
        expected="the files of all inputs that the recipe reads",
        do="Make that input again first, if it has a recipe",
    )

"""What has changed since products were made: recipes, verdicts, calibrations.

Each kind of cause is found by index, everywhere in the database or among some products, without
loading an object. What follows from them for other products is worked out in
:mod:`awlta.lineage.currency.currency`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    Engine,
    LargeBinary,
    Select,
    Text,
    and_,
    column,
    func,
    or_,
    select,
    true,
    values,
)

from ...persistent import registry, tables
from ...persistent.context import Context
from ...persistent.engine.prepared import Prepared
from ...persistent.session import Session
from ..calibration import selection
from ..keyset import bound, listed, to_be_listed
from ..product import DataProduct, Recipe
from ..quality.quality import decode, newest

_HIGHEST = b"\xff" * 33
"""Above every digest."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that has changed since a product was made.

    Attributes
    ----------
    product : int
        Key of the product in which it lies.
    part : str
        ``recipe``, ``verdict``, ``quality``, or the name of a link.
    old, new : str
        What it was then, and what it is now.
    old_key, new_key : int or None
        The same as keys of objects, where the part is a link.
    only_users : bool
        The product itself stays as it is; what was made from it is out of date.
    """

    product: int
    part: str
    old: str
    new: str
    old_key: int | None = None
    new_key: int | None = None
    only_users: bool = False

    @property
    def is_input(self) -> bool:
        """Whether it is an input that is out of date itself."""
        return not self.old and self.new_key is None


def reachable(classes: Iterable[type[Any]]) -> list[type[Any]]:
    """Return some classes of products, their subclasses, and all that their links lead to."""
    found: dict[str, type[Any]] = {}
    pending = list(classes)
    while pending:
        cls = pending.pop()
        if cls.__name__ in found:
            continue
        found[cls.__name__] = cls
        pending += [step.target for step in cls.__links__.values() if step.is_input]
        pending += [c for c in registry.values() if issubclass(c, cls)]
    return [cls for cls in found.values() if issubclass(cls, DataProduct)]


class TooMany(Exception):
    """More rows have to be looked at than was allowed."""


def changed_recipes(session: Session, classes: Sequence[type[Any]], most: int) -> list[Cause]:
    """Return the products whose recipe is another now; raise TooMany if there are so many.

    The index of activities by recipe and digest is entered between the digests that are current:
    where all is current, that is a few seeks a recipe, however many products there are.
    """
    ran = _recipe_names(session)
    current: dict[str, dict[str, bytes]] = {}
    inherited: list[tuple[str, str]] = []
    for cls in classes:
        recipe: Recipe | None = cls.__recipe__
        if recipe is not None and recipe.name in ran:
            digest = bytes.fromhex(recipe.identity.digest)
            current.setdefault(recipe.name, {})[cls.__name__] = digest
        inherited += [(name, cls.__name__) for name in _names_of_bases(cls) & ran]
    recipes = [getattr(cls, "__recipe__", None) for cls in registry.values()]
    gone = ran - {recipe.name for recipe in recipes if recipe is not None}
    gaps = [
        (name, low, high)
        for name, digests in current.items()
        for low, high in _gaps(sorted(set(digests.values())))
    ]
    gaps += [(name, b"", _HIGHEST) for name in gone]
    found = _in_gaps(session, gaps, [cls.__name__ for cls in classes], most) if gaps else []
    differ = {name: d for name, d in current.items() if len(set(d.values())) > 1}
    shared = [(name, own) for name, digests in differ.items() for own in digests]
    if inherited or shared:
        found += _by_class(session, [*inherited, *shared], most)
    return list(dict.fromkeys(found))


def _gaps(digests: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the ranges between digests, below the first and above the last."""
    return list(zip([b"", *digests], [*digests, _HIGHEST], strict=True))


def _names_of_bases(cls: type[Any]) -> set[str]:
    """Return the recipes of the bases of a class, by which it may have been made before."""
    own = getattr(cls.__recipe__, "name", None)
    recipes = [getattr(base, "__recipe__", None) for base in cls.__mro__[1:]]
    return {recipe.name for recipe in recipes if recipe is not None} - {own}


def _recipe_names(session: Session) -> set[str]:
    """Return the names of all recipes that ever ran: a seek for each."""
    a = tables.activity
    found = select(func.min(a.c.recipe).label("name")).cte("recipes", recursive=True)
    following = select(func.min(a.c.recipe)).where(a.c.recipe > found.c.name).scalar_subquery()
    found = found.union_all(select(following).where(found.c.name.is_not(None)))
    with session.database.read() as connection:
        names = connection.execute(select(found.c.name)).scalars()
        return {name for name in names if name is not None}


def _in_gaps(
    session: Session, gaps: list[tuple[str, bytes, bytes]], names: list[str], most: int
) -> list[Cause]:
    """Return products of some classes whose recipe's digest lies in one of some ranges."""
    a, p = tables.activity, tables.product
    columns = (column("name", Text), column("low", LargeBinary), column("high", LargeBinary))
    gap = values(*columns, name="gap").data(gaps).cte("gap")
    lies_in = and_(
        a.c.recipe == gap.c.name, a.c.recipe_digest > gap.c.low, a.c.recipe_digest < gap.c.high
    )
    named = p.c.class_name.in_(names)
    if session.database.dialect != "postgresql":
        return _read(session, _made(session.context).join(gap, lies_in).where(named), most)
    # what it thinks of ranges that it does not know makes it read the table: it is asked gap by gap
    ran = select(a.c.id).where(lies_in).correlate(gap).offset(0).lateral("ran")
    with session.database.read() as connection:
        inside = select(ran.c.id).select_from(gap).join(ran, true()).limit(most)
        keys = list(connection.execute(inside).scalars())
    if len(keys) == most:
        raise TooMany
    chosen = a.c.id.in_(listed(session, keys))
    return _read(session, _made(session.context).where(chosen, named), most) if keys else []


def _by_class(session: Session, pairs: list[tuple[str, str]], most: int) -> list[Cause]:
    """Return products of a class that were made by a recipe which others have or had too."""
    a, p = tables.activity, tables.product
    pair = or_(*(and_(p.c.class_name == c, a.c.recipe == name) for name, c in pairs))
    return _read(session, _made(session.context).where(pair), most)


def _read(session: Session, statement: Select[Any], most: int) -> list[Cause]:
    with session.database.read() as connection:
        rows = connection.execute(statement.limit(most)).all()
    if len(rows) == most:
        raise TooMany
    return [cause for row in rows if (cause := _compared(*row)) is not None]


def changed_recipes_of(session: Session, keys: Sequence[int]) -> list[Cause]:
    """Return those of some products whose recipe is another now."""
    prepared = _recipes_among(session.database.engine, session.context)
    with session.database.read() as connection:
        rows = prepared.rows(connection, keys=bound(session, keys))
    return [cause for row in rows if (cause := _compared(*row)) is not None]


@lru_cache(maxsize=64)
def _recipes_among(engine: Engine, context: Context) -> Prepared:
    chosen = tables.product.c.id.in_(to_be_listed(engine.dialect.name))
    return Prepared(engine, _made(context).where(chosen))


def _made(context: Context) -> Select[Any]:
    """Return the statement for products in scope with the recipe that each was made by."""
    a, p = tables.activity, tables.product
    return (
        select(p.c.id, p.c.class_name, a.c.recipe_version, a.c.recipe_digest)
        .select_from(a)
        .join(p, and_(p.c.object_id == a.c.subject, p.c.activity == a.c.id))
        .where(a.c.kind == "make", context.scope(p))
    )


def _compared(key: int, class_name: str, version: str, digest: bytes) -> Cause | None:
    """Return the cause if the class of a product has another recipe now than it was made by."""
    cls: Any = registry.get(class_name)
    if cls is None:
        return None
    old = bytes(digest).hex()
    recipe: Recipe | None = cls.__recipe__
    if recipe is None:
        return Cause(key, "recipe", f"version {version}, {old[:12]}", "none")
    new = recipe.identity.digest
    if old == new:
        return None
    told = (f"version {version}, {old[:12]}", f"version {recipe.version}, {new[:12]}")
    return Cause(key, "recipe", *told)


def bad(
    session: Session, keys: Sequence[int] | None = None, most: int | None = None
) -> list[Cause]:
    """Return products that are judged bad or carry a blocking flag, everywhere or among some.

    Raises
    ------
    TooMany
        So many or more ever were.
    """
    p = tables.product
    with session.database.read() as connection:
        if keys is None:
            suspects = set(connection.execute(_suspect(session.context).limit(most)).scalars())
        else:
            prepared = _suspects_among(session.database.engine, session.context)
            rows = prepared.rows(connection, keys=bound(session, keys))
            suspects = {key for (key,) in rows}
    if not suspects:
        return []
    if most is not None and len(suspects) >= most:
        raise TooMany
    asked = [
        newest(p, kind, name, session.context.as_of).label(f"{kind}_{name}")
        for kind, name in _STANDING
    ]
    some = p.c.id.in_(listed(session, sorted(suspects)))
    statement = select(p.c.id, p.c.class_name, *asked).where(some, session.context.scope(p))
    with session.database.read() as connection:
        judged = connection.execute(statement).all()
    found = [_judged(row) for row in judged if row.class_name in registry]
    return [cause for cause in found if cause is not None]


def _suspect(context: Context) -> Select[Any]:
    """Return the statement for products that ever were judged bad or flagged."""
    s = tables.standing
    is_bad = and_(s.c.kind == "verdict", s.c.value == 0)
    is_flagged = and_(s.c.kind == "flags", s.c.value < 0)
    return select(s.c.product).distinct().where(or_(is_bad, is_flagged), context.until(s))


@lru_cache(maxsize=64)
def _suspects_among(engine: Engine, context: Context) -> Prepared:
    chosen = tables.standing.c.product.in_(to_be_listed(engine.dialect.name))
    return Prepared(engine, _suspect(context).where(chosen))


_STANDING = [
    *(("verdict", name) for name in ("id", "value", "author", "reason")),
    *(("flags", name) for name in ("id", "value", "detail")),
]


def _judged(row: Any) -> Cause | None:
    """Return the cause if the newest verdict is bad, or a blocking flag is not overruled."""
    if row.verdict_value == 0:
        told = f"bad ({row.verdict_author}: {row.verdict_reason})"
        return Cause(row.id, "verdict", "valid", told, only_users=True)
    overruled = bool(row.verdict_reason) and row.verdict_id > (row.flags_id or 0)
    if (row.flags_value or 0) < 0 and not overruled:
        raised = ", ".join(flag.flag for flag in decode(row.flags_detail) if flag.blocking)
        return Cause(row.id, "quality", "good", f"flagged {raised}", only_users=True)
    return None


def has_rules(classes: Iterable[type[Any]]) -> list[str]:
    """Return the names of classes with a link that is chosen by a rule."""
    return [
        cls.__name__
        for cls in classes
        if any(step.valid_at is not None for step in cls.__links__.values())
    ]


def superseded(session: Session, keys: Sequence[int] | CTE) -> list[Cause]:
    """Return those of some products for which another calibration would be chosen now.

    Of a table expression others may be among them, see :func:`selection.superseded`.
    """
    return [
        Cause(product, role, "", "", old, new)
        for product, role, old, new in selection.superseded(session, keys)
    ]

"""Up to date, and if not, why: set-wise, over products and everything that they were made from.

A product is out of date if its recipe is another now, another calibration would be chosen, an
input is judged bad or carries a blocking flag, or an input is out of date. What was ingested
stays as it came: nothing that it links makes it out of date. For many products it is asked first
whether there is any cause at all, which is a few seeks into indexes; only then where it leads to.
For few products their ancestors are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, exists, or_, select

from ...persistent import Persistent, Query, registry, tables
from ...persistent.context import Context
from ...persistent.engine.prepared import Prepared
from ...persistent.session import Session
from ...persistent.watches import watches
from ..keyset import (
    Follow,
    Wanted,
    any_input,
    bound,
    downwards,
    inputs_of,
    listed,
    named,
    selected,
    to_be_listed,
    upwards,
)
from ..product import DataProduct
from .causes import (
    Cause,
    TooMany,
    bad,
    changed_recipes,
    changed_recipes_of,
    has_rules,
    reachable,
    superseded,
)

FEW = 200
"""So many products are asked by way of their ancestors."""

MOST = 5000
"""So many causes are followed to what was made from them; more are met from the other side."""


@dataclass(frozen=True)
class Reason:
    """One reason why a product is not up to date.

    Attributes
    ----------
    product : Persistent
        Where the reason lies: the product itself or one of its ancestors.
    part : str
        ``recipe``, ``verdict``, ``quality`` or the name of a link.
    old, new : str
        What it was made with, and what it would be made with now.
    """

    product: Any
    part: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.product!r}: {self.part} was {self.old}, is now {self.new}"

    def to_json(self) -> dict[str, Any]:
        """Return the reason as JSON holds it."""
        where = {"class": type(self.product).__name__, "object_id": self.product.object_id}
        return {"product": where, "part": self.part, "old": self.old, "new": self.new}


@dataclass
class Staleness:
    """Which of some products are out of date, and by what.

    Attributes
    ----------
    causes : list of Cause
        What has changed in the products or their ancestors; of many products, in others too.
    keys : set of int
        Those of the products asked for that are out of date.
    reached : set of int
        These, and everything else that was found to be out of date on the way.
    """

    causes: list[Cause] = field(default_factory=list)
    keys: set[int] = field(default_factory=set)
    reached: set[int] = field(default_factory=set)

    @property
    def bad(self) -> set[int]:
        """Products that are judged bad or flagged."""
        return {c.product for c in self.causes if c.only_users}

    def told(self, session: Session, keys: Collection[int]) -> dict[int, list[Cause]]:
        """Return the nearest causes of some products: in themselves, and in their inputs.

        An input that is out of date itself is one cause, whatever makes it so.
        """
        found: dict[int, list[Cause]] = {key: [] for key in keys}
        of_users: dict[int, list[Cause]] = {}
        for cause in self.causes:
            if cause.only_users:
                of_users.setdefault(cause.product, []).append(cause)
            elif cause.product in found:
                found[cause.product].append(cause)
        for key, role, _, target in inputs_of(session, list(keys)):
            told = of_users.get(target, [])
            if target in self.reached and all(c.part != role for c in found[key]):
                told = [*told, Cause(key, role, "", "", target)]
            found[key] += told
        return {key: list(dict.fromkeys(causes)) for key, causes in found.items()}


def stale(session: Session, wanted: Wanted) -> dict[int, list[Cause]]:
    """Return those of some products that are out of date, each with its nearest causes.

    Parameters
    ----------
    session : Session
    wanted : sequence of int, Query, or SQL with a column ``id``
        Committed products. Where nothing has changed, no row of them is read.
    """
    found = staleness(session, wanted)
    return found.told(session, found.keys) if found.keys else {}


class Changes:
    """What has changed in the whole database, asked once for any number of look-ups.

    Parameters
    ----------
    session : Session
    classes : iterable of type
        Classes of the products that will be asked for.
    """

    def __init__(self, session: Session, classes: Iterable[type[Any]]) -> None:
        self.session = session
        self.classes = reachable(classes)

    @cached_property
    def causes(self) -> list[Cause] | None:
        """Changed recipes and bad products, None if there are :data:`MOST` or more."""
        try:
            recipes = changed_recipes(self.session, self.classes, MOST)
            return [*recipes, *bad(self.session, most=MOST)]
        except TooMany:
            return None

    def of(self, names: Mapping[int, str]) -> dict[int, list[Cause]]:
        """Return what has changed in some products themselves, or what is bad in them.

        Parameters
        ----------
        names : mapping
            Class name of each product by its key.
        """
        keys = sorted(names)
        if self.causes is None:  # old products that were made anew: these are the smaller side
            causes = [*changed_recipes_of(self.session, keys), *bad(self.session, keys)]
        else:
            causes = [cause for cause in self.causes if cause.product in names]
        ruled = [key for key in keys if names[key] in self.rules]
        if ruled:
            causes += superseded(self.session, ruled)
        found: dict[int, list[Cause]] = {}
        for cause in causes:
            found.setdefault(cause.product, []).append(cause)
        return found

    @cached_property
    def rules(self) -> set[str]:
        """Names of the classes that have a link which is chosen by a rule."""
        return set(has_rules(self.classes))

    @cached_property
    def reached(self) -> set[int]:
        """Every product that is out of date by them."""
        return _reached(self.session, self.causes or [])


def staleness(session: Session, wanted: Wanted, changes: Changes | None = None) -> Staleness:
    """Return which of some products are out of date, and by what.

    Parameters
    ----------
    session : Session
    wanted : sequence of int, Query, or SQL with a column ``id``
    changes : Changes, optional
        What was asked before, for the classes of these products and what they link.
    """
    if watches:
        watches[-1].query(Persistent)
    if isinstance(wanted, Sequence) and not wanted:
        return Staleness()
    if changes is None:
        if isinstance(wanted, Sequence) and len(wanted) <= FEW:
            return _among_ancestors(session, wanted)
        some = [wanted._question.cls] if isinstance(wanted, Query) else registry.values()
        changes = Changes(session, some)
    if changes.causes == [] and not changes.rules:
        return Staleness()
    chosen = selected(session, wanted)
    if changes.causes is None:
        with session.database.read() as connection:
            keys = list(connection.execute(chosen).scalars())
        return _among_ancestors(session, keys)
    others = superseded(session, upwards(chosen, _passes_on())) if changes.rules else []
    causes = [*changes.causes, *others]
    if not causes:
        return Staleness()
    reached = changes.reached | _reached(session, others) if others else changes.reached
    return Staleness(causes, _among(session, reached, wanted, chosen), reached)


def _ingested() -> frozenset[str]:
    """Return the names of the classes of products without recipe that link products."""
    return frozenset(
        name
        for name, cls in registry.items()
        if issubclass(cls, DataProduct)
        and cls.__recipe__ is None
        and any(s.is_input and issubclass(s.target, DataProduct) for s in cls.__links__.values())
    )


def _passes_on() -> Follow:
    """Follow the inputs of what a recipe can make again."""
    return _passing(_ingested())


def _passing(names: frozenset[str]) -> Follow:
    """Follow the inputs of all but some classes."""
    if not names:
        return any_input

    def follow(edge: Any) -> ColumnElement[bool]:
        p = tables.product.alias()
        came = or_(*(p.c.class_name == name for name in sorted(names)))
        return and_(any_input(edge), ~exists().where(p.c.id == edge.c.product, came))

    return follow


def _reached(session: Session, causes: Iterable[Cause]) -> set[int]:
    """Return every product that is out of date by some causes, in one descent."""
    own = {c.product for c in causes if not c.only_users}
    others = {c.product for c in causes if c.only_users}
    d = tables.dep
    of_others = d.c.target.in_(listed(session, sorted(others)))
    users = select(d.c.product).where(of_others, _passes_on()(d))
    first = listed(session, sorted(own)).union(users).subquery()
    found = downwards(select(first.c[0].label("id")), _passes_on())
    with session.database.read() as connection:
        return set(connection.execute(select(found.c.id)).scalars())


def _among(session: Session, keys: set[int], wanted: Wanted, chosen: Any) -> set[int]:
    if isinstance(wanted, Sequence):
        return keys.intersection(wanted)
    inner = chosen.subquery()
    statement = select(inner.c.id).where(inner.c.id.in_(listed(session, sorted(keys))))
    with session.database.read() as connection:
        return set(connection.execute(statement).scalars())


def outdated_by(session: Session, keys: Sequence[int], counts: Callable[[Cause], bool]) -> set[int]:
    """Return which of some products are bad, or out of date by causes that count."""
    found = staleness(session, keys)
    causes = [cause for cause in found.causes if counts(cause)]
    bad_ones = {cause.product for cause in causes if cause.only_users}
    return (_reached(session, causes) | bad_ones).intersection(keys) if causes else set()


def _among_ancestors(session: Session, keys: Sequence[int]) -> Staleness:
    """Ask some products and all that they were made from."""
    came = _ingested()
    prepared = _names_upwards(session.database.engine, session.context, came)
    with session.database.read() as connection:
        rows = prepared.rows(connection, keys=bound(session, keys))
    names = {key: name for key, name, counts in rows if counts}
    every = list(names)
    causes = [*changed_recipes_of(session, every), *bad(session, every)]
    ruled = set(has_rules(registry[n] for n in set(names.values()) if n in registry))
    chosen = [key for key, name in names.items() if name in ruled]
    if chosen:
        causes += superseded(session, chosen)
    if not causes:
        return Staleness()
    edges = (e for e in inputs_of(session, every) if names[e[0]] not in came)
    reached = _spread(causes, edges)
    return Staleness(causes, reached.intersection(keys), reached)


@lru_cache(maxsize=64)
def _names_upwards(engine: Engine, context: Context, came: frozenset[str]) -> Prepared:
    """Return the statement for key and class name of some products and their ancestors."""
    dialect = engine.dialect.name
    found = upwards(to_be_listed(dialect), _passing(came))
    return Prepared(engine, named(found, dialect, context.scope(tables.product)))


def _spread(causes: Iterable[Cause], edges: Iterable[tuple[int, str, int, int]]) -> set[int]:
    """Return every product that is out of date by some causes, along edges that are known."""
    users: dict[int, list[int]] = {}
    for product, _, _, target in edges:
        users.setdefault(target, []).append(product)
    pending: list[int] = []
    for cause in causes:
        pending += users.get(cause.product, []) if cause.only_users else [cause.product]
    found: set[int] = set()
    while pending:
        key = pending.pop()
        if key not in found:
            found.add(key)
            pending += users.get(key, [])
    return found


def reasons(session: Session, product: DataProduct) -> list[Reason]:
    """Return every reason why a product is not up to date, in itself or its ancestors."""
    if not product.is_stored:
        return [Reason(product, "make", "never made", "to be made")]
    key = product.__dict__["_key"]
    causes = staleness(session, [key]).causes
    return explained(session, [c for c in causes if c.product != key or not c.only_users])


def explained(session: Session, causes: Iterable[Cause]) -> list[Reason]:
    """Return causes with their objects, which are loaded together."""
    told = list(causes)
    keys = {k for c in told for k in (c.product, c.old_key, c.new_key) if k is not None}
    objects = objects_of(session, keys)

    def name(key: int | None) -> str:
        hidden = "an object outside your read scope"
        return "None" if key is None else repr(objects[key]) if key in objects else hidden

    found = []
    for cause in told:
        old, new = cause.old, cause.new
        if not old:
            old = name(cause.old_key)
            new = "to be made again" if cause.is_input else name(cause.new_key)
        found.append(Reason(objects[cause.product], cause.part, old, new))
    return found


def objects_of(session: Session, keys: Collection[int]) -> dict[int, Any]:
    """Return the objects of some keys that are in the read scope."""
    if not keys:
        return {}
    prepared = _names_of(session.database.engine, session.context)
    with session.database.read() as connection:
        rows = prepared.rows(connection, keys=bound(session, sorted(keys)))
    known = [(key, name) for key, name in rows if name in registry]
    return {obj.__dict__["_key"]: obj for obj in session.load(known)}


@lru_cache(maxsize=64)
def _names_of(engine: Engine, context: Context) -> Prepared:
    """Return the statement for key and class name of some products."""
    p = tables.product
    chosen = p.c.id.in_(to_be_listed(engine.dialect.name))
    return Prepared(engine, select(p.c.id, p.c.class_name).where(chosen, context.scope(p)))

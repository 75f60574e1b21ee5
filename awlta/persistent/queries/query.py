"""A query for objects of one class: lazy, immutable, counted and read when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, overload

from ...errors import ConfigError, QueryError
from ..attributes.attributes import AnyLink
from ..attributes.conditions import Column, Path, resolve
from ..attributes.logic import Both, Condition, Either, Everything, Not, as_condition

P = TypeVar("P")
Q = TypeVar("Q", bound="Query[Any]")


@dataclass(frozen=True)
class Question:
    """What is asked, as the store gets it.

    Attributes
    ----------
    cls : type
        Class whose objects, subclasses included, are asked.
    condition : Condition or None
    order : tuple of (Column, bool)
        The bool is true for falling order; object_id breaks ties.
    limit, offset : int or None, int
    """

    cls: type[Any]
    condition: Condition | None = None
    order: tuple[tuple[Column[Any], bool], ...] = ()
    limit: int | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        root = self.cls if self.condition is None else self.condition.root
        if not issubclass(self.cls, root):
            raise QueryError(
                f"A query for {self.cls.__name__} has a condition on {root.__name__}",
                expected=f"conditions that start from {self.cls.__name__}",
                do=f"Ask {root.__name__}.select(...), or walk to it by links",
            )


class Store(Protocol):
    """Where persistent objects are: a database session, or a DPU front-end's counter."""

    def fetch(self, question: Question) -> list[Any]:
        """Return the objects."""

    def count(self, question: Question) -> int:
        """Return how many objects there are."""

    def rows(self, question: Question, columns: Sequence[Column[Any]]) -> list[tuple[Any, ...]]:
        """Return values of columns, one row an object, in one statement."""

    def counts(self, question: Question, columns: Sequence[Column[Any]]) -> dict[Any, int]:
        """Return how many objects there are of each value, or of each tuple of values."""

    def explain(self, question: Question) -> str:
        """Return the statement and the database's plan."""

    def load_link(self, batch: Sequence[Any], step: AnyLink) -> None:
        """Set one link on all objects of a batch, with one query for each target class."""

    def standing(self, obj: Any, name: str) -> Any:
        """Return the current standing of an object: verdict or quality flags."""

    def get(self, object_id: str) -> Any:
        """Return one object; raise NotFound."""

    def commit(self, *objects: Any) -> None:
        """Commit objects that need no recipe, and what they link, in one transaction."""

    def names(self, obj: Any) -> tuple[str, str, int]:
        """Return owner, project and level of a stored object."""


store: ContextVar[Store] = ContextVar("awlta_store")
"""The store that queries ask; the one piece of ambient state."""


def current_store() -> Store:
    """Return the store in use.

    Raises
    ------
    ConfigError
        None is open.
    """
    try:
        return store.get()
    except LookupError:
        raise ConfigError(
            "No database is open", do="Start with 'awe', or call awlta.connect() first"
        ) from None


def equal(cls: type[Any], name: str, value: Any) -> Condition:
    """Return the condition that ``select(name=value)`` asks.

    A link given as text is compared by the name of the object linked; ``date`` asks for a
    night, unless the class has an attribute of that name.
    """
    path = Path(cls)
    known: Any = cls
    if name == "date" and name not in known.__attributes__ | known.__links__:
        return path.on_night(value)
    place = getattr(path, name)
    if isinstance(place, Path) and isinstance(value, str):
        place = place.name
    condition: Condition = place == value
    return condition


class Query(Generic[P]):
    """Objects of one class for which a condition holds.

    >>> # q = CameraImages.select(CameraImages.raw.run == 7)
    >>> # len(q), q[0], q.max("creation_date"), q.order_by("-n_events").first()
    """

    def __init__(self, question: Question) -> None:
        self._question = question

    @property
    def condition(self) -> Condition:
        """The condition of the query, with which others can be made."""
        self._refuse_limited("a condition")
        every = Everything(self._question.cls)
        have = self._question.condition
        return every if have is None else Both(every, have)

    def _with(self: Q, **changes: Any) -> Q:
        return type(self)(replace(self._question, **changes))

    def where(self: Q, condition: Condition | Query[Any]) -> Q:
        """Add a condition."""
        self._refuse_limited("a condition")
        asked = as_condition(condition)
        have = self._question.condition
        return self._with(condition=asked if have is None else Both(have, asked))

    def __and__(self: Q, other: Condition | Query[Any]) -> Q:
        return self.where(other)

    def __or__(self: Q, other: Condition | Query[Any]) -> Q:
        return self._with(condition=Either(self.condition, as_condition(other)))

    def __invert__(self: Q) -> Q:
        return self._with(condition=Not(self.condition))

    def project_only(self: Q, name: str) -> Q:
        """Keep the objects of a project."""
        return self.where(Path(self._question.cls)._project == name)

    def within(self: Q, ra: Any, dec: Any, radius: Any = None) -> Q:
        """Keep the objects in a cone on the sky; see ``Persistent.within``."""
        return self.where(Path(self._question.cls).within(ra, dec, radius))

    def order_by(self: Q, *paths: str) -> Q:
        """Order by dotted paths; a leading minus turns the order."""
        self._refuse_limited("an order")
        order = tuple(
            (resolve(self._question.cls, path.removeprefix("-")), path.startswith("-"))
            for path in paths
        )
        return self._with(order=order)

    def limit(self: Q, n: int) -> Q:
        """Take at most so many objects."""
        have = self._question.limit
        return self._with(limit=n if have is None else min(n, have))

    def _refuse_limited(self, what: str) -> None:
        if self._question.limit is not None:
            raise QueryError(
                f"A query that was limited cannot take {what}",
                expected="conditions and order first, limit() last",
            )

    def __len__(self) -> int:
        return current_store().count(self._question)

    def __bool__(self) -> bool:
        raise QueryError(
            "A query was used as true or false", do="Ask len(q) > 0, or q.first() is not None"
        )

    def __iter__(self) -> Iterator[P]:
        return iter(current_store().fetch(self._question))

    @overload
    def __getitem__(self, index: int) -> P: ...
    @overload
    def __getitem__(self, index: slice) -> list[P]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step not in (None, 1) or (index.start or 0) < 0 or (index.stop or 0) < 0:
                return self.all()[index]
            return self._part(index.start or 0, index.stop).all()
        if index < 0:
            return self.all()[index]
        found = self._part(index, index + 1).all()
        if not found:
            raise IndexError(f"The query has no object number {index}")
        return found[0]

    def _part(self: Q, start: int, stop: int | None) -> Q:
        question = self._question
        last = question.limit if stop is None else stop
        if question.limit is not None and last is not None:
            last = min(last, question.limit)
        size = None if last is None else max(0, last - start)
        return self._with(offset=question.offset + start, limit=size)

    def all(self) -> list[P]:
        """Return the objects; ``list(query)`` gives the same, but Python counts first."""
        return current_store().fetch(self._question)

    def first(self) -> P | None:
        """Return the first object, None if there is none."""
        return next(iter(self._part(0, 1)), None)

    def max(self, attribute: str) -> P | None:
        """Return the object with the largest value of an attribute, None if there is none."""
        return self.order_by(f"-{attribute}").first()

    def min(self, attribute: str) -> P | None:
        """Return the object with the smallest value of an attribute, None if there is none."""
        return self.order_by(attribute).first()

    def values(self, *paths: str) -> list[tuple[Any, ...]]:
        """Return the values at dotted paths, one row an object, in one statement."""
        cls = self._question.cls
        return current_store().rows(self._question, [resolve(cls, path) for path in paths])

    def counts(self, *paths: str) -> dict[Any, int]:
        """Return how many objects there are of each value, in one statement.

        Parameters
        ----------
        *paths : str
            Dotted paths by to-one links.

        Returns
        -------
        dict
            By value, or by tuple of values for several paths; rising, no value last.
        """
        if not paths:
            raise QueryError("counts() was asked of nothing", expected="a path, such as 'run'")
        cls = self._question.cls
        return current_store().counts(self._question, [resolve(cls, path) for path in paths])

    def to_table(self, paths: Sequence[str] | None = None) -> Any:
        """Return an astropy table, one row an object, with units and descriptions.

        Parameters
        ----------
        paths : sequence of str, optional
            Dotted paths; by default every attribute of the class.
        """
        # astropy is loaded for those who ask for a table of it
        from .tabulate import to_table

        cls: Any = self._question.cls
        return to_table(cls, paths or list(cls.__attributes__), self)

    def explain(self) -> str:
        """Return the SQL and the database's plan for it."""
        return current_store().explain(self._question)

    def __repr__(self) -> str:
        return f"<query for {self._question.cls.__name__}: {len(self)} objects>"

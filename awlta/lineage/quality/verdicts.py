"""Verdicts: what people say of products, with author, reason and history.

0 is bad, 1 is good, 2 is proposed for a wider scope. A product is judged by its owner; at the
project's level by any member of the project; once it is published by those who manage the
project. What was made from a product that is judged bad is out of date by definition; it can be
marked bad as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import func, select

from ...errors import BadValue, NotMade, Refused, UndeclaredInput
from ...persistent import Condition, Query, tables
from ...persistent.attributes.attributes import Attribute
from ...persistent.attributes.codecs import microseconds_to_time
from ...persistent.context import OBSERVATORY, PROJECT, Membership, memberships
from ...persistent.engine.retry import retried
from ...persistent.session import Session
from ...persistent.watches import watches
from ..keyset import downwards, listed, named
from ..workplace import current_database
from .quality import newest
from .standing import Subject, append, history, subjects

BAD, GOOD, PROPOSED = 0, 1, 2

WORDS = {BAD: "bad", GOOD: "good", PROPOSED: "proposed for a wider scope"}

NO_REASON = "no reason given"

_reason: ContextVar[str] = ContextVar("awlta_reason", default="")

asker: ContextVar[Callable[[Verdict], None] | None] = ContextVar("awlta_asker", default=None)
"""Who is asked what shall become of the dependents of what was judged bad; the prompt sets it."""


class Marked(NamedTuple):
    """How many dependents were marked bad, and how many were left as others may judge them."""

    marked: int
    left: int


@dataclass(frozen=True, repr=False)
class Verdict:
    """What somebody said of one product or several.

    Attributes
    ----------
    value : int
        0 bad, 1 good, 2 proposed for a wider scope.
    author, reason : str
    written : datetime, UTC
    keys : tuple of int
        The products.
    """

    value: int
    author: str
    reason: str
    written: datetime
    keys: tuple[int, ...]
    session: Session = field(compare=False)

    @cached_property
    def used_by(self) -> dict[str, int]:
        """How many products were made from these, by class, as far as you may read them."""
        return dict(sorted(Counter(dependents(self.session, self.keys).values()).items()))

    def mark_dependents(self) -> Marked:
        """Judge bad whatever was made from these, and is not judged bad already.

        Those that you may not judge are left. All is one transaction.
        """
        of = "a product" if len(self.keys) == 1 else "products"
        why = f": {self.reason}" if self.reason else ""
        below = _not_bad(self.session, list(dependents(self.session, self.keys)))
        mine, others = _sorted_by_rights(self.session, subjects(self.session, below), BAD)
        _write(self.session, mine, BAD, f"made from {of} judged bad{why}")
        return Marked(len(mine), len(others))

    def __str__(self) -> str:
        why = self.reason or NO_REASON
        when = f"{self.written:%Y-%m-%d %H:%M:%S}"
        return f"{self.value} ({WORDS[self.value]}) by {self.author} at {when}: {why}"

    def __repr__(self) -> str:
        return f"<Verdict {self}>"


class Judged:
    """What people say of a product."""

    def judge(self, value: int, reason: str = "") -> Verdict:
        """Write a verdict; the ones before it stay in the history.

        Parameters
        ----------
        value : int
            0 bad, 1 good, 2 proposed for a wider scope. 1 with a reason overrules quality flags
            that were set before.
        reason : str
            Why, in a few words; by default what :func:`because` says.

        Raises
        ------
        BadValue, NotMade
        Refused
            It is not yours to judge.
        """
        return judge(current_database(), self, value, reason)

    def verdicts(self) -> list[Verdict]:
        """Return every verdict on the product, the newest last."""
        key = self.__dict__.get("_key")
        return [] if key is None else verdicts(current_database(), key)

    def _set_standing(self, attribute: Attribute[Any], value: Any) -> None:
        """Take ``product.is_valid = 0`` for a verdict."""
        if attribute.name == "is_valid":
            self.judge(value)
            return
        raise Refused(
            f"{attribute.name} of {self!r} was set",
            expected="quality flags that verify() alone sets",
            do="Say your own verdict: is_valid = 0, or judge(0, reason)",
        )


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Give the reason of every verdict in a block that names none itself."""
    token = _reason.set(_checked_reason(reason))
    try:
        yield
    finally:
        _reason.reset(token)


def judge(session: Session, products: Any, value: int, reason: str = "") -> Verdict:
    """Write one verdict on one product or many, in one transaction.

    Parameters
    ----------
    session : Session
    products : product, sequence of products, Query or Condition
    value : int
    reason : str

    Raises
    ------
    BadValue, NotMade
    Refused
        One of them is not yours to judge; then nothing is written.
    """
    if isinstance(value, bool) or value not in WORDS:
        raise BadValue(f"is_valid = {value!r}", expected="0 (bad), 1 (good) or 2 (proposed)")
    if watches:
        raise UndeclaredInput(
            "A recipe judged a product",
            expected="recipes that read what they link and write what they make",
            do="Judge it when it is made",
        )
    reason = _checked_reason(reason) or _reason.get()
    verdict = _write(session, _refuse_others(session, _keys_of(products), value), value, reason)
    ask = asker.get()
    if value == BAD and ask is not None:
        ask(verdict)
    return verdict


def verdicts(session: Session, key: int) -> list[Verdict]:
    """Return every verdict on a product, the newest last."""
    return [
        Verdict(
            row.value, row.author, row.reason, microseconds_to_time(row.written), (key,), session
        )
        for row in history(session, key, "verdict")
    ]


def dependents(session: Session, keys: Sequence[int]) -> dict[int, str]:
    """Return key and class of everything in the read scope that was made from some products."""
    below = downwards(listed(session, keys))
    scope = session.context.scope(tables.product)
    with session.database.read() as connection:
        rows = connection.execute(named(below, session.database.dialect, scope)).all()
    found = {row.id: row.class_name for row in rows if row.counts}
    for key in keys:  # the walk begins with them
        found.pop(key, None)
    return found


def question(verdict: Verdict) -> str:
    """Return what is asked of dependents, empty if there are none."""
    used_by = verdict.used_by
    number = sum(used_by.values())
    if not number:
        return ""
    what = ", ".join(f"{n} {name}" for name, n in used_by.items())
    products = "1 product" if number == 1 else f"{number} products"
    return f"{products} used this ({what}), out of date now. Mark as bad too?"


def may_judge(session: Session, product: Any) -> Subject:
    """Return what rights go by for a committed product; raise Refused if it is not the user's."""
    return _refuse_others(session, _keys_of(product), BAD)[0]


def _refuse_others(session: Session, keys: Sequence[int], value: int) -> list[Subject]:
    """Return the products as subjects; raise Refused if one is not the user's to judge."""
    found = subjects(session, keys)
    if len(found) < len(keys):
        raise Refused(
            f"{len(keys) - len(found)} of these products are not in your read scope",
            do="Check project and privileges ('awlta status')",
        )
    mine, others = _sorted_by_rights(session, found, value)
    if others:
        _refuse(session, others)
    return mine


@retried
def _write(session: Session, judged: Sequence[Subject], value: int, reason: str) -> Verdict:
    author = session.context.user
    highest = max((subject.level for subject in judged), default=1)
    with session.unit(durable=highest > 1) as unit:
        said = dict.fromkeys(judged, (value, ""))
        append(unit, "verdict", author, reason, said)
    keys = tuple(subject.key for subject in judged)
    return Verdict(value, author, reason, unit.created, keys, session)


def _checked_reason(reason: Any) -> str:
    if isinstance(reason, str) and "\0" not in reason:
        return reason.strip()
    raise BadValue(f"The reason is {reason!r}", expected="a few words")


def _keys_of(products: Any) -> list[int]:
    """Return the keys of what was named; raise where it cannot be judged."""
    if isinstance(products, Condition):
        products = products.query()
    found = products.all() if isinstance(products, Query) else products
    several = [found] if isinstance(found, Judged) else found
    if not isinstance(several, Sequence) or isinstance(several, str):
        raise BadValue(f"{products!r} was judged", expected="data products, or a query for them")
    for product in several:
        if not isinstance(product, Judged):
            raise BadValue(f"{product!r} was judged", expected="a data product")
        if "_key" not in product.__dict__:
            raise NotMade(f"{product!r} cannot be judged yet", do="Call its make() first")
    return list(dict.fromkeys(product.__dict__["_key"] for product in several))


def _not_bad(session: Session, keys: Sequence[int]) -> list[int]:
    """Return those of some products whose newest verdict is not bad."""
    p = tables.product
    verdict = func.coalesce(newest(p, "verdict", "value"), GOOD)
    statement = select(p.c.id).where(p.c.id.in_(listed(session, keys)), verdict != BAD)
    with session.database.read() as connection:
        return list(connection.execute(statement).scalars())


# rights ------------------------------------------------------------------------------------


def _sorted_by_rights(
    session: Session, found: Sequence[Subject], value: int
) -> tuple[list[Subject], list[Subject]]:
    """Return the products that the user may judge, and the others."""
    context, mine, others = session.context, list[Subject](), list[Subject]()
    if all(s.owner == context.owner_key and s.level < OBSERVATORY for s in found):
        return list(found), []
    places = _memberships(session, found)
    for subject in found:
        owns, place = subject.owner == context.owner_key, places[subject.project]
        if subject.level < OBSERVATORY or value == PROPOSED:
            may = owns or (subject.level == PROJECT and place.may_use)
        else:  # where nobody manages the project, the owner does it alone
            may = place.is_manager or (owns and not place.managers)
        (mine if may else others).append(subject)
    return mine, others


def _memberships(session: Session, found: Sequence[Subject]) -> dict[int, Membership]:
    with session.database.read() as connection:
        projects = {subject.project for subject in found}
        return memberships(connection, session.context.owner_key, projects)


def _refuse(session: Session, others: Sequence[Subject]) -> None:
    """Raise Refused: say of the first product who may judge it."""
    first = others[0]
    place = _memberships(session, [first])[first.project]
    expected = "those who manage the project"
    if first.level < OBSERVATORY:
        expected = f"its owner, or a member of {place.project}"
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    names = ", ".join(place.managers)
    raise Refused(
        f"A {first.class_name} of level {first.level}{more} in project {place.project} is not "
        "yours to judge",
        expected=expected,
        do=f"Ask {names}" if names else "Ask its owner",
    )

"""Retention by class and category: a policy says how long bytes are kept.

A policy is a table of a TOML file::

    [retention]
    CameraImages.A = "30 d"       # class and category
    ImageParameters = "2 y"       # every category
    grace = "7 d"                 # how long it can be undone; 30 d if left out

What has expired is deleted as by hand, with one difference: what was made from it may live on,
since it can be made again. The last input that cannot be made again never expires.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ...errors import ConfigError, NotFound
from ...persistent import find_class, tables
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.engine.retry import retried
from ...persistent.session import Session
from ...persistent.tombstones import is_living
from ..recipes.parameters import CATEGORIES
from .deletable import Deletable
from .retention import GRACE, Deletion, bury, examine, retaining, told

_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(h|d|w|y)")

_HOURS = {"h": 1.0, "d": 24.0, "w": 168.0, "y": 8766.0}


@dataclass(frozen=True)
class Rule:
    """How long the products of a class, and of those derived from it, keep their bytes.

    Attributes
    ----------
    cls : type
    category : str or None
        None for every category.
    span : timedelta
        Since the creation.
    words : str
        The rule as it is written.
    """

    cls: type[Any]
    category: str | None
    span: timedelta
    words: str


@dataclass(frozen=True)
class Policy:
    """The rules of a file, and the grace of what they delete."""

    rules: tuple[Rule, ...]
    grace: timedelta = GRACE


def read_policy(path: Path) -> Policy:
    """Read a policy.

    Raises
    ------
    ConfigError
        It is no TOML, or names what is not; the line is named.
    """
    try:
        with open(path, "rb") as stream:
            told_rules = tomllib.load(stream)["retention"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise ConfigError(
            f"{path} is no retention policy: {error}", expected="TOML with a table [retention]"
        ) from error
    rules: list[Rule] = []
    grace = GRACE
    for name, value in told_rules.items():
        if name == "grace":
            grace = parse_span(value, f"grace in {path}")
            continue
        try:
            cls = find_class(name)
        except NotFound as error:
            raise ConfigError(f"{path} names the class {name}: {error}") from error
        if not issubclass(cls, Deletable):
            raise ConfigError(f"{path} names {name}", expected="a class of data products")
        by_category = value if isinstance(value, dict) else {None: value}
        for category, text in by_category.items():
            place = name if category is None else f"{name}.{category}"
            if category is not None and category not in CATEGORIES:
                raise ConfigError(f"{path} names {place}", expected=f"{name}.A, .B or .C")
            span = parse_span(text, f"{place} in {path}")
            rules.append(Rule(cls, category, span, f"{place} {text}"))
    return Policy(tuple(rules), grace)


def parse_span(text: Any, place: str) -> timedelta:
    """Return a span of time such as ``30 d``; raise ConfigError."""
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ConfigError(f"{place} is {text!r}", expected="such as '12 h', '30 d', '4 w', '2 y'")
    return timedelta(hours=float(found[1]) * _HOURS[found[2]])


def expire(
    session: Session, policy: Policy, *, dry_run: bool = False, now: datetime | None = None
) -> list[tuple[Rule, Deletion]]:
    """Delete what has expired; return it by rule.

    Only one's own products, none that is published or used by others, and none that cannot be
    made again: these are passed over.
    """
    when = datetime.now(UTC) if now is None else now
    return [(rule, _expire(session, rule, policy.grace, when, dry_run)) for rule in policy.rules]


@retried
def _expire(
    session: Session, rule: Rule, grace: timedelta, when: datetime, dry_run: bool
) -> Deletion:
    keys = _older(session, rule, when - rule.span)
    until = when + grace
    if dry_run or not keys:
        with session.database.read() as connection:
            case = examine(session, connection, keys)
            chosen = [s for key, s in case.subjects.items() if key not in case.faults]
            names, size = told(connection, [s.key for s in chosen])
    else:
        with retaining(session) as unit:
            case = examine(session, unit.connection, keys)
            chosen = [s for key, s in case.subjects.items() if key not in case.faults]
            names, size = told(unit.connection, [s.key for s in chosen])
            bury(unit, chosen, f"retention {rule.words}", until)
    return Deletion(tuple(names.values()), {}, size, until)


def _older(session: Session, rule: Rule, before: datetime) -> Sequence[int]:
    """Return the keys of one's own living products of a rule that own files and are older."""
    p, f = tables.product, tables.file
    owns = select(f.c.id).where(f.c.product == p.c.id)
    statement = select(p.c.id).where(
        p.c.class_name.in_(tables.class_names(rule.cls)),
        p.c.creation_date < time_to_microseconds(before),
        p.c.owner == session.context.owner_key,
        is_living(p),
        owns.exists(),
    )
    if rule.category is not None:
        statement = statement.where(p.c.category == rule.category)
    with session.database.read() as connection:
        return list(connection.execute(statement.order_by(p.c.id)).scalars())

"""Why a calibration was chosen for a product, and why each of the others was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from ...errors import BadValue
from ...persistent import tables
from ...persistent.attributes.attributes import AnyLink
from ...persistent.attributes.codecs import microseconds_to_time
from ...persistent.session import Session
from ..keyset import listed
from ..quality.quality import decode
from ..workplace import current_database
from .selection import choose_spans, load_spans
from .spans import needs_of, now_of, read_spans
from .standin import duration, rules_of
from .validity import Need, Span

VERDICTS = {0: "judged bad", 1: "good", 2: "proposed, not accepted yet"}


@dataclass(frozen=True)
class Candidate:
    """A calibration that might have been chosen for a product, and what became of it.

    Attributes
    ----------
    calibration : Calibration
    is_chosen : bool
        The rule chooses it now.
    is_used : bool
        The product links it.
    reasons : tuple of str
        Why it was chosen, or everything that kept it from being chosen.
    """

    calibration: Any
    is_chosen: bool
    is_used: bool
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the candidate as JSON holds it."""
        return {
            "class": type(self.calibration).__name__,
            "object_id": self.calibration.object_id,
            "chosen": self.is_chosen,
            "used": self.is_used,
            "reasons": list(self.reasons),
        }

    def __str__(self) -> str:
        sign = "chosen" if self.is_chosen else "not"
        used = " (in use)" if self.is_used else ""
        return f"{sign:6} {self.calibration!r}{used}: {'; '.join(self.reasons)}"


def why_chosen(product: Any, role: str) -> list[Candidate]:
    """Return every calibration for a link of a product with the reason it won or lost.

    The one that the rule chooses now comes first, then those that came nearest to being chosen.

    Parameters
    ----------
    product : DataProduct
        Committed, or an intention.
    role : str
        Name of a link that has ``valid_at``.
    """
    session = current_database()
    step = next((s for s in rules_of(type(product)) if s.name == role), None)
    if step is None:
        known = [s.name for s in rules_of(type(product))]
        raise BadValue(
            f"{type(product).__name__}.{role} is not chosen by validity",
            expected=", ".join(known) or "a class with a link that has valid_at",
        )
    return explain(session, product, step)


def explain(session: Session, product: Any, step: AnyLink) -> list[Candidate]:
    """Return the candidates for one link of a product; the queries do not grow with them."""
    (need,) = needs_of(session, step, [product])
    (chosen,) = choose_spans(session, step, [need])
    spans = read_spans(session, step.target, step.same)
    used = getattr(product, step.name)
    said = _said(session, [s.key for s in spans if not s.is_usable])
    told = [(_reasons(s, need, chosen, step, said, now_of(session)), s) for s in spans]
    told.sort(key=lambda entry: (entry[1] != chosen, len(entry[0]), entry[1].rank))
    calibrations = load_spans(session, [span for _, span in told])
    return [
        Candidate(calibration, span == chosen, calibration is used, reasons)
        for (reasons, span), calibration in zip(told, calibrations, strict=True)
    ]


def _reasons(
    span: Span,
    need: Need,
    chosen: Span | None,
    step: AnyLink,
    said: dict[int, list[str]],
    now: int,
) -> tuple[str, ...]:
    against: list[str] = []
    if not need.may_use(span, now):
        against.append("outside the scope of the product's project and level")
    if need.members is not None and span.key not in need.members:
        against.append("not in the pinned set")
    if span.place != need.place:
        against.append(f"its {step.same} is another")
    if not span.is_usable:
        against += said.get(span.key) or [VERDICTS[span.verdict]]
    if need.when is None:
        against.append("the time of the product is not known")
    elif not span.covers(need.when):
        side = "begins after" if span.start > need.when else "ended before"
        against.append(f"{side} the time, by {duration(span.gap(need.when))}")
    if span.category < need.category:
        against.append(f"category {span.category} is below {need.category}")
    if span == chosen:
        if against:
            return (f"fallback ({' or '.join(step.fallback)}): {' and '.join(against)}",)
        return ("the newest of those that fit",)
    if against or chosen is None:
        return tuple(against)
    return (_why_ranked_lower(span, chosen),)


def _why_ranked_lower(span: Span, chosen: Span) -> str:
    """Return why a calibration that fits lost against the chosen one."""
    if span.created == chosen.created:
        return "made at the same instant as the chosen one, and its object_id comes later"
    since = duration(chosen.created - span.created)
    return f"eclipsed: the chosen one was made {since} later"


def _said(session: Session, keys: Sequence[int]) -> dict[int, list[str]]:
    """Return what was said of calibrations that may not be chosen: who, why, which flags."""
    s = tables.standing
    columns = (s.c.product, s.c.kind, s.c.value, s.c.detail, s.c.reason, s.c.author, s.c.written)
    statement = (
        select(*columns)
        .where(s.c.product.in_(listed(session, keys)), s.c.kind.in_(("verdict", "flags")))
        .where(session.context.until(s))
        .order_by(s.c.id)
    )
    with session.database.read() as connection:
        newest = {(row.product, row.kind): row for row in connection.execute(statement)}
    found: dict[int, list[str]] = {}
    for (key, kind), row in newest.items():
        told = found.setdefault(key, [])
        if kind == "verdict" and row.value != 1:
            when = microseconds_to_time(row.written)
            told.append(f"{VERDICTS[row.value]} by {row.author} on {when:%Y-%m-%d}: {row.reason}")
        elif kind == "flags" and row.value < 0:
            names = [raised.flag for raised in decode(row.detail) if raised.blocking]
            told.append(f"flagged {', '.join(names)}")
    return found

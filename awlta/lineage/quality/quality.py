"""Quality flags, and the one place that says which products may be selected.

``usable_condition(product, as_of=None)``
    SQL, for any alias of the product table: the newest verdict is 1, and no blocking flag is
    set, or people overruled the flags by a verdict 1 with a reason that is newer than they are.
``usable_keys(session, keys, as_of=None)``
    The same for products by their keys, as a set.
``blocking_bits(cls)``
    The bits of a class that keep its products from being selected.
``note(product, flag, value, threshold)``, ``write_new(unit, key, product)``
    How a flag of the system is set on a product before its commit, and the row written then.

A row of kind ``flags`` holds the bits that are set. The number is negative if one of them blocks,
so that the database knows it without knowing classes; ``quality_flags`` reads without the sign.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, overload

from sqlalchemy import ColumnElement, ScalarSelect, and_, func, or_, select

from ...errors import BadValue, Refused
from ...persistent import tables
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.classes.unit import Unit
from ...persistent.session import Session
from ..keyset import listed

CLASS_BITS = range(48)
SYSTEM_BITS = range(48, 63)

VERIFIED = "verify()"
"""Reason of the rows that ``verify()`` wrote, which tells them from those of the system alone."""


# what may be selected ----------------------------------------------------------------------


def newest(
    product: Any, kind: str, column: str, as_of: datetime | None = None
) -> ScalarSelect[Any]:
    """Return a column of the newest standing row of a kind, as SQL; NULL where there is none.

    Parameters
    ----------
    product : alias of the product table, or a column that holds keys of products
    kind : str
        ``verdict``, ``flags``, ...
    column : str
    as_of : datetime, optional
        Rows written later do not count.
    """
    key = getattr(getattr(product, "c", None), "id", product)
    row = tables.standing.alias()
    statement = select(row.c[column]).where(row.c.product == key, row.c.kind == kind)
    if as_of is not None:
        statement = statement.where(row.c.written <= time_to_microseconds(as_of))
    return statement.order_by(row.c.id.desc()).limit(1).scalar_subquery()


def usable_condition(product: Any, as_of: datetime | None = None) -> ColumnElement[bool]:
    """Return the condition that a product may be selected; it is never NULL.

    Parameters
    ----------
    product : alias of the product table, or a column that holds keys of products
    as_of : datetime, optional
        As it was then.
    """
    verdict = func.coalesce(newest(product, "verdict", "value", as_of), 1)
    flags = func.coalesce(newest(product, "flags", "value", as_of), 0)
    has_reason = func.coalesce(newest(product, "verdict", "reason", as_of), "") != ""
    judged = func.coalesce(newest(product, "verdict", "id", as_of), 0)
    flagged = func.coalesce(newest(product, "flags", "id", as_of), 0)
    return and_(verdict == 1, or_(flags >= 0, and_(has_reason, judged > flagged)))


def usable_keys(session: Session, keys: Sequence[int], as_of: datetime | None = None) -> set[int]:
    """Return those of some products that may be selected, by their keys."""
    p = tables.product
    wanted = p.c.id.in_(listed(session, keys))
    statement = select(p.c.id).where(wanted, usable_condition(p, as_of))
    with session.database.read() as connection:
        return set(connection.execute(statement).scalars())


# flags of a class --------------------------------------------------------------------------


@dataclass(frozen=True)
class Raised:
    """A flag that is set on a product.

    Attributes
    ----------
    flag : str
        Its name.
    bit : int
    blocking : bool
        Whether it keeps the product from being selected.
    value, threshold : float or None
        What was found, and the limit that it passed.
    doc : str
        What the flag means.
    """

    flag: str
    bit: int
    blocking: bool
    value: float | None = None
    threshold: float | None = None
    doc: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the flag as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Any) -> Raised:
        """Read a flag from outside; raise BadValue where it is malformed."""
        try:
            raised = cls(
                str(told["flag"]),
                int(told["bit"]),
                bool(told["blocking"]),
                _number(told["value"]),
                _number(told["threshold"]),
                str(told.get("doc", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadValue(f"{str(told)[:80]!r} is no quality flag") from error
        if raised.bit not in CLASS_BITS and raised.bit not in SYSTEM_BITS:
            raise BadValue(f"The flag {raised.flag} has bit {raised.bit}", expected="0 to 62")
        return raised

    def __str__(self) -> str:
        found = "" if self.value is None else f" {self.value:.6g}"
        limit = "" if self.threshold is None else f", limit {self.threshold:.6g}"
        return f"{self.flag}:{found}{limit} ({self.doc})"


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


class QCFlag:
    """A quality flag of a class of products: one bit of ``quality_flags``.

    ::

        class Pedestal(Calibration):
            BAD_RMS = QCFlag(0, "noise above limit")

            def verify(self) -> None:
                self.BAD_RMS.above(self.median_noise, 20)

    Parameters
    ----------
    bit : int
        0 to 47, one for each flag of a class and its bases; 48 and above are the system's.
    doc : str
        What it means.
    blocking : bool
        Products with it are not selected, unless people overrule it.
    """

    def __init__(self, bit: int, doc: str, *, blocking: bool = True) -> None:
        if isinstance(bit, bool) or not isinstance(bit, int):
            raise BadValue(f"A quality flag has the bit {bit!r}", expected="a number from 0 to 47")
        if not isinstance(doc, str) or not doc.strip():
            raise BadValue(
                "A quality flag has no documentation", expected='QCFlag(0, "rms above limit")'
            )
        self.bit = bit
        self.doc = doc
        self.blocking = blocking
        self.name = ""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, obj: None, cls: Any) -> QCFlag: ...
    @overload
    def __get__(self, obj: object, cls: Any) -> Mark: ...
    def __get__(self, obj: Any, cls: Any) -> Any:
        return self if obj is None else Mark(self, obj)

    def __set__(self, obj: Any, value: int) -> None:
        if value not in (0, 1):
            raise BadValue(f"{self.name} = {value!r}", expected="1 to set the flag, 0 to clear it")
        Mark(self, obj).put(None if value == 0 else self.raised(None, None))

    def raised(self, value: float | None, threshold: float | None) -> Raised:
        """Return the flag as it is when it is set."""
        numbers = _number(value), _number(threshold)
        return Raised(self.name, self.bit, self.blocking, *numbers, self.doc)

    def __repr__(self) -> str:
        blocking = "blocking" if self.blocking else "not blocking"
        return f"<QCFlag {self.name}, bit {self.bit}, {blocking}: {self.doc}>"


class Mark:
    """A flag of one product: true if it is set; ``verify()`` sets it."""

    def __init__(self, flag: QCFlag, product: Any) -> None:
        self._flag = flag
        self._product = product

    def __bool__(self) -> bool:
        return self._flag.name in {raised.flag for raised in report(self._product)}

    def set(self, value: float | None = None, threshold: float | None = None) -> None:
        """Set the flag, with what was found and the limit that it passed."""
        self.put(self._flag.raised(value, threshold))

    def above(self, value: float, threshold: float) -> None:
        """Set the flag if a value is above its limit, or no number."""
        self.put(None if value <= threshold else self._flag.raised(value, threshold))

    def below(self, value: float, threshold: float) -> None:
        """Set the flag if a value is below its limit, or no number."""
        self.put(None if value >= threshold else self._flag.raised(value, threshold))

    def put(self, raised: Raised | None) -> None:
        """Take what verify() found of this flag: set, or None."""
        found = self._product.__dict__.get("_verifying")
        if found is None:
            raise Refused(
                f"{self._flag.name} of {self._product!r} was set outside verify()",
                expected="quality flags that verify() alone sets",
                do="Say your own verdict: is_valid = 0, or judge(0, reason)",
            )
        found.pop(self._flag.name, None)
        if raised is not None:
            found[self._flag.name] = raised

    def __repr__(self) -> str:
        return f"<{self._flag.name} {'set' if self else 'not set'}: {self._flag.doc}>"


FALLBACK_CALIBRATION = QCFlag(48, "a calibration that stands in for a missing one", blocking=False)
"""Flag of the system: an input was chosen only because there was none for the time."""
FALLBACK_CALIBRATION.name = "FALLBACK_CALIBRATION"


def flags_of(cls: type[Any]) -> dict[str, QCFlag]:
    """Return the flags of a class and its bases by name."""
    found: dict[str, QCFlag] = {}
    for part in reversed(cls.__mro__):
        found |= {name: flag for name, flag in vars(part).items() if isinstance(flag, QCFlag)}
    return found


def blocking_bits(cls: type[Any]) -> int:
    """Return the bits that keep products of a class from being selected."""
    return sum(1 << flag.bit for flag in flags_of(cls).values() if flag.blocking)


def check_flags(cls: type[Any]) -> None:
    """Raise BadValue where two flags of a class have one bit, or a bit is not its own to give."""
    names: dict[int, str] = {}
    for name, flag in flags_of(cls).items():
        if flag.bit not in CLASS_BITS:
            raise BadValue(
                f"{cls.__name__}.{name} has bit {flag.bit}",
                expected="0 to 47: those above are the system's",
            )
        if flag.bit in names:
            raise BadValue(
                f"{cls.__name__}.{name} and {names[flag.bit]} both have bit {flag.bit}",
                expected="one bit for each flag of a class and its bases",
                do=f"Give {name} another number",
            )
        names[flag.bit] = name


# rows --------------------------------------------------------------------------------------


def note(
    product: Any, flag: QCFlag, value: float | None = None, threshold: float | None = None
) -> None:
    """Set a flag of the system on a product that is about to be committed."""
    product.__dict__.setdefault("_flags", {})[flag.name] = flag.raised(value, threshold)


def noted(product: Any) -> dict[str, Raised]:
    """Return the flags that were set on a product that is not committed yet."""
    found: dict[str, Raised] = product.__dict__.get("_flags", {})
    return found


def encode(flags: Iterable[Raised]) -> tuple[int, str]:
    """Return value and detail of the row for some flags."""
    kept = sorted(flags, key=lambda raised: raised.bit)
    bits = sum(1 << raised.bit for raised in kept)
    blocked = any(raised.blocking for raised in kept)
    detail = json.dumps([raised.to_json() for raised in kept]) if kept else "[]"
    return -bits if blocked else bits, detail


def decode(detail: str) -> list[Raised]:
    """Return the flags that a row tells of."""
    return [Raised.from_json(told) for told in json.loads(detail or "[]")]


def write_new(unit: Unit, key: int, product: Any) -> None:
    """Add the row with the flags of a product that is being committed, if it needs one.

    A product that was verified has a row even if nothing was found.
    """
    if "_flags" not in product.__dict__:
        return
    reason = VERIFIED if product.__dict__.get("_is_verified") else ""
    value, detail = encode(noted(product).values())
    row = (key, "flags", value, detail, reason, unit.context.user, unit.now)
    unit.row(tables.standing, (unit.key(), *row))


def to_json(product: Any) -> list[dict[str, Any]] | None:
    """Return what verify() found on a runner as it crosses the wire, None if it did not run."""
    if not product.__dict__.get("_is_verified"):
        return None
    return [raised.to_json() for raised in noted(product).values()]


def take(product: Any, told: Any) -> None:
    """Set what a runner says that verify() found; raise BadValue for flags the class has not."""
    if told is None:
        return
    known = flags_of(type(product))
    if not isinstance(told, list):
        raise BadValue(f"{str(told)[:80]!r} are no quality flags", expected="a list")
    for raised in map(Raised.from_json, told):
        if raised.flag not in known:
            raise BadValue(
                f"{type(product).__name__} has no quality flag {raised.flag[:80]!r}",
                expected=", ".join(known) or "none",
                do="Do both ends run the same release?",
            )
        note(product, known[raised.flag], raised.value, raised.threshold)
    product.__dict__.setdefault("_flags", {})
    product.__dict__["_is_verified"] = True


def report(product: Any) -> list[Raised]:
    """Return the flags that are set on a product, with what was found and the limits."""
    found = product.__dict__.get("_verifying")
    if found is None and not product.is_stored:
        found = noted(product)
    if found is not None:
        return sorted(found.values(), key=lambda raised: raised.bit)
    return product._stored_flags()  # type: ignore[no-any-return]

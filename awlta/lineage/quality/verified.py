"""Verification: ``verify()`` judges what a recipe has made and sets the quality flags.

An author writes ``verify`` into a class; it reads the product and its files and sets flags. It
runs when the recipe has ended, before anything is committed, and again whenever it is called on
a committed product. A system flag that was set at commit stays.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from ...errors import AwltaError, NotMade, RecipeFailed
from ...persistent.engine.retry import retried
from ...persistent.session import Session
from ..files.filed import landing
from ..recipes.watch import refuse_nested, watching
from ..workplace import current_database
from . import quality
from .quality import VERIFIED, Raised
from .standing import Subject, append, history
from .verdicts import may_judge

Plain = Callable[[Any], None]


class Verified:
    """What the system says of a product: its quality flags."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        quality.check_flags(cls)
        own = cls.__dict__.get("verify")
        if own is not None:
            cls.verify = _verifying(own)  # type: ignore[assignment, method-assign]

    def verify(self) -> None:
        """Set the quality flags; a class that has any says here how.

        ``make()`` calls it before the commit. Called on a committed product it checks again, and
        what it finds is written if it differs.
        """

    def is_verified(self) -> bool:
        """Tell whether ``verify()`` has checked the product, whatever it found."""
        rows = self._flag_rows()
        return any(row.reason == VERIFIED for row in rows)

    def get_qcflags_set(self) -> list[str]:
        """Return the names of the quality flags that are set, in order of their bits."""
        return [raised.flag for raised in self.quality_report()]

    def quality_report(self) -> list[Raised]:
        """Return the quality flags that are set, each with value, threshold and meaning."""
        return quality.report(self)

    def _flag_rows(self) -> list[Any]:
        key = self.__dict__.get("_key")
        return [] if key is None else history(current_database(), key, "flags")

    def _stored_flags(self) -> list[Raised]:
        rows = self._flag_rows()
        return quality.decode(rows[-1].detail) if rows else []


def _verifying(plain: Plain) -> Plain:
    """Return the method that stands for an author's ``verify``."""

    @wraps(plain)
    def verify(self: Any) -> None:
        if "_verifying" in self.__dict__:  # from make(), or by super() from a subclass
            plain(self)
        else:
            verify_again(self)

    return verify


def has_verify(cls: type[Any]) -> bool:
    """Tell whether a class says how its products are verified."""
    return cls.verify is not Verified.verify


def verify_new(product: Any, scratch: Path, touch: Callable[[], None]) -> None:
    """Verify what a recipe has just made, before it is committed.

    Raises
    ------
    RecipeFailed
        ``verify`` raised, or changed the product.
    """
    if not has_verify(type(product)):
        return
    before = dict(product.__dict__)
    found = _check(product, scratch, touch)
    changed = [n for n, v in product.__dict__.items() if n not in before or before[n] is not v]
    if changed:
        raise RecipeFailed(
            f"{type(product).__name__}.verify set {', '.join(changed)}",
            expected="a verify() that reads the product and sets quality flags alone",
            do="Work it out in make()",
        )
    kept = {n: r for n, r in quality.noted(product).items() if r.bit in quality.SYSTEM_BITS}
    product.__dict__["_flags"] = {**kept, **found}
    product.__dict__["_is_verified"] = True


def verify_again(product: Any) -> None:
    """Verify a committed product; a row is written if what is found differs.

    Raises
    ------
    NotMade, RecipeFailed
    Refused
        The product is not yours to judge.
    """
    refuse_nested(product)
    if not product.is_stored:
        raise NotMade(f"{product!r} is not made yet", do="Call make(), which verifies it too")
    session = current_database()
    subject = may_judge(session, product)
    old = product.quality_report()
    with tempfile.TemporaryDirectory(prefix="awlta-verify.") as folder:
        token = landing.set(Path(folder))
        try:
            found = list(_check(product, Path(folder), lambda: None).values())
        finally:
            landing.reset(token)
    found += [raised for raised in old if raised.bit in quality.SYSTEM_BITS]
    value, detail = quality.encode(found)
    if product.is_verified() and detail == quality.encode(old)[1]:
        return
    _write(session, subject, value, detail)


@retried
def _write(session: Session, subject: Subject, value: int, detail: str) -> None:
    with session.unit(durable=subject.level > 1) as unit:
        append(unit, "flags", session.context.user, VERIFIED, {subject: (value, detail)})


def _check(product: Any, scratch: Path, touch: Callable[[], None]) -> dict[str, Raised]:
    """Run ``verify`` under the watch of recipes; return the flags that it set."""
    name = f"{type(product).__name__}.verify"
    found: dict[str, Raised] = {}
    product.__dict__["_verifying"] = found
    try:
        with watching(product, scratch, touch):
            product.verify()
    except AwltaError:
        raise
    except Exception as error:
        raise RecipeFailed(
            f"{name} raised {type(error).__name__}: {error}",
            do="The chained traceback tells where",
        ) from error
    finally:
        product.__dict__.pop("_verifying", None)
    return found

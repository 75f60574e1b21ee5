"""What an author writes in a class body: ``persistent()``, ``link()`` and ``reference()``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import BadValue
from ..attributes.attributes import MISSING, Attribute


def persistent(
    doc: str,
    *,
    unit: str | None = None,
    default: Any = MISSING,
    init: bool = True,
    low: float | None = None,
    high: float | None = None,
    index: bool = False,
    sky: str | None = None,
    night: str | None = None,
) -> Any:
    """Declare a persistent attribute.

    Parameters
    ----------
    doc : str
        What the value means; compulsory, shown by ``help`` and in documents.
    unit : str, optional
        Unit of the bare number; a Quantity is converted to it.
    default : object, optional
    init : bool
        False for what the recipe works out: it is then no constructor argument.
    low, high : float, optional
        Least and greatest value allowed, both included.
    index : bool
        Objects are often looked for by this value: the column gets an index.
    sky : {"ra", "dec"}, optional
        The value is this part of the position on the sky by which ``within`` goes; unit deg.
    night : str, optional
        The value is the time by which ``select(date=...)`` goes; a dotted path by to-one links
        leads to the name of the time zone of the site.
    """
    return Attribute[Any](doc, unit, default, init, low, high, index, sky, night)


class LinkDeclaration:
    """What :func:`link` leaves in the class body until the annotation says which kind."""

    def __init__(self, default: Any, *arguments: Any) -> None:
        self.arguments = arguments
        self.default = default


FALLBACKS = ("lower-category", "earlier", "nearest")
"""What may be chosen by a link with ``valid_at`` where no calibration fits."""


def link(
    doc: str,
    *,
    valid_at: str | None = None,
    same: str | None = None,
    fallback: str | Sequence[str] = (),
    locates: bool = False,
    default: Any = MISSING,
) -> Any:
    """Declare a link to an input.

    Parameters
    ----------
    doc : str
        What the object is for.
    valid_at : str, optional
        Dotted path to a time, such as ``"raw.start"``: the calibration that is valid then
        is what the link should point to, and is chosen where none is given.
    same : str, optional
        With ``valid_at``: a dotted path, such as ``"raw.telescope"``, that must lead to the
        same object from the product and from the calibration.
    fallback : str or sequence of str, optional
        With ``valid_at``: what is chosen where no calibration fits, tried in this order, and
        flagged on the product: ``"lower-category"`` (it covers the time), ``"earlier"`` (the
        last that ended before), ``"nearest"`` (the least time away).
    locates : bool
        ``within`` and ``select(date=...)`` go by position and time of the object linked.
    default : None or a sequence, optional
        ``None`` for an OptionalLink, ``()`` for Links.
    """
    names = (fallback,) if isinstance(fallback, str) else tuple(fallback)
    if unknown := [name for name in names if name not in FALLBACKS]:
        raise BadValue(f"fallback={unknown[0]!r}", expected=f"one of {', '.join(FALLBACKS)}")
    if names and valid_at is None:
        raise BadValue("A link has a fallback and no valid_at", expected="a rule to fall back from")
    return LinkDeclaration(default, doc, True, valid_at, same, names, locates)


def reference(doc: str, *, default: Any = MISSING) -> Any:
    """Declare a link that is no input: an observation, a proposal, a publication."""
    return LinkDeclaration(default, doc, False)

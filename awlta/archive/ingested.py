"""Products that come in as a file: what a class must tell so that its files can be ingested."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ..errors import AwltaError, BadInput
from ..lineage import DataProduct
from ..persistent import Attribute, persistent, registry
from . import sip

P = TypeVar("P", bound="Ingested")


class Ingested(DataProduct):
    """A product whose file was delivered, not made here.

    A class of a recipes package that derives from this, and tells what its files are, can be
    ingested by ``awlta ingest``; no other file knows it.
    """

    data_level: ClassVar[str] = "DL0"

    original_name: Attribute[str] = persistent("name under which the file was delivered")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Tell, by its bytes and quickly, whether a file may be of this class."""
        return False

    @classmethod
    def from_file(cls: type[P], path: Path) -> P:
        """Return the product that a file is, after checking the file whole.

        Raises
        ------
        BadInput
            The file cannot be used; the place is named.
        """
        raise BadInput(f"{cls.__name__} has no files to be ingested")

    def format(self) -> tuple[str, str, str]:
        """Return format name, media type and ending of the file's name."""
        raise BadInput(f"{type(self).__name__} does not tell its format")

    def process(self) -> tuple[sip.ProcessKind, str]:
        """Return what sort of process made the file, and its name."""
        return sip.ProcessKind.UNSPECIFIED, "unknown"


def recognise(path: Path) -> type[Ingested]:
    """Return the class that a file is of; raise BadInput where none knows it."""
    known = sorted(
        (c for c in registry.values() if issubclass(c, Ingested) and c is not Ingested),
        key=lambda c: c.__name__,
    )
    for cls in known:
        if cls.recognises(path):
            return cls
    with open(path, "rb") as stream:
        head = stream.read(16)
    size = path.stat().st_size
    raise BadInput(
        f"{path.name} ({size} bytes, beginning with {head!r}) is of no known kind"
        if size
        else f"{path.name} is empty",
        expected="a file of " + ", ".join(f"{c.__name__} ({_summary(c)})" for c in known),
        do="Compare size and digest with the source; install the recipes package of its format",
    )


def product_of(path: Path) -> Ingested:
    """Return the product that a file is.

    Raises
    ------
    BadInput
        No class knows it, or it cannot be used; whatever a library makes of a damaged file.
    """
    try:
        return recognise(path).from_file(path)
    except AwltaError:
        raise
    except Exception as error:
        raise BadInput(
            f"{path.name} cannot be read: {type(error).__name__}: {error}",
            expected="a whole and undamaged file",
            do="Compare size and digest with the source",
        ) from error


def _summary(cls: type[Any]) -> str:
    return (cls.__doc__ or "").split("\n")[0].rstrip(".")


def sip_attributes(product: Ingested) -> tuple[sip.NamedValue, ...]:
    """Return the scalar attributes of a product as a SIP announces them."""
    found = []
    for name, attribute in type(product).__attributes__.items():
        value: Any = product.__dict__.get(name)
        if attribute.source != "class" or value is None:
            continue
        value = getattr(value, "value", value)
        if isinstance(value, float) and value != value:
            continue
        if isinstance(value, bool | int | float | str | datetime):
            found.append(sip.NamedValue(name, value, attribute.unit or ""))
    return tuple(found)

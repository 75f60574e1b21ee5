"""The order to make a product again: what it was made from, as one JSON document.

It is written by the release that runs today and read by the one that the product was made with.
A release that changes the format gives it another number, and goes on writing the old one for
releases that know no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import BadInput
from ...persistent.classes.records import ObjectRecord
from ..files.filed import FileRecord

ORDER_FORMAT = 1
"""Number of the format of an order."""

RESULT_FORMAT = 1
"""Number of the format of what comes of it: ``RESULT.json``."""


@dataclass(frozen=True)
class Given:
    """One object that the recipe may reach, as it was when the product was made.

    Attributes
    ----------
    record : ObjectRecord
    files : tuple of FileRecord
    standing : dict
        ``is_valid`` and ``quality_flags``.
    names : tuple
        Owner, project and level.
    """

    record: ObjectRecord
    files: tuple[FileRecord, ...]
    standing: dict[str, int]
    names: tuple[str, str, int]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "record": self.record.to_json(),
            "files": [file.to_json() for file in self.files],
            "standing": self.standing,
            "names": list(self.names),
        }

    @classmethod
    def from_json(cls, value: Any) -> Given:
        """Read it from an order."""
        return cls(
            ObjectRecord.from_json(value["record"]),
            tuple(FileRecord.from_json(f) for f in value["files"]),
            {str(k): int(v) for k, v in value["standing"].items()},
            _names(value["names"]),
        )


@dataclass(frozen=True)
class Order:
    """What is to be made again, and all that it may be made from.

    Attributes
    ----------
    product : ObjectRecord
        The intention: attributes that were given, and links.
    objects : tuple of Given
        Everything that links lead to from it.
    packages : tuple of str
        Recipe packages of the release.
    names : tuple
        Owner, project and level of the product.
    """

    product: ObjectRecord
    objects: tuple[Given, ...]
    packages: tuple[str, ...]
    names: tuple[str, str, int]

    def to_json(self) -> dict[str, Any]:
        """Return the order as JSON holds it."""
        return {
            "format": ORDER_FORMAT,
            "product": self.product.to_json(),
            "objects": [given.to_json() for given in self.objects],
            "packages": list(self.packages),
            "names": list(self.names),
        }

    @classmethod
    def from_json(cls, value: Any) -> Order:
        """Read an order; raise BadInput where it is another format, or malformed."""
        number = value.get("format") if isinstance(value, dict) else None
        if number != ORDER_FORMAT:
            raise BadInput(
                f"The order has the format {number!r}",
                expected=f"format {ORDER_FORMAT}, which is what this release knows",
                do="Reproduce with a release of awlta that writes this format",
            )
        try:
            return cls(
                ObjectRecord.from_json(value["product"]),
                tuple(Given.from_json(v) for v in value["objects"]),
                tuple(str(name) for name in value["packages"]),
                _names(value["names"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"The order is malformed: {error!r}") from error


def _names(value: Any) -> tuple[str, str, int]:
    owner, project, level = value
    return str(owner), str(project), int(level)

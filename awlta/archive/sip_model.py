"""What a submission information package (SIP) says, as frozen values.

One :class:`Sip` announces one data product and tells its whole history. Products and
processes are described once each and name one another by :class:`Identifier`, so that a
product used twice is still one product. An empty text stands for "not told" and is not
written. What the values must fulfil is said by the schema and by :mod:`.sip_rules`, and
checked when a SIP is written or read; the values themselves check nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from ..digest import Digests

SIP_VERSION = "1.0"
"""Version of the documents that are written and read."""


class ProcessKind(StrEnum):
    """What sort of process made a product.

    ``UNSPECIFIED`` says that nobody knows, not that no other word fits.
    """

    OBSERVATION = "observation"
    SIMULATION = "simulation"
    PIPELINE = "pipeline"
    INGEST = "ingest"
    UNSPECIFIED = "unspecified"


class RelationKind(StrEnum):
    """How a product is connected with another, read from left to right."""

    WAS_DERIVED_FROM = "wasDerivedFrom"
    SUPERSEDES = "supersedes"
    CALIBRATES = "calibrates"
    IS_RESPONSE_OF = "isResponseOf"
    IS_PART_OF = "isPartOf"
    DESCRIBES = "describes"


@dataclass(frozen=True)
class Identifier:
    """A name that is unique within the system that gave it.

    Attributes
    ----------
    source : str
        System that gave the name; ``awlta`` gives object_ids, which are UUIDs.
    value : str
        The name. Two identifiers are equal only if both parts are.
    """

    source: str
    value: str

    def __str__(self) -> str:
        return f"{self.source}:{self.value}"


@dataclass(frozen=True)
class NamedValue:
    """A scalar attribute of a product or a parameter of a process.

    Attributes
    ----------
    name : str
    value : bool, int (64 bits), float (not NaN), str or datetime (UTC)
        Its Python type is kept: ``1``, ``1.0``, ``True`` and ``"1"`` are read as written.
    unit : str
        Of an int or float only; empty without unit.
    """

    name: str
    value: bool | int | float | str | datetime
    unit: str = ""


@dataclass(frozen=True)
class Project:
    """The project that owns the product."""

    name: str
    description: str = ""


@dataclass(frozen=True)
class Generator:
    """The program that wrote the document."""

    name: str
    version: str


@dataclass(frozen=True)
class AccessRights:
    """Who may see the product.

    Attributes
    ----------
    level : int
        1 MyDB, 2 project, 3 observatory, 4 world, 5 VO.
    embargo : date or None
        First day (UTC) on which the level holds; before it the product stays within its project.
    licence : str
        Name of the licence, such as ``CC-BY-4.0``.
    """

    level: int
    embargo: date | None = None
    licence: str = ""


@dataclass(frozen=True)
class FileDescription:
    """One file of the product: its name, what its bytes are, how to read them.

    Attributes
    ----------
    name : str
        Name under which the file is sent, without directory.
    size : int, bytes
    sha256, adler32, md5 : str, lower-case hexadecimal digits
        ``md5`` may be empty. It is kept for the sender's books, the archive does not measure it.
    media_type : str
        Such as ``application/x-hdf5``.
    format_name, format_version : str
        Such as ``HDF5`` and ``1.14``; the version may be empty.
    """

    name: str
    size: int
    sha256: str
    adler32: str
    media_type: str
    format_name: str
    format_version: str = ""
    md5: str = ""

    @property
    def digests(self) -> Digests:
        """Size and digests in the form in which a transfer measures them."""
        return Digests(self.size, self.sha256, self.adler32)


@dataclass(frozen=True)
class Relation:
    """A typed connection from the product that holds it to another product.

    ``is_external`` declares that this document tells nothing more of the other product.
    """

    kind: RelationKind
    target: Identifier
    is_external: bool = False


@dataclass(frozen=True)
class ProductDescription:
    """The product to be archived.

    Attributes
    ----------
    identifier : Identifier
        Its value is the object_id, a UUID.
    class_name : str
        Such as ``RawFile``.
    level : str
        Data level, R0, R1 or DL0 to DL6.
    process : Identifier
        The one process that made it, described in the same document.
    access : AccessRights
    files : tuple of FileDescription
        One at least.
    category : str
        A, B, C or empty.
    attributes : tuple of NamedValue
        What the class wants to know; a new class needs no new schema.
    relations : tuple of Relation
    """

    identifier: Identifier
    class_name: str
    level: str
    process: Identifier
    access: AccessRights
    files: tuple[FileDescription, ...]
    category: str = ""
    attributes: tuple[NamedValue, ...] = ()
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class ProcessInput:
    """One product that a process used.

    Attributes
    ----------
    identifier : Identifier
    role : str
        What it was used as, such as ``raw`` or ``calibration``.
    is_external : bool
        Declares that this document tells nothing more of the product.
    """

    identifier: Identifier
    role: str = ""
    is_external: bool = False


@dataclass(frozen=True)
class ProcessDescription:
    """A run that made products: what it was, when, where, with which parameters, from what.

    ``start`` and ``end`` are UTC. A pipeline or simulation names its version.
    """

    identifier: Identifier
    kind: ProcessKind
    name: str
    version: str = ""
    start: datetime | None = None
    end: datetime | None = None
    telescopes: tuple[str, ...] = ()
    parameters: tuple[NamedValue, ...] = ()
    inputs: tuple[ProcessInput, ...] = ()

    @property
    def duration(self) -> timedelta | None:
        """Time from start to end, None unless both are told."""
        return self.end - self.start if self.start and self.end else None


@dataclass(frozen=True)
class RelatedProduct:
    """A product of the history, known by its identifier; it need not be in the archive."""

    identifier: Identifier
    class_name: str = ""
    name: str = ""
    process: Identifier | None = None
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class Sip:
    """One data product to be archived, with its whole history.

    Attributes
    ----------
    generator : Generator
    created : datetime, UTC
        When the document was made.
    project : Project
    submitter : str
        User name.
    product : ProductDescription
    processes : tuple of ProcessDescription
        The run that made the product, and those that made the related products.
    related_products : tuple of RelatedProduct
    version : str
        Version of the document, :data:`SIP_VERSION`.
    """

    generator: Generator
    created: datetime
    project: Project
    submitter: str
    product: ProductDescription
    processes: tuple[ProcessDescription, ...]
    related_products: tuple[RelatedProduct, ...] = ()
    version: str = SIP_VERSION

    def process_of(self, product: ProductDescription | RelatedProduct) -> ProcessDescription | None:
        """Return the process that made a product of this document, None if not told."""
        return next((p for p in self.processes if p.identifier == product.process), None)

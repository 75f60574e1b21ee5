"""The files of a product: their records, and how they are read and created."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...digest import Digests
from ...errors import BadName, BadValue, NotFound, NotMade
from ..workplace import current_workplace

Owner = TypeVar("Owner", bound="FileOwner")

landing: ContextVar[Path | None] = ContextVar("awlta_landing", default=None)
"""Folder into which files are brought where none is named, in place of the current one."""


@dataclass(frozen=True)
class FileRecord:
    """One stored file of a product.

    Attributes
    ----------
    role : str
        ``data`` for the first, else what it is for, such as ``figure``.
    name : str
        Unique name by which any dataserver finds it.
    size : int, bytes
    sha256, adler32, content_digest : str, hexadecimal
    media_type : str
    """

    role: str
    name: str
    size: int
    sha256: str
    adler32: str
    content_digest: str
    media_type: str

    @property
    def digests(self) -> Digests:
        """Size and digests of all bytes."""
        return Digests(self.size, self.sha256, self.adler32)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> FileRecord:
        """Read a record that came over a wire; raise BadValue where it is malformed."""
        try:
            record = cls(**{str(k): v for k, v in dict(value).items()})
            lengths = (len(bytes.fromhex(record.sha256)), len(bytes.fromhex(record.adler32)))
            if lengths != (32, 4) or len(bytes.fromhex(record.content_digest)) != 32:
                raise ValueError("digests of the wrong length")
            return record
        except (TypeError, ValueError) as error:
            raise BadValue(f"The file record is malformed: {error}") from error


class FileOwner:
    """What a product does with the files that it owns."""

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """The files that the product owns, the data file first."""
        if "_store" not in self.__dict__:  # of what waits for its commit they are known
            return tuple(self.__dict__["_files"]) if "_pending" in self.__dict__ else ()
        self._read()
        return tuple(current_workplace().files_of(self))

    def file(self, role: str = "data") -> FileRecord:
        """Return one file by its role; raise NotFound."""
        for record in self.files:
            if record.role == role:
                return record
        raise NotFound(
            f"{self!r} has no file for {role!r}",
            expected=", ".join(f.role for f in self.files) or "nothing: it owns no file",
        )

    def retrieve(self, to: str | Path | None = None, *, role: str = "data") -> Path:
        """Bring a file here, verified, and return its path.

        Parameters
        ----------
        to : path, optional
            File or folder; by default the current folder, within a recipe its scratch folder.
        role : str
        """
        self._read()
        to = landing.get() if to is None else Path(to)
        return current_workplace().retrieve(self, role, to)

    def store(self: Owner) -> Owner:
        """Return the product: making it has stored its files; raise NotMade before that."""
        if "_store" not in self.__dict__:
            raise NotMade(f"{self!r} has no files yet", do="Call its make(): it stores and commits")
        return self

    def create(self, ending: str, *, role: str = "data") -> Path:
        """Return the path at which the recipe shall write a file of the product.

        Parameters
        ----------
        ending : str
            Such as ``.h5``; the rest of the name comes from class and object_id.
        role : str
            ``data`` for the first file.
        """
        if not ending.startswith(".") or not ending[1:].replace(".", "").isalnum():
            raise BadName(f"The ending {ending!r}", expected="such as '.h5' or '.fits'")
        return current_workplace().create(self, ending, role)

    def _read(self) -> None:
        """Tell the watch of a running recipe that this object is being read."""
        _ = self.object_id  # type: ignore[attr-defined]


def file_name(obj: Any, ending: str, role: str, attempt: int) -> str:
    """Return the unique name of a product's file."""
    stem = f"{type(obj).__table_name__}-{obj.object_id}"
    middle = "" if role == "data" else f"-{role}"
    return f"{stem}{middle}{'' if attempt == 1 else f'-{attempt}'}{ending}"

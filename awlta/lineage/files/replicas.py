"""Files of many products at once: their records, and from where each is best retrieved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from ...persistent import Query, tables
from ..workplace import current_database
from .filed import FileRecord

P = TypeVar("P")

_COLUMNS = [column.name for column in tables.file.columns]


@dataclass(frozen=True)
class Replica:
    """Where the data file of a product can be had.

    Attributes
    ----------
    product : DataProduct
    file : FileRecord
    url : str
        Address on the nearest dataserver that has it.
    """

    product: Any
    file: FileRecord
    url: str


class ProductQuery(Query[P]):
    """A query for data products, which own files."""

    def files(self) -> list[tuple[P, FileRecord]]:
        """Return each product with each of its files, in one statement for all."""
        found = _records(self)
        by_product: dict[Any, list[FileRecord]] = {}
        for product, record in found:
            by_product.setdefault(product, []).append(record)
        for product, records in by_product.items():
            product.__dict__["_files"] = tuple(records)
        return found

    def best_replica(self) -> list[Replica]:
        """Return for each product with a data file where that can be had."""
        url = current_database().dataserver_url()
        return [
            Replica(product, record, f"{url}/{quote(record.name)}")
            for product, record in _records(self, role="data")
        ]


def _records(query: Query[Any], role: str | None = None) -> list[tuple[Any, FileRecord]]:
    rows = current_database().owned(tables.file, query._question, role)
    return [(product, file_record(dict(zip(_COLUMNS, row, strict=True)))) for product, row in rows]


def file_record(row: Any) -> FileRecord:
    """Return the record of a row of the file table, by names of columns."""
    return FileRecord(
        role=row["role"],
        name=row["name"],
        size=row["size"],
        sha256=bytes(row["sha256"]).hex(),
        adler32=bytes(row["adler32"]).hex(),
        content_digest=bytes(row["content_digest"]).hex(),
        media_type=row["media_type"],
    )

"""Floor 4: the outside world comes in and stays: SIP, Storage Ticket, ingest, parcels."""

from .announcement import read_document
from .ingest import Ingest, ingest
from .ingested import Ingested
from .parcel import export_parcel, import_parcel
from .tickets import Ticket, tickets

__all__ = [
    "Ingest",
    "Ingested",
    "Ticket",
    "export_parcel",
    "import_parcel",
    "ingest",
    "read_document",
    "tickets",
]

"""Floor 4: the outside world comes in and stays: SIP, Storage Ticket, ingest."""

from .announcement import read_document
from .ingest import Ingest, ingest
from .ingested import Ingested
from .tickets import Ticket, tickets

__all__ = ["Ingest", "Ingested", "Ticket", "ingest", "read_document", "tickets"]

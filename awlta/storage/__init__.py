"""Floor 2: names <-> bytes. The names that files may carry, and the client of a dataserver."""

from .client import DataClient
from .names import check_name

__all__ = ["DataClient", "check_name"]

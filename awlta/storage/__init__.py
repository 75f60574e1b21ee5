"""Floor 2: names <-> bytes. The names that files may carry, and the client of a dataserver."""

from __future__ import annotations

from .client import DataClient as DataClient
from .names import check_name as check_name

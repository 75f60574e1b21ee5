"""The dataserver: files by name on one disk, verified at both ends and safe against any kill."""

from __future__ import annotations

from .service import main as main
from .store import Shelf as Shelf

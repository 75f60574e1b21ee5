"""What runners print: one file an order, kept as it is, read in part."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from awlta.processing.jobs import printable

SHOWN = 1 << 16
"""Bytes of a log that are shown: its end."""


class Logs:
    """The logs of one front-end.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, order_id: str) -> Path:
        """Return the file of an order's log."""
        return self._folder / f"{order_id}.log"

    def note(self, order_id: str, line: str) -> None:
        """Add a line of the front-end's own."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with open(self.path(order_id), "a", encoding="utf-8") as log:
            log.write(f"{when} dpu: {printable(line)}\n")

    def read(self, order_id: str) -> str:
        """Return the end of a log, fit for a terminal; empty where nothing was printed."""
        try:
            with open(self.path(order_id), "rb") as log:
                size = log.seek(0, 2)
                log.seek(max(0, size - SHOWN))
                raw = log.read(SHOWN)
        except FileNotFoundError:
            return ""
        return printable(raw.decode(errors="replace"))

"""What is set aside: moved to a folder of its time, never deleted."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from pathlib import Path

from .disk import flush


def set_aside(root: Path, path: Path) -> None:
    """Move a file, durably, to a place of its own in the quarantine."""
    quarantine = root / ".quarantine"
    quarantine.mkdir(exist_ok=True)
    place = tempfile.mkdtemp(prefix=f"{_time_stamp()}-", dir=quarantine)
    path.rename(Path(place) / path.name)
    for directory in (Path(place), quarantine, root, path.parent):
        flush(directory)


def set_old_aside(root: Path, folder: Path, before: float) -> int:
    """Move the parts last written before a time to a quarantine of their own."""
    quarantine = root / ".quarantine" / _time_stamp()
    n_parts = 0
    for path in folder.iterdir():
        try:
            with open(path, "rb") as part:
                if os.fstat(part.fileno()).st_mtime > before:
                    continue
                fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
                quarantine.mkdir(parents=True, exist_ok=True)
                path.rename(quarantine / path.name)
                n_parts += 1
        except (FileNotFoundError, BlockingIOError):
            # Published, or taken up again, by another process in this moment.
            continue
    return n_parts


def _time_stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

"""What the shelf asks of the file system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def opened(path: Path) -> BinaryIO | None:
    """Open a file for reading, None if it is not there."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        return None


def unchanged(before: os.stat_result, now: os.stat_result) -> bool:
    """Say whether a file is the one that it was, with the bytes that it had."""
    return os.path.samestat(before, now) and (before.st_size, before.st_mtime_ns) == (
        now.st_size,
        now.st_mtime_ns,
    )


def flush(directory: Path) -> None:
    """Make the entries of a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

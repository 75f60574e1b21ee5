"""How a file is removed: out of its place in one rename, which a restart completes.

The rename is the decision. Killed before it, the file is there as ever; killed after it, the
sweep at start forgets the name and gives the bytes back. The name cannot be forgotten first: a
file that the index does not know would be hashed and entered again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from awlta.errors import BadName
from awlta.storage.names import check_name

from .disk import flush
from .index import NameIndex


class Removals:
    """The files under one root that were removed and perhaps still take room.

    Parameters
    ----------
    root : Path
    index : NameIndex
    place : callable
        Gives the path of a name.
    """

    def __init__(self, root: Path, index: NameIndex, place: Callable[[str], Path]) -> None:
        self._folder = root / ".removed"
        self._folder.mkdir(exist_ok=True)
        self._index = index
        self._place = place

    def remove(self, name: str) -> None:
        """Remove a file and forget its name; harmless where either is gone already."""
        path = self._place(name)
        with contextlib.suppress(FileNotFoundError):
            path.rename(self._folder / name)
            flush(self._folder)
            flush(path.parent)
        self._complete(name)

    def complete(self) -> int:
        """Complete what a kill cut off; return how many files that were."""
        left = sorted(entry.name for entry in self._folder.iterdir())
        for name in left:
            with contextlib.suppress(BadName):
                self._complete(check_name(name))
        return len(left)

    def _complete(self, name: str) -> None:
        # A name that was stored again meanwhile stands for that file.
        if not self._place(name).exists():
            self._index.remove(name)
        (self._folder / name).unlink(missing_ok=True)

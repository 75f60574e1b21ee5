"""Every object is in memory once: by its key it is found as long as anybody holds it."""

from __future__ import annotations

from typing import Any
from weakref import ref

_FEW = 4096
"""Keys for which nobody looks whether their objects are gone."""


class Identities:
    """Objects by key, which it does not keep alive.

    Those that are gone are swept out each time that their number may have doubled, which costs less
    an object than to be told of each one that goes.
    """

    def __init__(self) -> None:
        self._held: dict[int, ref[Any]] = {}
        self._most = _FEW

    def get(self, key: int) -> Any:
        """Return the object of a key, None if nobody holds one."""
        held = self._held.get(key)
        return None if held is None else held()

    def keep(self, key: int, obj: Any) -> None:
        """Have an object found by its key."""
        self._held[key] = ref(obj)
        if len(self._held) > self._most:
            self._sweep()

    def _sweep(self) -> None:
        """Forget the keys of objects that are gone."""
        for key, held in list(self._held.items()):
            if held() is None and self._held.get(key) is held:
                del self._held[key]
        self._most = max(_FEW, 2 * len(self._held))

"""Reach the nodes of an HDF5 file that nobody vouches for, without leaving the file."""

from __future__ import annotations

from typing import Any


def at(file: Any, place: str) -> Any:
    """Return the node at a place, reached by links inside the file alone, or None."""
    import h5py  # takes a tenth of a second, and only those who read need it

    node = file
    for name in place.strip("/").split("/"):
        if not isinstance(node, h5py.Group) or name.encode() not in node.id:
            return None
        if node.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            return None
        node = node[name]
    return node


def has_own_data(table: Any) -> bool:
    """Tell whether a dataset holds its values itself: no other file or dataset does."""
    import h5py

    settings = table.id.get_create_plist()
    own = (h5py.h5d.CHUNKED, h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
    return not settings.get_external_count() and settings.get_layout() in own

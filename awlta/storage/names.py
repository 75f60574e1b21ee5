"""Which names a file may carry, on every dataserver and storage element alike.

A name is one path component that needs no quoting in a shell, in a URL, on any file
system or in a log line, so nobody downstream has to think about it again.
"""

from __future__ import annotations

import re

from ..errors import BadName

LONGEST = 200
"""Bytes of the longest name: file systems take 255, and a part file adds object_id and attempt."""

RESERVED = frozenset({"names"})
"""Names that are addresses of the dataserver itself."""

_LEGAL = re.compile(r"[A-Za-z0-9._+-]+")
_RULE = (
    f"1 to {LONGEST} of A-Z a-z 0-9 . _ + -, not beginning with a dot or dash, "
    "without '..', not ending in '.part', not 'names'"
)


def check_name(name: str) -> str:
    """Return a file name unchanged if every dataserver may take it.

    Parameters
    ----------
    name : str
        The unique name of a file, without any folder.

    Raises
    ------
    BadName
        If it could be misread anywhere: a path, an option, a hidden or a part file.

    Examples
    --------
    >>> check_name("LST-1.Run02008.0000.fits.fz")
    'LST-1.Run02008.0000.fits.fz'
    """
    fault = _fault(name)
    if fault:
        raise BadName(
            f"The file name {name[: LONGEST + 1]!r} {fault}",
            expected=_RULE,
            do="Give the file another name; names are made from the object_id if you give none",
            name=name[: LONGEST + 1],
        )
    return name


def _fault(name: str) -> str:
    """Say what is wrong with a name, nothing if it is right."""
    if not name:
        return "is empty"
    if len(name) > LONGEST:
        return f"has {len(name)} characters"
    # fullmatch: with $ a trailing newline would pass.
    if not _LEGAL.fullmatch(name):
        foreign = next(c for c in name if not _LEGAL.fullmatch(c))
        return f"holds {foreign!r}"
    if name[0] in ".-":
        return f"begins with {name[0]!r}"
    if ".." in name:
        return "holds '..'"
    if name.endswith(".part") or name in RESERVED:
        return "is reserved"
    return ""

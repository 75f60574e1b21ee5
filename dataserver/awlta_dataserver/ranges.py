"""Byte ranges of HTTP (RFC 9110, section 14): one is served, all else is the whole file."""

from __future__ import annotations

import re

from awlta.errors import BadValue

_ONE_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


def parse_range(header: str | None, size: int) -> range | None:
    """Return the bytes that a Range header asks for, None for the whole file.

    A header with several ranges, another unit or a fault counts as absent, as the RFC allows.

    Parameters
    ----------
    header : str or None
        Value of the header.
    size : int, bytes
        Size of the file.

    Raises
    ------
    BadValue
        If the file has no byte in that range.

    Examples
    --------
    >>> parse_range("bytes=2-4", 10), parse_range("bytes=-3", 10), parse_range("bytes=0-1,3-4", 10)
    (range(2, 5), range(7, 10), None)
    """
    match = _ONE_RANGE.fullmatch((header or "").strip())
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        asked = range(max(0, size - int(suffix)), size)
    else:
        stop = int(last) + 1 if last else size
        if last and stop <= int(first):
            return None
        asked = range(int(first), min(stop, size))
    if not asked:
        raise BadValue(
            f"No byte of the file lies in {header!r}",
            expected=f"a range within its {size} bytes",
            do="Ask HEAD for the size first",
            size=size,
        )
    return asked

"""Times as CTAO files hold them: seconds and quarter nanoseconds since 1970 in TAI."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awlta.errors import BadValue

HighResolution = NDArray[np.uint32]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MJD_OF_EPOCH = 40587
_DAY = 86400
_NS = 10**9


def from_unix(nanoseconds: ArrayLike) -> HighResolution:
    """Return CTAO times of UTC times.

    Parameters
    ----------
    nanoseconds : int64 (n,), ns
        Unix time; 0 where unknown.

    Returns
    -------
    uint32 (n, 2), s and ns/4
        Zeros where unknown.

    Raises
    ------
    BadValue
        A time is before 1972, when UTC began to have leap seconds, or after 2105.
    """
    unix = np.asarray(nanoseconds, np.int64)
    known = unix != 0
    seconds, rest = np.divmod(unix, _NS)
    tai = seconds + _leap_seconds(seconds)
    if np.any(known & ((seconds < 2 * 365 * _DAY) | (tai >= 2**32))):
        raise BadValue(
            f"a time of {unix[known].min()} to {unix[known].max()} ns since 1970",
            expected="times from 1972 to 2105, or 0 where unknown",
            do="Give unix time in nanoseconds",
        )
    both = np.stack([tai, 4 * rest], axis=-1) * known[..., np.newaxis]
    stored: HighResolution = both.astype(np.uint32)
    return stored


def to_unix(times: HighResolution) -> NDArray[np.int64]:
    """Return unix time (UTC) in ns, int64 (n,), of CTAO times; 0 where unknown."""
    tai = times[..., 0].astype(np.int64)
    unix = tai - 37
    for _ in range(2):  # the offset at a time in UTC, of which only that in TAI is known
        unix = tai - _leap_seconds(unix)
    unix = unix * _NS + (times[..., 1].astype(np.int64) + 2) // 4
    return np.where(times.any(axis=-1), unix, 0)


def since(start: datetime | None, seconds: ArrayLike) -> HighResolution:
    """Return CTAO times of seconds after a start; unknown where either is.

    Parameters
    ----------
    start : datetime, UTC, or None
    seconds : float64 (n,), s
        NaN where unknown.
    """
    after = np.asarray(seconds, np.float64)
    known = np.isfinite(after) & (start is not None)
    begin = 0 if start is None else (start - _EPOCH) // timedelta(microseconds=1) * 1000
    after_ns = np.rint(np.where(known, after, 0.0) * 1e9).astype(np.int64)
    return from_unix(np.where(known, begin + after_ns, 0))


def tai_mjd(time: datetime | None) -> float:
    """Return the modified Julian date in TAI; 0 where unknown, since ctapipe takes no NaN."""
    if time is None:
        return 0.0
    seconds = (time - _EPOCH).total_seconds()
    offset = int(_leap_seconds(np.asarray(int(seconds))))
    return _MJD_OF_EPOCH + (seconds + offset) / _DAY


def _leap_seconds(unix_seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return TAI - UTC in s, as the list of the IERS has it."""
    # astropy's library of time scales; only those who write or read times need it
    import erfa

    table = erfa.leap_seconds.get()
    table = table[table["year"] >= 1972]
    begins = [
        (datetime(int(y), int(m), 1, tzinfo=UTC) - _EPOCH).days * _DAY
        for y, m in zip(table["year"], table["month"], strict=True)
    ]
    index = np.searchsorted(begins, unix_seconds, side="right") - 1
    offsets: NDArray[np.int64] = table["tai_utc"].astype(np.int64)[np.maximum(index, 0)]
    return offsets

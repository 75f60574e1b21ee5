"""How a Python value stands in a column and in JSON: one codec a type.

A float that is not a number is stored as NULL, since SQLite keeps no NaN and PostgreSQL
sorts it above every number. A time is stored in whole microseconds of UTC since 1970, so
that it compares and indexes alike on both.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import numpy as np

from ...errors import BadValue
from .nights import zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER_LIMIT = 1 << 63


@dataclass(frozen=True)
class Codec:
    """One type's way into a column and into JSON.

    Attributes
    ----------
    name : str
        The type in words, for help and errors.
    column : str
        Key of the column type: integer, real, text, blob, boolean.
    check : callable
        Value in, value of the exact type out; raises TypeError or ValueError.
    encode, decode : callable
        To and from the column. Never called with None.
    to_json, from_json : callable
        To and from what JSON can hold.
    ordered : bool
        Whether larger and smaller mean something.
    """

    name: str
    column: str
    check: Callable[[Any], Any]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]
    ordered: bool = True

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers, which may have a range."""
        return self.column in ("integer", "real") and not self.name.startswith("time")


class Sha256(str):
    """A sha256 digest: 64 lower-case hexadecimal digits outside, 32 bytes in a column."""


class TimeZone(str):
    """The name of a time zone in the IANA database, such as Atlantic/Canary."""


def _time_zone(value: Any) -> TimeZone:
    if not isinstance(value, str):
        raise TypeError
    try:
        zone_of(value)
    except BadValue as error:
        raise ValueError from error
    return TimeZone(value)


def _sha256(value: Any) -> Sha256:
    if not isinstance(value, str):
        raise TypeError
    if len(bytes.fromhex(value)) != 32:
        raise ValueError
    return Sha256(value.lower())


def _same(value: Any) -> Any:
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError
    if not -_INTEGER_LIMIT <= int(value) < _INTEGER_LIMIT:
        raise ValueError
    return int(value)


def _real(value: Any) -> float:
    if type(value) is float:  # as most are, and told apart at a tenth of the cost
        return value + 0.0
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError
    # SQLite keeps no sign of zero, and equal content must have equal digests everywhere
    return float(value) + 0.0


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    if "\x00" in value:
        raise ValueError
    value.encode()
    return str(value)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError
    if value.tzinfo is None:
        raise ValueError
    return value.astimezone(UTC)


def time_to_microseconds(value: datetime) -> int:
    """Return whole microseconds of UTC since 1970."""
    since = value - _EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def microseconds_to_time(value: int) -> datetime:
    """Return the UTC time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)


def _array(value: Any) -> np.ndarray[Any, Any]:
    array = np.ascontiguousarray(value)
    if array.dtype.hasobject:
        raise TypeError
    array = array.copy()
    array.flags.writeable = False
    return array


def _array_to_bytes(value: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, value, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _array_from_bytes(value: bytes) -> np.ndarray[Any, Any]:
    array = np.lib.format.read_array(io.BytesIO(value), allow_pickle=False)
    array.flags.writeable = False
    return array


def _numbers(value: Any) -> tuple[float, ...]:
    if isinstance(value, str | bytes):
        raise TypeError
    return tuple(_real(v) for v in value)


_PLAIN = {
    int: Codec("int", "integer", _integer, _same, int, _same, _same),
    float: Codec(
        "float",
        "real",
        _real,
        lambda v: None if math.isnan(v) else v,
        float,
        lambda v: "nan" if math.isnan(v) else repr(v),
        float,
    ),
    bool: Codec("bool", "boolean", _boolean, _same, bool, _same, _same, ordered=False),
    str: Codec("str", "text", _text, _same, _same, _same, _same),
    bytes: Codec(
        "bytes",
        "blob",
        _bytes,
        _same,
        bytes,
        lambda v: base64.b64encode(v).decode(),
        lambda v: base64.b64decode(v, validate=True),
    ),
    UUID: Codec(
        "object_id",
        "blob",
        lambda v: str(UUID(str(v))),
        lambda v: UUID(v).bytes,
        lambda v: str(UUID(bytes=bytes(v))),
        _same,
        _same,
    ),
    Sha256: Codec(
        "sha256", "blob", _sha256, bytes.fromhex, lambda v: Sha256(bytes(v).hex()), str, Sha256
    ),
    TimeZone: Codec("name of a time zone", "text", _time_zone, str, TimeZone, str, TimeZone),
    datetime: Codec(
        "time (UTC)",
        "integer",
        _time,
        time_to_microseconds,
        microseconds_to_time,
        lambda v: v.isoformat(),
        datetime.fromisoformat,
    ),
    np.ndarray: Codec(
        "array",
        "blob",
        _array,
        _array_to_bytes,
        lambda v: _array_from_bytes(bytes(v)),
        lambda v: base64.b64encode(_array_to_bytes(v)).decode(),
        lambda v: _array_from_bytes(base64.b64decode(v, validate=True)),
        ordered=False,
    ),
    tuple: Codec(
        "tuple of numbers",
        "text",
        _numbers,
        lambda v: json.dumps(list(v)),
        lambda v: tuple(float(x) for x in json.loads(v)),
        list,
        tuple,
        ordered=False,
    ),
}


def _enum(kind: type[Enum]) -> Codec:
    members = {str(member.value): member for member in kind}
    return Codec(
        f"{kind.__name__} ({', '.join(members)})",
        "text",
        kind,
        lambda v: str(v.value),
        members.__getitem__,
        lambda v: str(v.value),
        lambda v: kind(members.get(v, v)),
        ordered=False,
    )


def split_optional(annotation: Any) -> tuple[Any, bool]:
    """Take ``None`` off an annotation: the type, and whether None is allowed."""
    if get_origin(annotation) in (Union, UnionType):
        rest = [a for a in get_args(annotation) if a is not NoneType]
        if len(rest) == 1:
            return rest[0], len(rest) < len(get_args(annotation))
    return annotation, False


def codec_for(annotation: Any) -> Codec:
    """Return the codec of a type.

    Raises
    ------
    BadValue
        The type cannot be stored.
    """
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type):
        if issubclass(kind, Enum):
            return _enum(kind)
        if kind in _PLAIN:
            return _PLAIN[kind]
    raise BadValue(
        f"Attributes of type {annotation!r} cannot be stored",
        expected="int, float, bool, str, bytes, datetime, an Enum, numpy.ndarray or "
        "tuple[float, ...]",
    )

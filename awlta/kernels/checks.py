"""What must hold of arrays and numbers before code without bounds checks sees them."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue


def array(
    name: str, value: object, dtype: type[np.generic], axes: tuple[str, ...], **lengths: int
) -> NDArray[Any]:
    """Return an array in C order, after a check of type and shape.

    An array that is already in C order is not copied, be it read-only or memory-mapped.

    Parameters
    ----------
    name : str
        What the caller calls it.
    value : array of `dtype`, one axis for each name in `axes`
    axes : tuple of str
        Names of the axes. All but ``n_events``, which is the first, must have a length.
    **lengths : int
        The lengths that are known, by axis.

    Raises
    ------
    BadValue
        For another type or byte order, a unit or a mask, a missing axis or a wrong length.
    """
    plain = _plain(name, value)
    if plain.dtype.type is not dtype or not plain.dtype.isnative:
        raise BadValue(
            f"{name} is {plain.dtype} {plain.shape}",
            expected=_form(dtype, axes, lengths),
            do=f"Convert it knowingly, with {name}.astype(np.{np.dtype(dtype).name})",
            name=name,
        )
    if not _fits(plain.shape, axes, lengths):
        raise BadValue(
            f"{name} has shape {plain.shape}",
            expected=_form(dtype, axes, lengths),
            do=f"Bring {name} into this shape{_ONE_EVENT if axes[0] == 'n_events' else ''}",
            name=name,
        )
    flags = plain.flags
    if flags.c_contiguous and flags.aligned:
        return plain
    return plain.copy(order="C")


_ONE_EVENT = "; a single event needs an axis of length 1 in front"


def pixels(name: str, value: object, n_events: int, n_pixels: int) -> NDArray[np.bool_]:
    """Return a mask of the pixels of all events, bool (n_pixels), or of each, (n_events, n_pixels).

    Raises
    ------
    BadValue
        As `array`.
    """
    plain = _plain(name, value)
    if plain.ndim == 1:
        return array(name, plain, np.bool_, ("n_pixels",), n_pixels=n_pixels)
    axes = ("n_events", "n_pixels")
    return array(name, plain, np.bool_, axes, n_events=n_events, n_pixels=n_pixels)


def _plain(name: str, value: object) -> NDArray[Any]:
    """Return what is no plain array as one, unless it would lose something."""
    if type(value) is np.ndarray:
        return value
    if hasattr(value, "mask") or hasattr(value, "unit"):
        raise BadValue(
            f"{name} is a {type(value).__name__}, whose mask or unit would be lost",
            expected="a plain array in the unit that the docstring states",
            do=f"Fill or convert {name} first, for instance with .filled() or .to_value()",
            name=name,
        )
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise BadValue(
            f"{name} is a {type(value).__name__} that is no array",
            expected="an array",
            do=f"Look at the lengths of the rows of {name}",
            name=name,
        ) from error


def _form(dtype: type[np.generic], axes: tuple[str, ...], lengths: dict[str, int]) -> str:
    named = (f"{axis} = {lengths[axis]}" if axis in lengths else axis for axis in axes)
    return f"{np.dtype(dtype).name} ({', '.join(named)})"


def _fits(shape: tuple[int, ...], axes: tuple[str, ...], lengths: dict[str, int]) -> bool:
    if len(shape) != len(axes) or 0 in (shape[1:] if axes[0] == "n_events" else shape):
        return False
    known = [shape[axes.index(axis)] for axis in lengths]  # a generator costs a microsecond
    return known == [*lengths.values()]


def values_within(name: str, values: NDArray[Any], low: int, high: int) -> None:
    """Refuse an integer array with values outside [low, high].

    Raises
    ------
    BadValue
        With the extremes that were found.
    """
    if values.size and (values.min() < low or values.max() > high):
        raise BadValue(
            f"{name} runs from {values.min()} to {values.max()}",
            expected=f"values from {low} to {high}",
            do=f"Look where {name} comes from: it does not belong to these arrays",
            name=name,
        )


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Return an integer in [low, high].

    Raises
    ------
    BadValue
        For anything that is no integer, or out of range.
    """
    try:
        number = operator.index(value)
    except TypeError as error:
        raise _no_number(name, value, f"an integer from {low} to {high}") from error
    if not low <= number <= high:
        raise _no_number(name, value, f"an integer from {low} to {high}")
    return number


def real(name: str, value: Any, *, above: float = -math.inf) -> float:
    """Return a number greater than `above`, infinity included, never NaN.

    Raises
    ------
    BadValue
        For NaN, what is no number, or a number that is too small.
    """
    expected = "a number" if above == -math.inf else f"a number above {above:g}"
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise _no_number(name, value, expected) from error
    if not number > above:  # true of NaN as well
        raise _no_number(name, value, expected)
    return number


def finite(name: str, value: Any, *, above: float = -math.inf) -> float:
    """Return a number greater than `above` that is not infinite.

    Raises
    ------
    BadValue
        As `real`, or for infinity.
    """
    number = real(name, value, above=above)
    if math.isinf(number):
        raise _no_number(name, value, "a finite number")
    return number


def _no_number(name: str, value: object, expected: str) -> BadValue:
    return BadValue(
        f"{name} is {value!r}", expected=expected, do=f"Choose another {name}", name=name
    )

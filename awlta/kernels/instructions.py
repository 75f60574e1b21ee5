"""Which instructions of the processor the kernels use.

One build has its kernels for every processor of the family and for its newer levels, and takes the
best that there is. The digits are the same for all of them.
"""

from __future__ import annotations

import os
from functools import cache

from awlta.errors import BadValue

from ._instructions import count

VARIABLE = "AWLTA_INSTRUCTION_SET"
"""Environment variable that names another set than the best, to compare them."""

_NAMES = ("baseline", "v3", "v4")
"""Micro-architecture levels of x86-64: v3 has AVX2, v4 has AVX-512."""

_family = os.uname().machine.replace("_", "-")
_chosen: int | None = None


@cache
def instruction_sets() -> tuple[str, ...]:
    """Return the sets of instructions that this processor has and the kernels know, in order."""
    return tuple(f"{_family} {name}" for name in _NAMES[: count()])


def instruction_set() -> str:
    """Name the instructions that the kernels use, as an activity records it.

    Returns
    -------
    str
        For instance ``"x86-64 v3"``: with AVX2.
    """
    return instruction_sets()[number_in_use()]


def use_instruction_set(name: str) -> None:
    """Have the kernels use a set of instructions, from now on.

    Parameters
    ----------
    name : str
        One of `instruction_sets`, with or without the family.

    Raises
    ------
    BadValue
        The processor does not have it.
    """
    global _chosen
    known = instruction_sets()
    found = [n for n, full in enumerate(known) if name in (full, full.removeprefix(f"{_family} "))]
    if not found:
        raise BadValue(
            f"This processor has no instruction set {name!r} that the kernels know",
            expected="one of " + ", ".join(known),
            do=f"Unset {VARIABLE}, and the best one is taken",
        )
    _chosen = found[0]


def number_in_use() -> int:
    """Return the place of the set in use among `instruction_sets`."""
    if _chosen is None:
        use_instruction_set(os.environ.get(VARIABLE) or instruction_sets()[-1])
    assert _chosen is not None
    return _chosen

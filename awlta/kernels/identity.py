"""Which kernels these are: the digest of their sources."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from awlta.errors import BadValue

from .flags import COMPILE_ARGS, STAGES


def source_digest(*stages: str) -> str:
    """Digest the sources of some stages, or of all, and the flags they are compiled with.

    A recipe that calls kernels has this in its identity: its numbers may change when a kernel
    does.

    Parameters
    ----------
    *stages : str
        Names of `flags.STAGES`, such as "gain" or "chain"; none means all. Order and repetition
        do not matter.

    Returns
    -------
    str
        64 hexadecimal digits of a sha256.

    Raises
    ------
    BadValue
        For a stage that does not exist.
    """
    unknown = sorted(set(stages) - set(STAGES))
    if unknown:
        raise BadValue(
            f"no kernel stage {', '.join(map(repr, unknown))}",
            expected="one of " + ", ".join(STAGES),
            do="Name the stages whose kernels the recipe calls",
        )
    digest = sha256("\0".join(COMPILE_ARGS).encode())
    for name in sorted({file for stage in stages or STAGES for file in STAGES[stage]}):
        source = (Path(__file__).parent / name).read_bytes()
        digest.update(f"\0{name}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()

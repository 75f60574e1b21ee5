"""Copies of product files for readers that want HDF5's signature in the first byte."""

from __future__ import annotations

import shutil
from pathlib import Path

from awlta.errors import BadInput

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST = 1 << 20


def write_unblocked(path: Path, to: Path) -> Path:
    """Copy an HDF5 file without the fixed block before it.

    HDF5 itself skips the block, and so do ctapipe's tables, merger and ``HDF5EventSource``. Only
    ``ctapipe.io.EventSource`` and ``ctapipe-process``, which tell formats by the first bytes
    of a file, do not find the signature behind it.

    Parameters
    ----------
    path : Path
    to : Path
        The new file.

    Returns
    -------
    Path
        ``to``.

    Raises
    ------
    BadInput
        The file is not HDF5.
    """
    with open(path, "rb") as source:
        start = 0
        while source.read(8) != _HDF5:
            start = 2 * start or 512
            if start > _MOST:
                raise BadInput(
                    f"{path.name} has no signature of HDF5",
                    expected="an HDF5 file, with a block of up to 1 MiB before it or without",
                    do="Pass the data file of a product",
                )
            source.seek(start)
        source.seek(start)
        with open(to, "xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    return to

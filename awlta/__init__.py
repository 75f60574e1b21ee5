"""awlta: every data product of a telescope array is an object that knows its origin.

::

    import awlta

    workspace = awlta.connect()

What authors of data products need stands in :mod:`awlta.persistent` (attributes and links)
and :mod:`awlta.lineage` (products, parameters, recipes). Nothing heavy is imported here.
"""

from importlib import import_module as _import_module
from typing import Any as _Any

__all__ = ["__version__", "as_of", "connect"]

__version__ = "0.1.0"


def connect(profile: _Any = None) -> _Any:
    """Open the workspace of a profile; see :func:`awlta.lineage.connect`."""
    return _import_module(".lineage", __name__).connect(profile)


def as_of(when: _Any) -> _Any:
    """Read the database as it was on a date, for a block; see :func:`awlta.lineage.as_of`."""
    return _import_module(".lineage", __name__).as_of(when)

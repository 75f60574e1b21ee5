"""Floor 3: products, parameters, recipes, activities; closure, currency, provenance."""

from .block import new_hdf5
from .filed import FileRecord
from .making import provenance
from .parameters import Parameters
from .product import Calibration, DataProduct, Selection, recipe
from .release import SoftwareRelease
from .view import Lineage
from .workspace import Workspace, connect, opened

__all__ = [
    "Calibration",
    "DataProduct",
    "FileRecord",
    "Lineage",
    "Parameters",
    "Selection",
    "SoftwareRelease",
    "Workspace",
    "connect",
    "new_hdf5",
    "opened",
    "provenance",
    "recipe",
]

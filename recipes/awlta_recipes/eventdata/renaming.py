"""From the names and units of the kernels to those of the data model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .model import PARAMETER_COLUMNS

_ANGLES = ("hillas_phi", "hillas_psi", "hillas_psi_uncertainty", "core_psi")
_OTHER_NAMES = {"x": "hillas_fov_lon", "y": "hillas_fov_lat"}
_GROUPS = ("", "hillas_", "morphology_")


def to_data_model(parameters: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return image parameters of the kernels by the names, and in the units, of the data model.

    Parameters
    ----------
    parameters : structured array
        As ``kernels.image_parameters`` gives them, of a camera in degrees: angles in radians.

    Returns
    -------
    dict of str to array
        Angles in degrees. What the data model does not know is left out.
    """
    known = {c.full_name for c in PARAMETER_COLUMNS}
    found = {}
    for name in parameters.dtype.names or ():
        names = [_OTHER_NAMES.get(name, "")] + [group + name for group in _GROUPS]
        target = next((n for n in names if n in known), None)
        if target is not None:
            values = parameters[name]
            found[target] = np.degrees(values) if target in _ANGLES else values
    return found

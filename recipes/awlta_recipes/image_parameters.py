"""Image parameters (DL1): which pixels are shower, and the shape of what they show."""

from __future__ import annotations

from typing import Any

import numpy as np

from awlta import kernels
from awlta.lineage import DataProduct, Parameters, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent

from .camera_images import TABLE as IMAGES
from .camera_images import CameraImages
from .instrument import field_of_view
from .tables import TableWriter, blocks

TABLE = "dl1/event/telescope/parameters"
ANGLES = ("phi", "psi", "psi_uncertainty")


class CleaningParameters(Parameters):
    """Thresholds of the two-level tail cuts."""

    picture: Attribute[float] = persistent(
        "least charge of a picture pixel", unit="p.e.", default=8.0, low=0
    )
    boundary: Attribute[float] = persistent(
        "least charge of a boundary pixel", unit="p.e.", default=4.0, low=0
    )
    min_picture_neighbors: Attribute[int] = persistent(
        "picture neighbours that a picture pixel must have", default=2, low=0
    )


class ImageParameters(DataProduct):
    """Hillas parameters, leakage and islands of the cleaned images of one telescope (DL1)."""

    images: Link[CameraImages] = link("images that are described")
    parameters: Link[CleaningParameters] = link("thresholds applied")
    n_events: Attribute[int] = persistent("number of images", init=False)
    n_showers: Attribute[int] = persistent("images that cleaning left light in", init=False)

    @recipe
    def make(self) -> None:
        """Clean every image and describe what is left."""
        telescope = self.images.raw.telescope
        geometry = field_of_view(telescope)
        dtype = row_type(geometry.n_pixels)
        self.n_events = self.n_showers = 0
        with TableWriter(self.create(".h5"), TABLE, dtype, tel_id=telescope.tel_id) as table:
            for block in blocks(self.images.retrieve(), IMAGES):
                cleaned = kernels.image_parameters(
                    block["image"],
                    geometry,
                    self.parameters.picture,
                    self.parameters.boundary,
                    min_picture_neighbors=self.parameters.min_picture_neighbors,
                )
                rows = np.zeros(len(block), dtype)
                rows["event_id"], rows["time"] = block["event_id"], block["time"]
                for name in kernels.PARAMETERS.names or ():
                    rows[name] = cleaned.parameters[name]
                for name in ANGLES:
                    rows[name] = np.degrees(rows[name])
                rows["image_mask"] = cleaned.masks
                table.append(rows)
                self.n_events += len(rows)
                self.n_showers += int(np.isfinite(rows["intensity"]).sum())

    @classmethod
    def targets(cls, wanted: Selection) -> list[ImageParameters]:
        """Return the parameters of the images of a run whose camera has a geometry."""
        return [
            cls.get_target(images=images, parameters=CleaningParameters())
            for images in wanted.of(CameraImages)
            if images.raw.telescope.camera.pixel_x is not None
        ]


def row_type(n_pixels: int) -> np.dtype[Any]:
    """Return the columns: event, then parameters (p.e., deg), then the mask of the cleaning."""
    parameters = [(n, kernels.PARAMETERS[n]) for n in kernels.PARAMETERS.names or ()]
    event = [("event_id", np.dtype(np.int64)), ("time", np.dtype(np.float64))]
    return np.dtype([*event, *parameters, ("image_mask", np.bool_, (n_pixels,))])

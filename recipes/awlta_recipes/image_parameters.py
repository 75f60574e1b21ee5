"""Image parameters (DL1): which pixels are shower, and the shape of what they show."""

from __future__ import annotations

from typing import Any

import numpy as np

from awlta import kernels
from awlta.lineage import Case, DataProduct, Parameters, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent

from .camera_images import TABLE as IMAGES
from .camera_images import CameraImages
from .instrument import field_of_view
from .science import pictures
from .tables import TableWriter, blocks, read_table

TABLE = "dl1/event/telescope/parameters"
ANGLES = ("phi", "psi", "psi_uncertainty")

MAX_EMPTY = 0.95
"""Fraction; a telescope that triggers with the others sees light in more of its images."""


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

    # as in the stereo example of ctapipe: large mirrors see more night sky, small ones less
    defaults = (
        Case(telescope="LST*", picture=7.5, boundary=5.0),
        Case(telescope="SST*", picture=7.0),
    )


class ImageParameters(DataProduct):
    """Shape, times, leakage and islands of the cleaned images of one telescope (DL1)."""

    images: Link[CameraImages] = link("images that are described", locates=True)
    parameters: Link[CleaningParameters] = link("thresholds applied")
    n_events: Attribute[int] = persistent("number of images", init=False)
    n_showers: Attribute[int] = persistent("images that cleaning left light in", init=False)

    MOSTLY_EMPTY = QCFlag(0, "fraction of images without light above limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Clean every image and describe what is left."""
        telescope = self.images.raw.telescope
        geometry = field_of_view(telescope)
        dtype = row_type(geometry.n_pixels)
        cleaning = kernels.TailCuts(
            self.parameters.picture,
            self.parameters.boundary,
            min_picture_neighbors=self.parameters.min_picture_neighbors,
        )
        self.n_events = self.n_showers = 0
        with TableWriter(self.create(".h5"), TABLE, dtype, tel_id=telescope.tel_id) as table:
            for block in blocks(self.images.retrieve(), IMAGES):
                cleaned = kernels.image_parameters(
                    block["image"],
                    geometry,
                    cleaning,
                    peak_time=block["peak_time"],
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

    def verify(self) -> None:
        """Compare the number of images without light with its limit."""
        n_empty = self.n_events - self.n_showers
        self.MOSTLY_EMPTY.above(n_empty / max(1, self.n_events), MAX_EMPTY)

    def draw(self, figure: Any) -> None:
        """Draw light, shape, place and leakage of the images."""
        rows = read_table(self.retrieve(), TABLE)
        raw = self.images.raw
        figure.suptitle(f"Images of {raw.telescope.name}, run {raw.run}: {self.n_showers} showers")
        axes = figure.subplots(2, 2)
        pictures.distribution(axes[0, 0], rows["intensity"], "light (p.e.)", logarithmic=True)
        axes[0, 1].plot(rows["length"], rows["width"], ".", markersize=4)
        axes[0, 1].set_xlabel("length (deg)")
        axes[0, 1].set_ylabel("width (deg)")
        pictures.directions(axes[1, 0], rows["x"], rows["y"])
        leakage = rows["leakage_intensity_width_1"]
        pictures.distribution(axes[1, 1], leakage, "light in the outermost pixels (fraction)")

    @classmethod
    def targets(cls, wanted: Selection) -> list[ImageParameters]:
        """Return the parameters of the images of a run whose camera has a geometry."""
        return cls.get_targets(
            {"images": images, "parameters": wanted.parameters(cls, images.raw.telescope)}
            for images in wanted.of(CameraImages)
            if images.raw.telescope.camera.pixel_x is not None
        )


def row_type(n_pixels: int) -> np.dtype[Any]:
    """Return the columns: event, then parameters (p.e., deg, ns), then the mask of the cleaning."""
    parameters = [(n, kernels.PARAMETERS[n]) for n in kernels.PARAMETERS.names or ()]
    event = [("event_id", np.dtype(np.int64)), ("time", np.dtype(np.float64))]
    return np.dtype([*event, *parameters, ("image_mask", np.bool_, (n_pixels,))])

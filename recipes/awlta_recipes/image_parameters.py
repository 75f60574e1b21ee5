"""Image parameters (DL1): which pixels are shower, and the shape of what they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from awlta import kernels
from awlta.errors import BadInput
from awlta.lineage import DataProduct, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent

from . import event_files
from .camera_images import CameraImages
from .eventdata import to_data_model
from .instrument import field_of_view
from .methods import CleaningParameters
from .science import pictures

Blocks = Iterator[Any]
"""Rows of image parameters, block after block, by the names of the data model."""

MAX_EMPTY = 0.95
"""Fraction; a telescope that triggers with the others sees light in more of its images."""


class ImageParameters(DataProduct):
    """Shape, times, leakage and islands of the cleaned images of one telescope (DL1)."""

    images: Link[CameraImages] = link("images that are described", locates=True)
    parameters: Link[CleaningParameters] = link("method and thresholds of the cleaning")
    n_events: Attribute[int] = persistent("number of images", init=False)
    n_showers: Attribute[int] = persistent("images that cleaning left light in", init=False)

    MOSTLY_EMPTY = QCFlag(0, "fraction of images without light above limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Clean every image and describe what is left; take over what its own pass described."""
        telescope, source = self.images.raw.telescope, self.images.raw.source
        path = self.images.retrieve()
        blocks = self._taken_over(path) if self._is_described() else self._described(path)
        self.n_events = self.n_showers = 0
        with event_files.new_event_file(self.create(".h5"), source, [telescope]) as file:
            for triggers in event_files.trigger_blocks(path):
                file.append_triggers(triggers)
            for rows in blocks:
                file.append_parameters(telescope.tel_id, rows)
                self.n_events += len(rows["event_id"])
                self.n_showers += int(np.isfinite(rows["hillas_intensity"]).sum())

    def _is_described(self) -> bool:
        """Tell whether the images were cleaned alike in the pass that they were made in.

        Raises
        ------
        BadInput
            They were not, and cannot be any more.
        """
        own = self.images.cleaning
        if own is not None and own.values() == self.parameters.values():
            return True
        if not self.images.parameters.keep_images:
            raise BadInput(
                f"{self.images!r} has kept no images",
                expected="images, to clean them otherwise than they were",
                do="Make CameraImages with keep_images=True, or with this cleaning",
            )
        return False

    def _taken_over(self, path: Path) -> Blocks:
        """Return what the images were described by."""
        return event_files.parameter_blocks(path, self.images.raw.telescope.tel_id)

    def _described(self, path: Path) -> Blocks:
        """Describe the images anew, cleaned as the parameters say."""
        telescope = self.images.raw.telescope
        geometry = field_of_view(telescope)
        cleaning = self.parameters.cleaning(self.images.sky_noise(self.parameters))
        blocks = event_files.images(path, telescope.tel_id)
        return (_describe(block, geometry, cleaning) for block in blocks)

    def verify(self) -> None:
        """Compare the number of images without light with its limit."""
        n_empty = self.n_events - self.n_showers
        self.MOSTLY_EMPTY.above(n_empty / max(1, self.n_events), MAX_EMPTY)

    def draw(self, figure: Any) -> None:
        """Draw light, shape, place and leakage of the images."""
        rows = event_files.parameters(self.retrieve(), self.images.raw.telescope.tel_id)
        raw = self.images.raw
        figure.suptitle(f"Images of {raw.telescope.name}, run {raw.run}: {self.n_showers} showers")
        axes = figure.subplots(2, 2)
        light = rows["hillas_intensity"]
        pictures.distribution(axes[0, 0], light, "light (p.e.)", logarithmic=True)
        axes[0, 1].plot(rows["hillas_length"], rows["hillas_width"], ".", markersize=4)
        axes[0, 1].set_xlabel("length (deg)")
        axes[0, 1].set_ylabel("width (deg)")
        pictures.directions(axes[1, 0], rows["hillas_fov_lon"], rows["hillas_fov_lat"])
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


def _describe(
    block: np.ndarray, geometry: kernels.CameraGeometry, cleaning: kernels.Cleaning
) -> Mapping[str, np.ndarray]:
    """Return the columns of a block of images, cleaned and described."""
    cleaned = kernels.image_parameters(
        block["image"], geometry, cleaning, peak_time=block["peak_time"]
    )
    return {"event_id": block["event_id"], **to_data_model(cleaned.parameters)}

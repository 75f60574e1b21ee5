"""A zfits file to a DL1 file, without product and lineage, and the library's bare loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from awlta import kernels
from awlta_recipes import events
from awlta_recipes.eventdata import EventDataWriter, Observation, Subarray, times, to_data_model
from awlta_recipes.instrument import loose_pixels

DC_TO_PE = 0.05
"""Nominal: these files bring no gains."""


class ZfitsToDl1:
    """Reader, `Chain` and writer for the events of a zfits file.

    Parameters
    ----------
    path, target : Path
    positions : Path, optional
        A simulated file with a camera of as many pixels. zfits files do not tell where the pixels
        are: its positions are taken for theirs, in the order of the numbers, so that images are
        cleaned and described as well. Without it there are images alone.
    """

    def __init__(self, path: Path, target: Path, positions: Path | None = None) -> None:
        self.path, self.target = path, target
        self.header = events.read_header(path)
        (telescope,) = self.header.telescopes
        self.is_cleaned = positions is not None
        camera = telescope.camera
        geometry = loose_pixels(camera.n_pixels)
        if positions is not None:
            found = (t.camera for t in events.read_header(positions).telescopes)
            like = next(c for c in found if c.n_pixels == camera.n_pixels)
            assert like.pixel_x is not None
            assert like.pixel_y is not None
            places = {n: getattr(like, n) for n in ("pixel_x", "pixel_y", "pixel_area")}
            camera = replace(camera, pixel_shape=like.pixel_shape, **places)
            geometry = kernels.CameraGeometry.from_positions(
                like.pixel_x, like.pixel_y, "hexagonal"
            )
        self.telescope = replace(telescope, camera=camera)
        brought = events.calibration_of(path, telescope.tel_id)
        shape = (camera.n_gains, camera.n_pixels)
        self.chain = kernels.Chain(
            geometry,
            kernels.TailCuts(8.0, 4.0) if self.is_cleaned else None,
            pedestal=np.zeros(shape, np.float32) if brought is None else brought.pedestal,
            dc_to_pe=np.full(shape, DC_TO_PE, np.float32),
            sampling_rate=camera.sampling_rate,
        )

    def __call__(self) -> int:
        """Write the file; return the number of events."""
        tel_id, n_events = self.telescope.tel_id, 0
        subarray = Subarray.of("one telescope", [self.telescope])
        with EventDataWriter(self.target, subarray, Observation.of(self.header)) as file:
            for block in events.iterate(self.path, tel_id):
                shown = self.chain(block.waveforms, unusable=~block.pixel_ok)
                # The long file has the same events again and again; a file of ours has each once.
                number = {"event_id": n_events + np.arange(len(block))}
                n_events += len(block)
                file.append_triggers(
                    number
                    | {
                        "time": times.since(self.header.start, block.time),
                        "tels_with_trigger": np.ones((len(block), 1), np.bool_),
                    }
                )
                assert shown.pulses is not None
                pixels = {
                    "image": shown.pulses.charge,
                    "peak_time": shown.pulses.peak_time,
                    "is_valid": shown.pulses.is_valid,
                }
                if self.is_cleaned:
                    pixels["image_mask"] = shown.masks
                    file.append_parameters(tel_id, number | to_data_model(shown.parameters))
                file.append_images(tel_id, number | pixels)
        return n_events


def bare_loop(path: Path) -> int:
    """Loop over the events of the library, touching the waveforms of each."""
    from protozfits import File

    n_events, last = 0, 0
    with File(str(path)) as file:
        for event in file.Events:
            last += int(event.hiGain.waveforms.samples[-1])
            n_events += 1
    assert last >= 0
    return n_events

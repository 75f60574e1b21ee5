"""Every public waveform file goes the whole way: ingested, calibrated, imaged, described."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from deliveries import deliver

from awlta.archive import ingest, tickets
from awlta.errors import BadInput
from awlta.lineage import Selection
from awlta.lineage.planning import chain
from awlta.storage.intent import State
from awlta_recipes import event_files, events
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.events import FlaggedEvent
from awlta_recipes.image_parameters import ImageParameters
from awlta_recipes.methods import CleaningParameters, ExtractionParameters
from awlta_recipes.raw_events import RawEvents
from awlta_recipes.raw_file import RawFile
from awlta_recipes.run_calibration import NominalParameters, RunCalibration

pytestmark = [pytest.mark.data, pytest.mark.long]

FROM_FILE = "camera monitoring and laser calibration of the file"

# array events, telescopes; then of one telescope of each camera:
# tel_id, camera, gains, pixels, events, showers left by cleaning (None without a geometry), origin
FILES = {
    "aux_traces_2029.simtel.zst": (1, 1, [(1, "FlashCam", 1, 1764, 1, 1, FROM_FILE)]),
    "aux_traces_2030.simtel.zst": (1, 1, [(1, "LSTCam", 2, 1855, 1, 1, FROM_FILE)]),
    "calib_true_pe.simtel.zst": (2, 1, [(1, "FlashCam", 1, 1764, 2, 1, FROM_FILE)]),
    "camsettings_v6.simtel.zst": (
        1,
        19,
        [(1, "LSTCam", 2, 1855, 1, 1, FROM_FILE), (5, "NectarCam", 2, 1855, 1, 0, FROM_FILE)],
    ),
    "example_9evts_NectarCAM.fits.fz": (
        9,
        1,
        [(0, "NectarCam-84", 2, 84, 9, None, "median sample of the run, nominal gains")],
    ),
    "example_SST1M_20180822.fits.fz": (
        32,
        1,
        [(22, "DigiCam", 1, 1296, 32, None, "online baselines of 32 events, nominal gains")],
    ),
    "extracted_pedestals.simtel.zst": (5, 1, [(1, "LSTCam", 2, 1855, 5, 0, FROM_FILE)]),
    "gamma_with_obslevel_particles.simtel.zst": (
        1,
        1,
        [(1, "Camera960", 2, 960, 1, 1, FROM_FILE)],
    ),
    "history_meta_75.simtel.zst": (
        1,
        19,
        [(4, "LSTCam", 2, 1855, 1, 1, FROM_FILE), (5, "NectarCam", 2, 1855, 1, 1, FROM_FILE)],
    ),
    "lst_muons.simtel.zst": (30, 1, [(1, "LSTCam", 2, 1855, 30, 30, FROM_FILE)]),
    "lst_muons_with_true_photons.simtel.zst": (3, 1, [(1, "LSTCam", 2, 1855, 3, 3, FROM_FILE)]),
    "prod4_pixelsettings_v3.gz": (10, 1, [(1, "LSTCam", 2, 1855, 10, 10, FROM_FILE)]),
    "simtel_test_file.simtel.gz": (9, 1, [(1, "DigiCam", 1, 1296, 9, 9, FROM_FILE)]),
    "calib_events.simtel.gz": (
        1,
        7,
        [
            (1, "LSTCam", 2, 1855, 1, 0, FROM_FILE),
            (2, "NectarCam", 2, 1855, 1, 0, FROM_FILE),
            (3, "FlashCam", 1, 1764, 1, 0, FROM_FILE),
            (4, "ASTRICam", 2, 2368, 1, 0, FROM_FILE),
            (5, "CHEC", 1, 2048, 1, 0, FROM_FILE),
            (6, "DigiCam", 1, 1296, 1, 0, FROM_FILE),
            (7, "SCTCam", 1, 11328, 1, 0, FROM_FILE),
        ],
    ),
}


def test_every_waveform_file_of_the_test_data_is_looked_at(data_folder):
    there = {path.name for path in data_folder.iterdir() if path.is_file()}
    assert there == {*FILES, "fact_testDataFile.fits.fz", "README.txt"}


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_becomes_images_and_their_parameters(workspace, data_folder, name):
    n_array_events, n_telescopes, cameras = FILES[name]
    raw_file = ingest(workspace, data_folder / name).product
    assert raw_file.n_events == n_array_events
    assert len(raw_file.telescopes) == n_telescopes
    assert raw_file.file().size == (data_folder / name).stat().st_size
    telescopes = {t.tel_id: t for t in raw_file.telescopes}
    for tel_id, camera, n_gains, n_pixels, n_events, n_showers, origin in cameras:
        telescope = telescopes[tel_id]
        assert telescope.camera.name == camera
        assert (telescope.camera.n_gains, telescope.camera.n_pixels) == (n_gains, n_pixels)
        raw = RawEvents(source=raw_file, telescope=telescope)
        raw.make()
        assert (raw.n_events, raw.n_flagged, raw.run) == (n_events, 0, raw_file.run)
        images = _images(raw, origin)
        path = images.retrieve("images.h5")
        rows = np.concatenate(list(event_files.images(path, tel_id)))
        assert rows["image"].shape == (n_events, n_pixels)
        assert np.isfinite(rows["image"]).all()
        assert (rows["image"] == 0).all(axis=0).sum() >= images.n_bad_pixels
        _parameters(images, n_showers)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def _images(raw, origin):
    """Calibrate with what the run brings itself, and make images."""
    own = RunCalibration(raw=raw, parameters=NominalParameters())
    own.make()
    assert own.origin == origin
    assert own.is_nominal == ("nominal" in origin)
    images = CameraImages(
        raw=raw, calibration=None, run_calibration=own, parameters=ExtractionParameters()
    )
    images.make()
    assert images.n_events == raw.n_events
    return images


def _parameters(images, n_showers):
    parameters = ImageParameters(images=images, parameters=CleaningParameters())
    if n_showers is None:
        with pytest.raises(BadInput, match="has no pixel positions"):
            parameters.make()
        return
    parameters.make()
    assert (parameters.n_events, parameters.n_showers) == (images.n_events, n_showers)
    tel_id = images.raw.telescope.tel_id
    rows = event_files.parameters(parameters.retrieve("parameters.h5"), tel_id)
    showers = rows[np.isfinite(rows["hillas_intensity"])]
    assert len(showers) == n_showers
    assert (showers["hillas_intensity"] > 0).all()
    assert (showers["morphology_n_pixels"] >= 3).all()


def test_what_cannot_be_used_is_refused_with_its_reason_and_the_rest_goes_on(
    workspace, data_folder
):
    names = ["fact_testDataFile.fits.fz", "README.txt", "lst_muons_with_true_photons.simtel.zst"]
    errors = []
    for name in names:
        try:
            ingest(workspace, data_folder / name)
        except BadInput as error:
            errors.append(str(error))
    assert len(errors) == 2
    assert "its events are not protobuf messages (column compression FACT)" in errors[0]
    assert "beginning with b'Public IACT wave') is of no known kind" in errors[1]
    assert [t.reason for t in tickets(workspace, State.FAILED)] == [
        f"BadInput: {e}" for e in errors
    ]
    assert [f.original_name for f in RawFile.select_all()] == names[2:]
    steps = chain.bring_up_to_date(ImageParameters, Selection(), chain.make_here)
    assert {s.cls.__name__: len(s.made) for s in steps if s.made} == {
        "RawEvents": 1,
        "RunCalibration": 1,
        "CameraImages": 1,
        "ImageParameters": 1,
    }
    assert not any(s.refused for s in steps)


def test_an_event_that_cannot_be_used_is_listed_with_its_reason_and_the_rest_goes_on(
    workspace, tmp_path, monkeypatch
):
    iterate = events.iterate

    def with_a_bad_event(path, tel_id, block=64):
        for found in iterate(path, tel_id, block):
            bad = FlaggedEvent(int(found.event_id[0]), "a sample is missing")
            yield replace(
                found,
                event_id=found.event_id[1:],
                time=found.time[1:],
                waveforms=found.waveforms[1:],
                pointing=found.pointing[1:],
                flagged=(bad,),
            )

    monkeypatch.setattr(events, "iterate", with_a_bad_event)
    raw_file = ingest(workspace, deliver(tmp_path)).product
    raw = RawEvents(source=raw_file, telescope=raw_file.telescopes[0])
    raw.make()
    assert (raw.n_events, raw.n_flagged) == (2, 1)
    assert raw.get_qcflags_set() == ["MANY_FLAGGED"]
    told = json.loads(raw.retrieve("flagged.json", role="flagged").read_text())
    assert told == [{"event_id": 0, "reason": "a sample is missing"}]
    images = _images(raw, "median sample of the run, nominal gains")
    assert images.n_events == 2

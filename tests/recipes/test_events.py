"""Every raw event file of the test data, through one face."""

import os
from pathlib import Path

import numpy as np
import pytest

from awlta.errors import BadInput, NotFound
from awlta_recipes.events import EventKind, calibration_of, identify, iterate, read_header

# file: format, telescopes, array events, then of one telescope: id, name, shape, events
FILES = {
    "aux_traces_2029.simtel.zst": ("simtel", 1, 1, 1, "FlashCam-1", (1, 1764, 25), 1),
    "aux_traces_2030.simtel.zst": ("simtel", 1, 1, 1, "LSTCam-1", (2, 1855, 40), 1),
    "calib_events.simtel.gz": ("simtel", 7, 1, 4, "ASTRICam-4", (2, 2368, 1), 1),
    "calib_true_pe.simtel.zst": ("simtel", 1, 2, 1, "FlashCam-1", (1, 1764, 25), 2),
    "camsettings_v6.simtel.zst": ("simtel", 19, 1, 9, "NectarCam-9", (2, 1855, 60), 1),
    "example_9evts_NectarCAM.fits.fz": ("zfits", 1, 9, 0, "NectarCam-84-0", (2, 84, 60), 9),
    "example_SST1M_20180822.fits.fz": ("zfits", 1, 32, 22, "DigiCam-22", (1, 1296, 50), 32),
    "extracted_pedestals.simtel.zst": ("simtel", 1, 5, 1, "LSTCam-1", (2, 1855, 40), 5),
    "gamma_with_obslevel_particles.simtel.zst": ("simtel", 1, 1, 1, "Camera960-1", (2, 960, 40), 1),
    "history_meta_75.simtel.zst": ("simtel", 19, 1, 4, "LSTCam-4", (2, 1855, 40), 1),
    "lst_muons.simtel.zst": ("simtel", 1, 30, 1, "LSTCam-1", (2, 1855, 30), 30),
    "lst_muons_with_true_photons.simtel.zst": ("simtel", 1, 3, 1, "LSTCam-1", (2, 1855, 30), 3),
    "prod4_pixelsettings_v3.gz": ("simtel", 1, 10, 1, "LSTCam-1", (2, 1855, 40), 10),
    "simtel_test_file.simtel.gz": ("simtel", 1, 9, 1, "DigiCam-1", (1, 1296, 50), 9),
}


def data(name):
    root = os.environ.get("AWLTA_TEST_DATA")
    if not root:
        pytest.skip("AWLTA_TEST_DATA is not set")
    return Path(root) / name


@pytest.mark.data
@pytest.mark.parametrize("name", FILES)
def test_every_raw_file_is_read_to_its_end(name):
    form, n_telescopes, n_array_events, tel_id, telescope, shape, n_events = FILES[name]
    path = data(name)
    assert identify(path) == form
    header = read_header(path)
    assert (len(header.telescopes), header.n_events) == (n_telescopes, n_array_events)
    assert header.telescope(tel_id).name == telescope
    assert header.telescope(tel_id).camera.event_shape == shape
    blocks = list(iterate(path, tel_id, block=4))
    assert sum(len(b) for b in blocks) == n_events
    assert all(b.waveforms.shape[1:] == shape and not b.flagged for b in blocks)


@pytest.mark.data
def test_the_size_of_a_block_does_not_change_the_events():
    path = data("lst_muons.simtel.zst")
    one = list(iterate(path, 1, block=1))
    seven = list(iterate(path, 1, block=7))
    assert [len(b) for b in seven] == [7, 7, 7, 7, 2]
    for name in ("event_id", "time", "waveforms", "pointing"):
        parts = [np.concatenate([getattr(b, name) for b in blocks]) for blocks in (one, seven)]
        assert np.array_equal(*parts)


@pytest.mark.data
def test_simtel_pedestals_are_per_sample():
    calibration = calibration_of(data("lst_muons.simtel.zst"), 1)
    assert calibration.pedestal.shape == calibration.dc_to_pe.shape == (2, 1855)
    assert calibration.pedestal.mean() == pytest.approx(300, abs=1)
    high, low = calibration.dc_to_pe.mean(axis=1)
    assert low / high == pytest.approx(18.2, abs=0.1)


@pytest.mark.data
def test_a_telescope_without_data_in_an_event_is_no_fault():
    path = data("history_meta_75.simtel.zst")
    assert list(iterate(path, 15)) == []
    assert calibration_of(path, 15) is None or calibration_of(path, 15).pedestal.size


@pytest.mark.data
def test_zfits_rows_are_put_into_pixel_order():
    path = data("example_SST1M_20180822.fits.fz")
    block = next(iterate(path, 22))
    pedestal = calibration_of(path, 22)
    assert pedestal.dc_to_pe is None
    level = np.median(block.waveforms[:, 0], axis=(0, 2))
    assert np.corrcoef(level, pedestal.pedestal[0])[0, 1] > 0.99


@pytest.mark.data
def test_zfits_times_are_the_cameras():
    nectar = next(iterate(data("example_9evts_NectarCAM.fits.fz"), 0))
    # events came once a second
    assert np.diff(nectar.time) == pytest.approx(np.ones(8), abs=0.01)
    assert (
        read_header(data("example_SST1M_20180822.fits.fz"))
        .start.isoformat()
        .startswith("2018-08-23T00:00:01.673508")
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lst_muons.simtel.zst", EventKind.SIMULATION),
        ("calib_events.simtel.gz", EventKind.PEDESTAL),
        ("calib_true_pe.simtel.zst", EventKind.FLATFIELD),
        ("extracted_pedestals.simtel.zst", EventKind.CALIBRATION),
        ("example_SST1M_20180822.fits.fz", EventKind.UNKNOWN),
    ],
)
def test_the_kind_of_a_run_is_what_its_file_tells(name, kind):
    assert read_header(data(name)).event_kind is kind


@pytest.mark.data
def test_pixels_of_a_simtel_camera_are_a_tenth_of_a_degree_apart():
    lon, lat = read_header(data("history_meta_75.simtel.zst")).telescope(1).pixel_directions()
    distance = np.hypot(lon - lon[0], lat - lat[0])
    assert np.sort(distance)[1:7] == pytest.approx(np.full(6, 0.0977), abs=1e-3)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("fact_testDataFile.fits.fz", "not protobuf"),
        ("README.txt", "begins with"),
        ("camgeom/LSTCam.camgeom.fits.gz", "begins with"),
    ],
)
def test_foreign_files_are_refused_by_what_they_hold(name, found):
    with pytest.raises(BadInput, match=found):
        read_header(data(name))


@pytest.mark.data
def test_an_unknown_telescope_is_named_with_those_there_are():
    with pytest.raises(NotFound, match=r"no telescope 9.*\[1\]"):
        iterate(data("lst_muons.simtel.zst"), 9)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        read_header(tmp_path / "nothing")


def test_an_empty_file_is_refused_as_empty(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    with pytest.raises(BadInput, match="is empty"):
        read_header(path)

"""Calibration runs that are in order, and those that are not: refused, or flagged for people."""

from __future__ import annotations

import numpy as np
import pytest
from deliveries import N_PIXELS, deliver

from awlta.archive import ingest
from awlta.config import Profile
from awlta.errors import BadInput, BadValue
from awlta.lineage import Workspace
from awlta.persistent.database import create
from awlta_recipes import event_files
from awlta_recipes.camera_calibration import CameraCalibration, FlatFieldParameters
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.constants import Constants
from awlta_recipes.events import EventKind, calibration_of
from awlta_recipes.image_parameters import ImageParameters
from awlta_recipes.methods import CleaningParameters, ExtractionParameters
from awlta_recipes.pedestal_calibration import (
    PedestalCalibration,
    PedestalParameters,
    read_pedestal,
)
from awlta_recipes.raw_events import RawEvents
from awlta_recipes.run_calibration import NominalParameters, RunCalibration
from awlta_recipes.science import PixelFlag
from awlta_recipes.shower_geometry import ShowerGeometry, StereoParameters
from awlta_recipes.sky_map import SkyMapParameters

FIRST = np.arange(N_PIXELS) == 0
"""One pixel of seven is more than a camera may lose."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A workspace into which runs are delivered."""
    home = tmp_path_factory.mktemp("site")
    profile = Profile(home, "ada", project="CRAB")
    create(profile.database_url, 0)
    workspace = Workspace(profile)
    with workspace.use():
        yield workspace
    workspace.close()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bring(site, tmp_path):
    """Deliver a run and return its events."""

    def bring_one(kind=EventKind.OBSERVATION, n_events=40, **changes):
        run = 1 + len(RawEvents.select_all())
        path = deliver(tmp_path, f"{run}.h5", run=run, kind=kind, n_events=n_events, **changes)
        file = ingest(site, path).product
        raw = RawEvents(source=file, telescope=file.telescopes[0])
        raw.make()
        return raw

    return bring_one


def pedestal_of(raw, **values):
    found = PedestalCalibration(raw=raw, parameters=PedestalParameters(**values))
    found.make()
    return found


def flags(product):
    return set(product.get_qcflags_set())


@pytest.mark.parametrize(
    ("changes", "raised"),
    [
        ({}, set()),
        ({"noisy": 20}, {"BAD_RMS"}),
        ({"noisy": 1 + 9 * FIRST}, {"MANY_BAD_PIXELS"}),
        ({"noisy": 1 - 0.9 * FIRST}, {"MANY_BAD_PIXELS"}),
        ({"n_events": 5}, {"FEW_EVENTS"}),
    ],
)
def test_a_bad_pedestal_run_is_flagged(bring, changes, raised):
    assert flags(pedestal_of(bring(EventKind.PEDESTAL, **changes))) == raised


def unsteady(n_events=40):
    return {"late": np.random.default_rng(1).uniform(-2, 2, (n_events, N_PIXELS))}


@pytest.mark.parametrize(
    ("changes", "raised", "counted"),
    [
        ({}, set(), {}),
        ({"bright": 1.0 * ~FIRST}, {"MANY_BAD_PIXELS"}, {"n_dead": 1}),
        ({"bright": 1 + 2.0 * FIRST}, {"MANY_BAD_PIXELS"}, {"n_odd_gain": 1}),
        ({"late": unsteady()["late"] * FIRST * 2}, {"MANY_BAD_PIXELS"}, {"n_odd_time": 1}),
        (unsteady(), {"UNSTEADY_TIMES"}, {}),
        ({"bright": 0.1}, {"FAINT_FLASHES"}, {}),
        ({"n_events": 5}, {"FEW_FLASHES"}, {}),
    ],
)
def test_a_bad_flat_field_run_is_flagged(bring, changes, raised, counted):
    dark = pedestal_of(bring(EventKind.PEDESTAL))
    flash = bring(EventKind.FLATFIELD, **changes)
    found = CameraCalibration(raw=flash, pedestal=dark, parameters=FlatFieldParameters())
    found.make()
    assert raised <= flags(found)
    if not raised:
        assert not flags(found)
    counts = {n: getattr(found, n) for n in ("n_dead", "n_odd_gain", "n_odd_time") if counted}
    assert {n: c for n, c in counts.items() if c} == counted


def test_a_run_that_was_taken_for_something_else_is_refused(bring):
    dark, flash, sky = map(bring, (EventKind.PEDESTAL, EventKind.FLATFIELD, EventKind.OBSERVATION))
    for raw in (flash, sky):
        with pytest.raises(BadInput, match=f"was taken as {raw.kind.value}"):
            pedestal_of(raw)
    for raw in (dark, sky):
        wrong = CameraCalibration(
            raw=raw, pedestal=pedestal_of(dark), parameters=FlatFieldParameters()
        )
        with pytest.raises(BadInput, match="Expected: a run taken as flatfield"):
            wrong.make()


@pytest.mark.parametrize("kind", [EventKind.CALIBRATION, EventKind.UNKNOWN])
def test_a_run_that_does_not_tell_what_it_was_taken_for_may_be_pedestals(bring, kind):
    assert pedestal_of(bring(kind, bright=0.0)).n_events == 40


def test_of_a_long_run_the_first_events_are_measured(bring):
    raw = bring(EventKind.PEDESTAL, n_events=150)
    few = pedestal_of(raw, most_events=70)
    assert few.n_events == 70
    assert read_pedestal(few.retrieve()).n_events.max() == 70
    assert sum(map(len, raw.counts(most=70))) == 70
    assert sum(map(len, raw.counts())) == 150
    assert np.array_equal(next(raw.counts(most=5)), next(raw.counts())[:5])


def test_a_window_as_long_as_the_waveform_has_no_noise(bring):
    with pytest.raises(BadInput, match=r"waveforms of 12 samples\. Expected: more than the 12"):
        pedestal_of(bring(EventKind.PEDESTAL), window=12)


def test_a_run_without_events_is_neither_calibrated_nor_imaged(bring):
    raw = bring(n_events=0)
    own = RunCalibration(raw=raw, parameters=NominalParameters())
    with pytest.raises(BadInput, match="no events to tell a baseline"):
        own.make()
    images = CameraImages(raw=raw, calibration=None, parameters=ExtractionParameters())
    with pytest.raises(BadInput, match="has no events of T-1 that can be used"):
        images.make()


def images_of(raw):
    own = RunCalibration(raw=raw, parameters=NominalParameters())
    own.make()
    images = CameraImages(
        raw=raw, calibration=None, run_calibration=own, parameters=ExtractionParameters()
    )
    images.make()
    return images


def test_showers_are_those_of_one_run_and_of_each_telescope_once(bring):
    one, other = (images_of(bring(n_events=5)) for _ in range(2))

    def described(images, **values):
        found = ImageParameters(images=images, parameters=CleaningParameters(**values))
        found.make()
        return found

    for images, fault in [
        ([], "No images. Expected: those of one run"),
        ([described(one), described(other)], "Images of the runs .* Expected: those of one run"),
        ([described(one), described(one, picture=9)], "Images of the telescopes .1, 1. in run"),
    ]:
        with pytest.raises(BadInput, match=fault):
            ShowerGeometry(images=images, parameters=StereoParameters()).make()


def test_bins_wider_than_the_map_are_never_committed(session):
    with pytest.raises(BadValue, match="bin_size <= width"):
        session.commit(SkyMapParameters(ra=83.6, dec=22, width=1, bin_size=2))


def test_a_run_brings_its_times_and_the_pixels_off(site, data_folder):
    file = ingest(site, data_folder / "calib_true_pe.simtel.zst").product
    raw = RawEvents(source=file, telescope=file.telescopes[0])
    raw.make()
    brought = calibration_of(data_folder / "calib_true_pe.simtel.zst", raw.telescope.tel_id)
    times = []
    for file_times in (True, False):
        own = RunCalibration(raw=raw, parameters=NominalParameters(file_times=file_times))
        own.make()
        found = Constants.read(own.retrieve())
        assert own.has_times == file_times
        assert own.n_bad_pixels == found.is_bad.sum() == (~brought.pixel_ok).sum() == 6
        off = (found.status & np.uint8(PixelFlag.OFF)) > 0
        assert (off == ~brought.pixel_ok).all()
        assert not flags(own)
        images = CameraImages(
            raw=raw, calibration=None, run_calibration=own, parameters=ExtractionParameters()
        )
        images.make()
        blocks = event_files.images(images.retrieve(), raw.telescope.tel_id)
        times.append(np.concatenate([b["peak_time"] for b in blocks]))
    late = np.where(brought.pixel_ok, brought.time_shift[0], 0)
    assert times[1] - times[0] == pytest.approx(np.broadcast_to(late, times[0].shape), abs=1e-4)
    assert np.abs(late).max() > 0.5

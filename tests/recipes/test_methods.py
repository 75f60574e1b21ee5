"""Methods of extraction and cleaning: what the kernels are given, and what images become."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from deliveries import N_SAMPLES, PIXEL_X, deliver

from awlta import kernels
from awlta.archive import ingest
from awlta.config import Profile
from awlta.errors import BadInput, BadValue
from awlta.lineage import Parameters, Selection, Workspace
from awlta.lineage.planning import chain
from awlta.lineage.recipes.identity import identify
from awlta.persistent.database import create
from awlta_recipes import event_files, events
from awlta_recipes.camera_calibration import CameraCalibration
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.constants import Constants
from awlta_recipes.events import CalibrationState, EventKind
from awlta_recipes.image_parameters import ImageParameters
from awlta_recipes.instrument import field_of_view
from awlta_recipes.methods import (
    CleaningMethod,
    CleaningParameters,
    ExtractionMethod,
    ExtractionParameters,
    IslandChoice,
)
from awlta_recipes.pedestal_calibration import read_pedestal
from awlta_recipes.raw_events import RawEvents
from awlta_recipes.run_calibration import NominalParameters, RunCalibration

DEAD, LATE = 3, 1
"""Pixels; the late one is so by two samples."""

WINDOW = {"width": 5, "shift": 2}

EXTRACTORS = [
    (ExtractionMethod.FIXED, {"peak_index": 6}, kernels.FixedWindow(5, 2, 6)),
    (ExtractionMethod.FULL, {}, kernels.FullWaveform()),
    (ExtractionMethod.GLOBAL_PEAK, {"pixel_fraction": 0.5}, kernels.GlobalPeak(5, 2, 0.5)),
    (ExtractionMethod.LOCAL_PEAK, {}, kernels.LocalPeak(5, 2)),
    (ExtractionMethod.NEIGHBOR_PEAK, {"local_weight": 2}, kernels.NeighborPeak(5, 2, 2)),
    (
        ExtractionMethod.BASELINE_NEIGHBOR_PEAK,
        {"local_weight": 1, "baseline_end": 3},
        kernels.BaselineSubtractedNeighborPeak(5, 2, 1, 0, 3),
    ),
    (ExtractionMethod.SLIDING, {}, kernels.SlidingWindowMax(5)),
    (ExtractionMethod.TWO_PASS, {"core_threshold": 8}, kernels.TwoPass(8.0)),
    (ExtractionMethod.FLASHCAM, {"local_weight": 1}, kernels.FlashCam(4, 5, 2, 1)),
]

THRESHOLDS = {"picture": 6, "boundary": 3}
TOUCHING = {"min_picture_neighbors": 1}

CLEANINGS = [
    (CleaningMethod.TAIL_CUTS, {"keep_isolated": True}, kernels.TailCuts(6.0, 3.0, True, 1)),
    (CleaningMethod.MARS, {"keep_isolated": True}, kernels.Mars(6.0, 3.0, True, 1)),
    (CleaningMethod.FACT, {"time_limit": 3}, kernels.Fact(6.0, 3.0, 1, 3.0)),
    (
        CleaningMethod.TIME_CONSTRAINED,
        {"core_time_limit": 4, "boundary_time_limit": 2},
        kernels.TimeConstrained(6.0, 3.0, 4.0, 2.0, 1),
    ),
    (
        CleaningMethod.NIGHT_SKY,
        {
            "pedestal_factor": 3,
            "time_limit": 2,
            "bright_threshold": 100,
            "bright_fraction": 0.05,
            "island": IslandChoice.BRIGHTEST,
        },
        kernels.NightSky(
            picture=6.0,
            boundary=3.0,
            min_picture_neighbors=1,
            pedestal_factor=3.0,
            time_limit=2.0,
            bright_threshold=100.0,
            bright_fraction=0.05,
            island="brightest",
        ),
    ),
]


def named(cases):
    return [method.name for method, *_ in cases]


# what the kernels are given ---------------------------------------------------------------


def test_no_method_is_left_out():
    assert [m for m, *_ in EXTRACTORS] == list(ExtractionMethod)
    assert [m for m, *_ in CLEANINGS] == list(CleaningMethod)


@pytest.mark.parametrize(("method", "values", "kernel"), EXTRACTORS, ids=named(EXTRACTORS))
def test_an_extraction_method_is_that_of_the_kernels_with_its_parameters(method, values, kernel):
    assert ExtractionParameters(method=method, **WINDOW, **values).extractor() == kernel


@pytest.mark.parametrize(("method", "values", "kernel"), CLEANINGS, ids=named(CLEANINGS))
def test_a_cleaning_method_is_that_of_the_kernels_with_its_parameters(method, values, kernel):
    cleaning = CleaningParameters(method=method, **THRESHOLDS, **TOUCHING, **values).cleaning()
    assert type(cleaning) is type(kernel)
    assert vars(cleaning) == vars(kernel)


def test_the_noise_of_the_sky_goes_to_the_method_that_asks_for_it():
    noise = np.full(7, 0.5, np.float32)
    cleaning = CleaningParameters(method=CleaningMethod.NIGHT_SKY).cleaning(noise)
    assert cleaning.pedestal_std.tolist() == noise.tolist()
    assert "pedestal_std" not in vars(CleaningParameters().cleaning(noise))


def test_what_is_made_for_good_takes_its_peaks_from_neighbours():
    methods = [ExtractionParameters.for_(category=c).method for c in "ABC"]
    assert methods == 2 * [ExtractionMethod.LOCAL_PEAK] + [ExtractionMethod.NEIGHBOR_PEAK]


@pytest.mark.parametrize(
    ("telescope", "core_threshold", "picture"),
    [
        ("LST-1", 6, 7.5),
        ("LSTCam-1", 6, 7.5),
        ("MST-4", 8, 8),
        ("NectarCam-5", 8, 8),
        ("FlashCam-6", 8, 8),
        ("SST-30", 4, 7),
        ("CHEC-30", 4, 7),
    ],
)
def test_thresholds_go_by_the_size_of_the_telescope_however_a_file_names_it(
    telescope, core_threshold, picture
):
    assert ExtractionParameters.for_(telescope=telescope).core_threshold == core_threshold
    assert CleaningParameters.for_(telescope=telescope).picture == picture


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        (CleaningParameters(picture=3, boundary=4), "boundary threshold of 4.0 p.e. above"),
        (
            ExtractionParameters(method=ExtractionMethod.GLOBAL_PEAK, pixel_fraction=0),
            "pixel_fraction is 0.0. Expected: a number above 0",
        ),
        (ExtractionParameters(shift=10**7), "shift is 10000000. Expected: an integer from"),
    ],
)
def test_what_does_not_go_together_is_never_committed(session, parameters, fault):
    with pytest.raises(BadValue, match=fault):
        session.commit(parameters)
    assert not parameters.is_stored


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (ExtractionParameters, {"width": 0}),
        (ExtractionParameters, {"gain_threshold": -1}),
        (ExtractionParameters, {"method": "LocalPique"}),
        (CleaningParameters, {"picture": -1}),
        (CleaningParameters, {"boundary": float("nan")}),
        (CleaningParameters, {"bright_fraction": 1.5}),
        (NominalParameters, {"dc_to_pe": 0}),
    ],
)
def test_numbers_out_of_range_and_unknown_methods_are_refused_when_they_are_set(cls, values):
    with pytest.raises(BadValue, match=f"{cls.__name__}.{next(iter(values))} = .* Expected: "):
        cls(**values)


METHODS = [
    (cls, step.target, name)
    for cls in (CameraImages, ImageParameters)
    for step in cls.__links__.values()
    if issubclass(step.target, Parameters)
    for name, value in vars(step.target).items()
    if inspect.isfunction(value) and name != "check" and not name.startswith("_")
]


def test_a_changed_method_is_a_changed_recipe(monkeypatch):
    def digest(cls):
        return identify(cls.__recipe__.function, "1", cls).digest

    assert {name for _, _, name in METHODS} >= {"extractor", "correction", "cleaning"}
    for cls, parameters, name in METHODS:
        before = digest(cls)
        with monkeypatch.context() as changing:
            changing.setattr(parameters, name, lambda self: None)
            assert digest(cls) != before, f"{cls.__name__} with another {name}"


# what images become by them ---------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A workspace with a calibration, and runs of raw counts and in p.e. to be imaged."""
    home = tmp_path_factory.mktemp("site")
    profile = Profile(home, "ada", project="CRAB")
    create(profile.database_url, 0)
    workspace = Workspace(profile)
    pixels = np.arange(len(PIXEL_X))
    camera = {"has_pulse": True, "late": 2.0 * (pixels == LATE), "bright": 1.0 * (pixels != DEAD)}
    runs = [
        ("dark.h5", {"run": 1, "kind": EventKind.PEDESTAL, "n_events": 40}),
        ("flash.h5", {"run": 2, "kind": EventKind.FLATFIELD, "n_events": 40}),
        ("counts.h5", {"run": 3, "n_events": 20}),
        ("pe.h5", {"run": 4, "state": CalibrationState.PE, "n_events": 20}),
    ]
    with workspace.use():
        for name, told in runs:
            ingest(workspace, deliver(home, name, **told, **camera))
        chain.bring_up_to_date(CameraCalibration, Selection(), chain.make_here)
        for run in (3, 4):
            chain.bring_up_to_date(RawEvents, Selection(run=run), chain.make_here)
        yield workspace
    workspace.close()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def make_images(run=3, cleaning=None, **values):
    """Make images of a run; 3 is of raw counts, 4 in p.e."""
    (raw,) = RawEvents.select(run=run)
    (calibration,) = CameraCalibration.select_all() if run == 3 else [None]
    images = CameraImages(
        raw=raw,
        calibration=calibration,
        parameters=ExtractionParameters(**values),
        cleaning=cleaning,
    )
    images.make()
    return images


def make_parameters(images, cleaning):
    parameters = ImageParameters(images=images, parameters=cleaning)
    parameters.make()
    return parameters


def rows_of(images):
    return np.concatenate(list(event_files.images(images.retrieve(), 1)))


def described(product):
    return event_files.parameters(product.retrieve(), 1)


def extracted(run, extractor, **options):
    """Return what the kernels alone make of a run."""
    (raw,) = RawEvents.select(run=run)
    (block,) = events.iterate(raw.source.retrieve(), 1)
    options["geometry"] = field_of_view(raw.telescope)
    if run == 4:
        return kernels.extract(block.waveforms, extractor, **options)
    known = Constants.read(CameraCalibration.select_all()[0].retrieve())
    return kernels.extract_raw(
        block.waveforms, known.pedestal, known.dc_to_pe, extractor, unusable=known.is_bad, **options
    )


@pytest.mark.parametrize("run", [3, 4])
@pytest.mark.parametrize(("method", "values", "kernel"), EXTRACTORS, ids=named(EXTRACTORS))
def test_images_hold_what_the_kernel_extracts(site, run, method, values, kernel):
    images = make_images(run, method=method, **WINDOW, **values)
    correction = images.parameters.correction(images.raw.telescope.camera, 2 if run == 3 else 1)
    assert (correction is None) == (method is not ExtractionMethod.FLASHCAM)
    expected = extracted(run, kernel, correction=correction)
    rows = rows_of(images)
    assert np.array_equal(rows["image"], expected.charge)
    assert np.array_equal(rows["is_valid"], expected.is_valid)


@pytest.mark.parametrize("run", [3, 4])
def test_charges_are_corrected_for_what_the_window_misses(site, run):
    narrow = {"width": 3, "shift": 1}
    plain, whole = (rows_of(make_images(run, correct_pulse=c, **narrow)) for c in (False, True))
    camera = RawEvents.select(run=run)[0].telescope.camera
    factor = kernels.pulse_correction(camera.pulse, camera.pulse_step, 1.0, kernels.LocalPeak(3, 1))
    assert 1.2 < factor[0] < 1.4
    assert whole["image"] == pytest.approx(factor[0] * plain["image"], rel=1e-6)


def test_a_camera_without_a_pulse_is_not_corrected_for_it(workspace, tmp_path):
    file = ingest(workspace, deliver(tmp_path, state=CalibrationState.PE)).product
    raw = RawEvents(source=file, telescope=file.telescopes[0])
    raw.make()
    images = CameraImages(
        raw=raw, calibration=None, parameters=ExtractionParameters(correct_pulse=True)
    )
    with pytest.raises(BadInput, match="Camera Flower has no reference pulse"):
        images.make()


def test_late_waveforms_are_moved_and_their_times_stay_right(site):
    fixed = {"method": ExtractionMethod.FIXED, "peak_index": 6, "width": 3, "shift": 1}
    still, moved = (rows_of(make_images(integer_shift=s, **fixed)) for s in (False, True))
    others = [p for p in range(7) if p not in (LATE, DEAD)]
    level = np.median(moved["image"][:, others])
    assert np.median(moved["image"][:, LATE]) == pytest.approx(level, rel=0.2)
    assert np.median(still["image"][:, LATE]) < 0.6 * level
    own = {"method": ExtractionMethod.LOCAL_PEAK, "width": 3, "shift": 1}
    still, moved = (rows_of(make_images(integer_shift=s, **own)) for s in (False, True))
    assert np.array_equal(still["image"], moved["image"])
    assert moved["peak_time"] == pytest.approx(still["peak_time"], abs=1e-5)
    assert np.median(moved["peak_time"][:, LATE]) == pytest.approx(6.0, abs=0.2)


def test_a_bad_pixel_gets_nothing_or_the_mean_of_its_good_neighbours(site):
    dark, filled = (rows_of(make_images(interpolate=i)) for i in (False, True))
    assert not dark["image"][:, DEAD].any()
    geometry = field_of_view(RawEvents.select(run=3)[0].telescope)
    neighbors = geometry.neighbors
    beside = neighbors.indices[neighbors.indptr[DEAD] : neighbors.indptr[DEAD + 1]]
    assert len(beside) == 3
    mean = dark["image"][:, beside].mean(axis=1)
    assert filled["image"][:, DEAD] == pytest.approx(mean, rel=1e-6)
    others = np.delete(np.arange(7), DEAD)
    assert np.array_equal(dark["image"][:, others], filled["image"][:, others])


@pytest.mark.parametrize(("method", "values", "kernel"), CLEANINGS, ids=named(CLEANINGS))
def test_parameters_taken_over_have_the_bits_of_images_cleaned_again(site, method, values, kernel):
    cleaning = CleaningParameters(method=method, **THRESHOLDS, **TOUCHING, **values)
    in_one_pass = make_images(cleaning=cleaning)
    taken_over = make_parameters(in_one_pass, cleaning)
    again = make_parameters(make_images(), cleaning)
    assert taken_over.n_showers == again.n_showers == 20
    assert described(taken_over).tobytes() == described(again).tobytes()
    assert described(taken_over).tobytes() == described(in_one_pass).tobytes()
    assert taken_over.file().content_digest == again.file().content_digest


def test_images_that_were_not_kept_are_described_as_they_were_and_not_otherwise(site):
    cleaning = CleaningParameters(**THRESHOLDS)
    images = make_images(cleaning=cleaning, keep_images=False)
    kept = make_images(cleaning=cleaning)
    assert images.file().size < kept.file().size
    assert described(images).tobytes() == described(kept).tobytes()
    assert make_parameters(images, cleaning).n_showers == images.n_events
    other = ImageParameters(images=images, parameters=cleaning.changed(picture=9))
    with pytest.raises(BadInput, match="has kept no images"):
        other.make()
    with pytest.raises(BadInput, match="Neither images nor what describes them"):
        make_images(keep_images=False)


def test_the_night_sky_is_that_of_the_pedestal_run(site):
    cleaning = CleaningParameters(method=CleaningMethod.NIGHT_SKY)
    images = make_images()
    (calibration,) = CameraCalibration.select_all()
    dark = read_pedestal(calibration.pedestal.retrieve())
    factor = Constants.read(calibration.retrieve()).dc_to_pe[0]
    assert images.sky_noise(CleaningParameters()) is None
    assert images.sky_noise(cleaning) == pytest.approx(dark.charge_std[0] * factor)
    assert images.sky_noise(cleaning)[0] == pytest.approx(4 * np.sqrt(7) / 20, rel=0.2)
    loud = cleaning.changed(pedestal_factor=100)  # 53 p.e.: no pixel has so much
    assert make_parameters(images, loud).n_showers == 0
    assert make_parameters(images, cleaning).n_showers == 20
    corrected = make_images(correct_pulse=True)
    assert (corrected.sky_noise(cleaning) > images.sky_noise(cleaning))[:DEAD].all()


def test_the_night_sky_is_refused_where_it_is_not_known(site):
    cleaning = CleaningParameters(method=CleaningMethod.NIGHT_SKY)
    for run, values, fault in [
        (4, {}, "No pedestal run tells the noise of the night sky in run 4"),
        (3, {"width": 5}, "Noise of 7 samples, for charges of 5 ones"),
        (3, {"method": ExtractionMethod.FLASHCAM}, "for charges of deconvolved ones"),
    ]:
        with pytest.raises(BadInput, match=fault):
            make_images(run, cleaning, **values)
        assert make_images(run, cleaning.changed(pedestal_factor=0), **values).n_events == 20


def test_samples_that_no_waveform_has_are_refused(site):
    for values in (
        {"method": ExtractionMethod.FIXED, "peak_index": N_SAMPLES},
        {"method": ExtractionMethod.BASELINE_NEIGHBOR_PEAK, "baseline_end": N_SAMPLES + 1},
    ):
        with pytest.raises(BadInput, match="Sample 13 of waveforms of Flower, which have 12"):
            make_images(**values)


def test_a_run_that_calibrates_itself_is_imaged(site):
    (raw,) = RawEvents.select(run=3)
    own = RunCalibration(raw=raw, parameters=NominalParameters())
    own.make()
    assert (own.is_nominal, own.has_times, own.n_bad_pixels) == (True, False, 0)
    images = CameraImages(
        raw=raw, calibration=None, run_calibration=own, parameters=ExtractionParameters()
    )
    images.make()
    assert np.median(rows_of(images)["image"]) == pytest.approx(30, rel=0.2)

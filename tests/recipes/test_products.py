"""The products of the chain: what they hold, and that none can be made without its links."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest
from deliveries import deliver

from awlta.archive import ingest
from awlta.config import Profile
from awlta.errors import BadInput, BadValue, RecipeFailed
from awlta.lineage import Selection, Workspace, new_hdf5
from awlta.lineage.planning import chain
from awlta.lineage.product import Recipe
from awlta.persistent import Persistent, registry
from awlta.persistent.database import create
from awlta_recipes import event_files
from awlta_recipes.camera_calibration import CameraCalibration, FlatFieldParameters
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.constants import Constants
from awlta_recipes.events import CalibrationState, EventKind
from awlta_recipes.image_parameters import ImageParameters
from awlta_recipes.methods import CleaningParameters, ExtractionParameters
from awlta_recipes.pedestal_calibration import (
    PedestalCalibration,
    PedestalParameters,
    read_pedestal,
)
from awlta_recipes.raw_events import RawEvents
from awlta_recipes.raw_file import RawFile
from awlta_recipes.run_calibration import NominalParameters, RunCalibration
from awlta_recipes.science import PixelFlag, to_offsets
from awlta_recipes.shower_geometry import TABLE as SHOWERS
from awlta_recipes.shower_geometry import ShowerGeometry
from awlta_recipes.simulated_run import SimulatedRun, SimulationParameters
from awlta_recipes.sky_map import SkyMap
from awlta_recipes.tables import read_table

pytestmark = pytest.mark.long

MADE = [
    SimulatedRun,
    RawEvents,
    PedestalCalibration,
    CameraCalibration,
    RunCalibration,
    CameraImages,
    ImageParameters,
    ShowerGeometry,
    SkyMap,
]
LINKS = [(cls, name) for cls in MADE for name in cls.__links__]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A workspace in which pedestals, flashes and one run were simulated, ingested and made."""
    home = tmp_path_factory.mktemp("night")
    profile = Profile(home, "ada", project="CRAB")
    create(profile.database_url, 0)
    workspace = Workspace(profile)
    with workspace.use():
        parameters = SimulationParameters(
            seed=3, n_pedestals=20, n_flashes=20, n_gammas=6, n_hadrons=4
        )
        for run in SimulatedRun.night(parameters)[:3]:
            run.make()
            ingest(workspace, run.retrieve(home / f"run{run.run}.h5"))
        workspace.steps = chain.bring_up_to_date(SkyMap, Selection(), chain.make_here)
        RunCalibration(raw=RawEvents.select(run=3)[0], parameters=NominalParameters()).make()
        yield workspace
    workspace.close()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def images_of(product):
    """Return all images of a product."""
    tel_id = product.raw.telescope.tel_id
    return np.concatenate(list(event_files.images(product.retrieve(), tel_id)))


def test_the_chain_makes_each_class_for_each_telescope_and_run(night):
    made = {step.cls.__name__: len(step.made) for step in night.steps}
    assert made == {
        "RawEvents": 12,
        "PedestalCalibration": 4,
        "CameraCalibration": 4,
        "RunCalibration": 0,
        "CameraImages": 4,
        "ImageParameters": 4,
        "ShowerGeometry": 1,
        "SkyMap": 1,
    }
    assert not any(step.refused for step in night.steps)
    again = chain.bring_up_to_date(SkyMap, Selection(), chain.make_here)
    assert not any(step.made or step.refused for step in again)


def test_numbers_of_a_product_agree_with_its_file_and_its_inputs(night):
    for images in CameraImages.select_all():
        rows = images_of(images)
        assert len(rows) == images.n_events == images.raw.n_events
        assert (np.diff(rows["event_id"]) > 0).all()
        assert images.n_bad_pixels == images.calibration.n_bad_pixels == 3
        assert images.calibration.raw.telescope is images.raw.telescope
    for calibration in CameraCalibration.select_all():
        assert calibration.n_events == 20
        assert calibration.median_gain == pytest.approx(20, rel=0.1)
        assert calibration.light == pytest.approx(75, rel=0.1)
        assert calibration.n_noisy == calibration.n_dead == 3
        assert calibration.n_odd_gain == calibration.n_odd_time == calibration.n_saturated == 0
        assert 0 < calibration.time_spread < 0.2
        assert not calibration.get_qcflags_set()
        assert calibration.timestamp_start == calibration.pedestal.timestamp_start
    (geometry,) = ShowerGeometry.select_all()
    assert geometry.run == 3
    assert 0 < geometry.n_reconstructed <= geometry.n_events
    showers = read_table(geometry.retrieve(), SHOWERS)
    crossed = showers[np.isfinite(showers["alt"])]
    assert len(crossed) == geometry.n_reconstructed
    assert (crossed["telescopes"].sum(axis=1) == crossed["n_telescopes"]).all()
    # great circles on the sky and axes on a flat sky tell of the same showers
    source = geometry.images[0].images.raw.source
    lon, _ = to_offsets(crossed["az"], crossed["alt"], source.az, source.alt)
    sign = -1 if source.ra is not None else 1
    assert np.median(np.abs(sign * lon - crossed["fov_lon"])) < 0.1


def test_constants_hold_what_was_found_for_each_gain(night):
    for calibration in CameraCalibration.select_all():
        constants = Constants.read(calibration.retrieve())
        shape = (2, calibration.raw.telescope.camera.n_pixels)
        assert {a.shape for a in vars(constants).values()} == {shape}
        assert constants.is_bad.sum() == 3
        assert (constants.status[:, constants.is_bad] & np.uint8(PixelFlag.DEAD)).all()
        assert not constants.status[:, ~constants.is_bad].any()


def test_a_file_that_tells_bad_pixels_and_times_without_gains_is_read(tmp_path):
    level, factor = np.full((2, 3), 300, np.float32), np.full((2, 3), 0.05, np.float32)
    late, bad = np.array([0, 1, 2], np.float32), np.array([False, True, False])
    with new_hdf5(tmp_path / "constants.h5") as file:
        file["pedestal"], file["dc_to_pe"] = level, factor
        file["time_offset"], file["is_bad"] = late, bad
    constants = Constants.read(tmp_path / "constants.h5")
    assert constants.is_bad.tolist() == bad.tolist()
    assert constants.time_shift.tolist() == [late.tolist()] * 2
    dark = {"mean": level, "std": level, "charge_std": level, "window": 7}
    with new_hdf5(tmp_path / "pedestal.h5") as file:
        for name, field in (dark | {"n_events": np.ones((2, 3), np.int32), "is_bad": bad}).items():
            file[name] = field
    assert read_pedestal(tmp_path / "pedestal.h5").is_bad.tolist() == bad.tolist()


def test_a_simulated_file_keeps_its_origin_and_cannot_claim_another_s(night, tmp_path):
    (raw,) = RawFile.select(run=3)
    assert raw.simulation.run == 3
    assert raw.simulation in raw.ancestors()
    path = raw.retrieve(tmp_path / "run3.h5")
    raw_bytes = bytearray(path.read_bytes())
    other = deliver(tmp_path, "other.h5").read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes(raw_bytes[:16384]) + other[16384:])
    with pytest.raises(BadInput, match=r"says that it is <SimulatedRun .*, but has other content"):
        ingest(night, path)


def test_two_equal_parameter_sets_are_one_and_find_what_was_made_with_them(night):
    first, second = CleaningParameters(picture=8.0), CleaningParameters()
    night.commit(first)
    night.commit(second)
    assert len(CleaningParameters.select(picture=8.0)) == 1
    (made, *_) = ImageParameters.select_all()
    typed_anew = CleaningParameters(boundary=4.0, picture=8.0)
    assert ImageParameters.get_target(images=made.images, parameters=typed_anew) is made
    changed = CleaningParameters(picture=9.0)
    assert not ImageParameters.get_target(images=made.images, parameters=changed).is_made()


def test_a_changed_recipe_is_made_good_in_one_round(night, monkeypatch):
    changed = Recipe(ImageParameters.__recipe__.function, "2", ImageParameters)
    monkeypatch.setattr(ImageParameters, "__recipe__", changed)
    steps = chain.bring_up_to_date(SkyMap, Selection(), chain.make_here)
    assert {s.cls.__name__: len(s.made) for s in steps if s.made} == {
        "ImageParameters": 4,
        "ShowerGeometry": 1,
        "SkyMap": 1,
    }
    again = chain.bring_up_to_date(SkyMap, Selection(), chain.make_here)
    assert not any(step.made for step in again)


def test_a_changed_recipe_at_the_start_is_made_good_in_one_round(night, monkeypatch):
    changed = Recipe(RawEvents.__recipe__.function, "2", RawEvents)
    monkeypatch.setattr(RawEvents, "__recipe__", changed)
    steps = chain.bring_up_to_date(CameraImages, Selection(), chain.make_here)
    assert {s.cls.__name__: len(s.made) for s in steps if s.made} == {
        "RawEvents": 12,
        "PedestalCalibration": 4,
        "CameraCalibration": 4,
        "CameraImages": 4,
    }
    again = chain.bring_up_to_date(CameraImages, Selection(), chain.make_here)
    assert not any(step.made for step in again)


# events in p.e. ---------------------------------------------------------------------------


@pytest.fixture
def calibrated(workspace, tmp_path):
    """Pedestals, gains, and a run of the same telescope and night whose events are in p.e."""
    for name, run, kind in [
        ("dark.h5", 1, EventKind.PEDESTAL),
        ("flash.h5", 2, EventKind.FLATFIELD),
    ]:
        ingest(workspace, deliver(tmp_path, name, run=run, kind=kind, n_events=30))
    chain.bring_up_to_date(CameraCalibration, Selection(), chain.make_here)
    path = deliver(tmp_path, "pe.h5", run=7, state=CalibrationState.PE)
    file = ingest(workspace, path).product
    raw = RawEvents(source=file, telescope=file.telescopes[0])
    raw.make()
    return raw


def test_events_in_p_e_are_imaged_without_a_calibration_and_once(calibrated):
    assert calibrated.state is CalibrationState.PE
    assert CameraCalibration.valid_for(calibrated.start, "raw.telescope", calibrated.telescope)
    (step,) = [
        s
        for s in chain.bring_up_to_date(CameraImages, Selection(run=7), chain.make_here)
        if s.cls is CameraImages
    ]
    (images,) = step.made
    assert (images.calibration, images.run_calibration) == (None, None)
    assert images.n_events == 3
    charges = images_of(images)["image"]
    assert charges.mean() == pytest.approx(30, rel=0.2)
    again = chain.bring_up_to_date(CameraImages, Selection(run=7), chain.make_here)
    assert not any(s.made or s.refused for s in again)


@pytest.mark.parametrize(
    ("cls", "kind"),
    [(CameraCalibration, EventKind.FLATFIELD), (RunCalibration, EventKind.OBSERVATION)],
)
def test_asking_which_runs_are_covered_takes_one_statement(
    workspace, tmp_path, statements, cls, kind
):
    def bring(name, run, kind):
        ingest(workspace, deliver(tmp_path, name, run=run, kind=kind, n_events=30))
        chain.bring_up_to_date(RawEvents, Selection(run=run), chain.make_here)

    def ask():
        """Return how many statements look for what covers a time, and how much is wanted."""
        statements.clear()
        wanted = len(chain.foresee(cls, Selection()).targets)
        return len([s for s in statements if "timestamp_end" in s]), wanted

    bring("dark.h5", 1, EventKind.PEDESTAL)
    chain.bring_up_to_date(PedestalCalibration, Selection(), chain.make_here)
    bring("first.h5", 2, kind)
    few, one = ask()
    for run in (3, 4, 5):
        bring(f"run{run}.h5", run, kind)
    assert few > 0
    assert ask() == (few, one + 2 * 3)  # the events of each run, and what is made of them


def test_calibrating_events_in_p_e_is_refused_whichever_way(calibrated):
    covering = CameraCalibration.select_all()[0]
    twice = CameraImages(raw=calibrated, calibration=covering, parameters=ExtractionParameters())
    with pytest.raises(BadInput, match="calibrating twice is refused"):
        twice.make()
    for again in (
        RunCalibration(raw=calibrated, parameters=NominalParameters()),
        PedestalCalibration(raw=calibrated, parameters=PedestalParameters()),
        CameraCalibration(
            raw=calibrated, pedestal=covering.pedestal, parameters=FlatFieldParameters()
        ),
    ):
        with pytest.raises(BadInput, match="calibrating twice is refused"):
            again.make()


def test_raw_counts_without_a_calibration_or_with_two_are_refused(calibrated, workspace, tmp_path):
    file = ingest(workspace, deliver(tmp_path, "counts.h5", run=8)).product
    raw = RawEvents(source=file, telescope=file.telescopes[0])
    raw.make()
    bare = CameraImages(raw=raw, calibration=None, parameters=ExtractionParameters())
    with pytest.raises(BadInput, match="are raw counts, with 0 calibrations"):
        bare.make()
    own = RunCalibration(raw=raw, parameters=NominalParameters())
    own.make()
    both = CameraImages(
        raw=raw,
        calibration=CameraCalibration.select_all()[0],
        run_calibration=own,
        parameters=ExtractionParameters(),
    )
    with pytest.raises(BadInput, match="are raw counts, with 2 calibrations"):
        both.make()


# a link that is taken away ----------------------------------------------------------------


def test_the_links_of_every_recipe_are_looked_at():
    shipped = {
        cls
        for cls in registry.values()
        if cls.__module__.startswith("awlta_recipes.") and getattr(cls, "__recipe__", None)
    }
    assert shipped == set(MADE)
    assert len(LINKS) == sum(len(cls.__links__) for cls in MADE) == 21


def without(cls, link, folder):
    """Return a class like another one, from the same source without the line of a link."""
    name = f"{cls.__name__}Without{link.title().replace('_', '')}"
    tree = ast.parse(Path(inspect.getsourcefile(cls)).read_text())
    body = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            node.module = ".".join(p for p in ("awlta_recipes", node.module) if p)
            node.level = 0
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            n_lines = len(node.body)
            node.name = name
            node.body = [
                n for n in node.body if getattr(n, "target", None) is None or n.target.id != link
            ]
            assert len(node.body) == n_lines - 1
        elif isinstance(node, ast.ClassDef) and is_persistent(cls, node.name):
            node = ast.ImportFrom(cls.__module__, [ast.alias(node.name)], 0)  # one is enough
        body.append(node)
    tree.body = body
    path = folder / f"{name.lower()}.py"
    path.write_text(ast.unparse(ast.fix_missing_locations(tree)))
    spec = importlib.util.spec_from_file_location(name.lower(), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name.lower()] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name.lower()]
        raise
    return getattr(module, name)


def is_persistent(cls, name):
    found = getattr(sys.modules[cls.__module__], name, None)
    return isinstance(found, type) and issubclass(found, Persistent)


@pytest.mark.parametrize(("cls", "link"), LINKS, ids=[f"{c.__name__}.{n}" for c, n in LINKS])
def test_a_recipe_whose_link_was_deleted_fails_and_does_not_lie(night, tmp_path, cls, link):
    good = cls.select_all()[0]
    values = {n: getattr(good, n) for n in cls.__links__ if n != link}
    values |= {
        n: getattr(good, n) for n, a in cls.__attributes__.items() if a.source == "class" and a.init
    }
    try:
        with pytest.raises((RecipeFailed, BadValue)) as refused:
            without(cls, link, tmp_path)(**values).make()
        if isinstance(refused.value, RecipeFailed):
            assert f"has no attribute '{link}'" in str(refused.value)
        else:  # the rule by which another link is chosen leads over the one that is gone
            assert "has a rule that leads nowhere" in str(refused.value)
    finally:
        for name in [n for n in registry if n.startswith(f"{cls.__name__}Without")]:
            sys.modules.pop(registry.pop(name).__module__, None)

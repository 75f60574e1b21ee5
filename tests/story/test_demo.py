"""The main job as a stranger runs it, and what its lineage reaches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from awlta import config
from awlta.lineage import Selection, SoftwareRelease, opened
from awlta.lineage.planning import chain
from awlta_recipes.camera_calibration import CameraCalibration
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.image_parameters import ImageParameters
from awlta_recipes.raw_file import RawFile
from awlta_recipes.shower_geometry import ShowerGeometry
from awlta_recipes.sky_map import SkyMap

pytestmark = pytest.mark.long


def run_demo(home: Path, seed: int = 1) -> dict[str, Any]:
    """Run the demonstration and return its report."""
    command = [sys.executable, "-m", "awlta_recipes.demo", "--home", str(home), "--json"]
    done = subprocess.run(
        [*command, "--seed", str(seed)], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, run_demo(home)


def test_the_source_is_found_where_it_was_put(demo: tuple[Path, dict[str, Any]]) -> None:
    _, report = demo
    assert report["significance"] > 5
    assert report["offset"] < 0.1
    assert report["counts"]["RawFile"] == [5, 0]
    assert report["counts"]["CameraImages"] == [12, 0]


def test_pictures_are_left_where_the_demo_says(demo: tuple[Path, dict[str, Any]]) -> None:
    home, _ = demo
    assert (home / "skymap.png").read_bytes().startswith(b"\x89PNG")
    assert (home / "lineage.svg").read_text().startswith("<svg")
    assert "SimulatedRun" in (home / "lineage.txt").read_text()


def test_a_second_run_makes_nothing(demo: tuple[Path, dict[str, Any]]) -> None:
    home, first = demo
    second = run_demo(home)
    assert second["made"] == 0
    assert second["sky_map"] == first["sky_map"]


def test_the_lineage_of_the_map_reaches_everything(demo: tuple[Path, dict[str, Any]]) -> None:
    home, report = demo
    command = [sys.executable, "-m", "awlta", "lineage", report["sky_map"], "--json"]
    done = subprocess.run(
        [*command, "--home", str(home)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    graph = json.loads(done.stdout)
    reached: dict[str, set[str]] = {}
    for obj in graph["objects"]:
        reached.setdefault(obj["class"], set()).add(obj["object_id"])
    with opened(config.load(home)):
        every_file = {f.object_id for f in RawFile.select_all()}
        calibrations = {c.object_id for c in CameraCalibration.select_all()}
        releases = {r.object_id for r in SoftwareRelease.select_all()}
    assert reached["RawFile"] == every_file
    assert reached["CameraCalibration"] == calibrations
    assert reached["SoftwareRelease"] == releases
    for parameters in ("Simulation", "Pedestal", "FlatField", "Extraction", "Cleaning", "Stereo"):
        assert reached[f"{parameters}Parameters"]
    ingests = [a for a in graph["activities"] if a["kind"] == "ingest"]
    assert len(ingests) == len(every_file)
    for activity in ingests:
        assert activity["facts"]["ticket"] > 0
        assert len(activity["facts"]["sip_sha256"]) == 64
        assert activity["facts"]["source"].endswith(".h5")
        assert activity["operator"]


def test_made_here_and_on_the_dpu_the_content_is_equal(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    """The demo made these on the DPU; the same intentions are made again in this process."""
    home, _ = demo
    with opened(config.load(home)):
        images = CameraImages.select(CameraImages.raw.run == 3).first()
        assert images is not None
        again = CameraImages(
            raw=images.raw,
            calibration=images.calibration,
            parameters=images.parameters,
            cleaning=images.cleaning,
        )
        again.make()
        assert again.object_id != images.object_id
        assert again.content_digest == images.content_digest
        assert again.file().sha256 != images.file().sha256  # the identity block differs
        shower = ShowerGeometry.select(ShowerGeometry.run == 3).first()
        assert shower is not None
        same = ShowerGeometry(images=shower.images, parameters=shower.parameters)
        same.make()
        assert same.content_digest == shower.content_digest


def test_only_what_depends_on_a_bad_calibration_is_made_again(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    home, _ = demo
    with opened(config.load(home)) as workspace:
        sky = SkyMap.select_all().max("creation_date")
        assert sky is not None
        bad = CameraCalibration.select(CameraCalibration.raw.telescope.tel_id == 2).first()
        assert bad is not None
        workspace.judge(bad, 0, "flasher was unstable")
        reasons = sky.uptodate(explain=True)
        assert {r.part for r in reasons} == {"verdict"}
        assert all(r.product.object_id == bad.object_id for r in reasons)
        steps = chain.bring_up_to_date(ImageParameters, Selection(run=4), chain.make_here)
        made = {s.cls.__name__: len(s.made) for s in steps}
        assert made["CameraCalibration"] == 1
        assert made["CameraImages"] == 1
        assert made["ImageParameters"] == 1
        assert made["RawEvents"] == 0


@pytest.mark.faults
@pytest.mark.parametrize("seed", [2, 3])
def test_other_seeds_find_the_source_too(tmp_path: Path, seed: int) -> None:
    report = run_demo(tmp_path / "home", seed)
    assert report["significance"] > 5
    assert report["offset"] < 0.1

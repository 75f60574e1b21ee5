"""Products are made again by the release that made them, from the record, and compared."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from deliveries import deliver
from factories import DishFactory, SummedFactory, Thresholds

from awlta.errors import BadInput, DigestMismatch, Refused
from awlta.lineage.recipes.packages import recipe_packages
from awlta.lineage.recipes.sources import Release, digest_of, running_release, unpack
from awlta.lineage.reproduction import comparison, fresh, recorded
from awlta.lineage.reproduction.order import Order
from awlta_recipes.events import CalibrationState

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PRODUCTS = Path(__file__).parent / "products" / "again_trial"
JUNK = shutil.ignore_patterns("__pycache__", "*.c")


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """Kernels are compiled once for all tests."""
    return tmp_path_factory.mktemp("kernels")


class Place:
    """A working tree with recipes, a home, and a command line that runs them."""

    def __init__(self, folder: Path, kernels: Path) -> None:
        self.tree = folder / "tree"
        self.home = folder / "home"
        for package in ("awlta", "recipes/awlta_recipes", "dpu/awlta_dpu"):
            shutil.copytree(ROOT / package, self.tree / Path(package).name, ignore=JUNK)
        service = "dataserver/awlta_dataserver"
        shutil.copytree(ROOT / service, self.tree / Path(service).name, ignore=JUNK)
        shutil.copytree(ROOT / "schemas", self.tree / "awlta" / "schemas", ignore=JUNK)
        shutil.copytree(PRODUCTS, self.tree / "again_trial", ignore=JUNK)
        self.home.mkdir()
        (self.home / "kernels").symlink_to(kernels)
        self.say("init", "--user", "ada", "--project", "CRAB")

    def say(self, *words: str, code: int = 0, before: tuple[str, ...] = (), **more: str) -> Any:
        """Give a command to the command line; return the JSON that it answers."""
        command = [*before, sys.executable, "-m", "awlta", *words, "--json"]
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "AWLTA"))},
            "PYTHONPATH": str(self.tree),
            "AWLTA_HOME": str(self.home),
            "AWLTA_RECIPES": "again_trial",
            **more,
        }
        done = subprocess.run(
            command, env=environment, cwd=self.home, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def edit(self, module: str, old: str, new: str) -> None:
        """Change a source of the working tree."""
        path = self.tree / module
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Reach behind everything into the database."""
        connection = sqlite3.connect(self.home / "awlta.db")
        with connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def stored(self, table: str, ending: str) -> Path:
        """Return the only file of a class and an ending in the store."""
        (path,) = (self.home / "store" / "data").glob(f"*/{table}-*{ending}")
        return path

    def declare(self, cls: str, kind: str, value: int, days: int, reason: str) -> None:
        """Write a standing row for the only product of a class, some days after its commit."""
        self.execute(
            "INSERT INTO standing (id, home, owner, project, level, product, kind, value, detail,"
            " reason, author, written) SELECT (SELECT ifnull(max(id), 0) + 1 FROM standing), home,"
            " owner, project, level, id, ?, ?, '', ?, 'bob', creation_date + 86400000000 * ?"
            " FROM product WHERE class_name = ?",
            *(kind, value, reason, days, cls),
        )

    def leftovers(self) -> list[Path]:
        """Return what was left in the scratch folder."""
        return list((self.home / "scratch").glob("*"))


@pytest.fixture
def place(tmp_path, kernels):
    return Place(tmp_path, kernels)


@pytest.fixture(scope="module")
def counted(tmp_path_factory, kernels):
    """A place in which counts were made here, and their sum on the DPU."""
    place = Place(tmp_path_factory.mktemp("counted"), kernels)
    place.say("make", "AgainCounts")
    place.say("submit", "AgainSum")
    return place


@pytest.fixture
def tampered(counted):
    """The weight that is recorded is another one than was used."""
    counted.execute("UPDATE again_weights SET weight = 2.5")
    yield counted
    counted.execute("UPDATE again_weights SET weight = 2.0")


# made again ------------------------------------------------------------------------------


@pytest.mark.timeout(900)  # kernels are compiled
def test_a_product_is_made_again_elsewhere_after_recipes_and_defaults_changed(place, tmp_path):
    path = deliver(tmp_path, state=CalibrationState.PE)
    place.say("ingest", str(path))
    place.say("make", "ImageParameters")
    images = "awlta_recipes/camera_images.py"
    place.edit(
        images, '"samples that are summed", default=7', '"samples that are summed", default=3'
    )
    place.edit(images, "= pulses.charge, pulses.peak_time", "= 2 * pulses.charge, pulses.peak_time")
    place.edit("awlta/kernels/flags.py", '"-O3"', '"-O0"')
    place.edit("awlta_recipes/image_parameters.py", "default=8.0", "default=5.0")
    elsewhere: tuple[str, ...] = ()
    if os.geteuid() == 0 and shutil.which("unshare"):
        elsewhere = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "-")
    found = place.say(
        *("reproduce", "ImageParameters", "--chain"),
        before=elsewhere,
        LC_ALL="C",
        LANG="de_DE.ISO-8859-1",
        TZ="Pacific/Chatham",
        NPY_DISABLE_CPU_FEATURES=" ".join(
            np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
        ),
    )
    assert [a["class"] for a in found["ancestors"]] == ["RawEvents", "CameraImages"]
    for each in (found, *found["ancestors"]):
        assert each["equal"]
        assert each["recorded"] == each["again"]
        assert each["differences"] == []
        assert [note for note in each["notes"] if "instruction set" in note]
        assert not elsewhere or [n for n in each["notes"] if n.endswith("elsewhere here")]
    assert place.leftovers() == []
    assert len(place.say("lineage", "ImageParameters", "--why")) > 0  # here it is out of date


def test_products_of_this_process_and_of_the_dpu_are_made_again_with_all_before_them(counted):
    found = counted.say("reproduce", "AgainSum", "--chain")
    assert found["equal"]
    assert [(a["class"], a["equal"]) for a in found["ancestors"]] == [("AgainCounts", True)]
    assert counted.leftovers() == []


def test_everything_can_be_kept_in_a_new_folder(counted, tmp_path):
    found = counted.say("reproduce", "AgainSum", "--keep", str(tmp_path / "kept"))
    made = tmp_path / "kept" / found["object_id"]
    assert json.loads((made / "RESULT.json").read_text())["record"]["attributes"]["total"] == "12.0"
    assert json.loads((made / "ORDER.json").read_text())["names"] == ["ada", "CRAB", 1]
    answer = counted.say("reproduce", "AgainSum", "--keep", str(tmp_path / "kept"), code=2)
    assert "is there already" in answer["error"]["found"]


def test_the_standing_of_an_input_is_that_of_the_time_of_making(counted):
    counted.declare("AgainCounts", "verdict", 0, days=1, reason="fog")
    after = counted.say("reproduce", "AgainSum")
    counted.declare("AgainCounts", "verdict", 0, days=-1, reason="clouds")
    before = counted.say("reproduce", "AgainSum", code=1)
    counted.execute("DELETE FROM standing WHERE kind = 'verdict'")
    assert after["equal"]
    assert before["differences"] == ["standing: 1 CRAB recorded, 0 CRAB made again"]


# what differs is named -------------------------------------------------------------------


def test_a_recorded_parameter_that_was_changed_is_named_with_all_that_follows(tampered):
    found = tampered.say("reproduce", "AgainCounts", code=1)
    assert not found["equal"]
    assert found["differences"] == [
        "gains: 4 of 4 values differ, largest difference 0.5, first in row 0",
        "data, identity block, parameters.AgainWeights.weight: 2.0 in the stored file, "
        "2.5 in the record of today",
        "data, dl1/event/counts.count: 3 of 4 values differ, largest difference 1.5, "
        "first in event 1",
        "list: 20 bytes recorded, 20 made again, other from byte 8 on",
    ]


def test_of_a_chain_only_the_product_that_differs_is_named(tampered):
    found = tampered.say("reproduce", "AgainSum", "--chain", code=1)
    assert not found["equal"]
    assert found["differences"] == []  # from the counts that are stored, the sum is as it was
    assert [a["equal"] for a in found["ancestors"]] == [False]


def test_other_packages_and_another_interpreter_are_told_and_are_no_difference(counted):
    (before,) = counted.execute("SELECT id, python, packages FROM software_environment LIMIT 1")
    key, python, packages = before
    (numpy,) = (line for line in packages.split("\n") if line.startswith("numpy=="))
    changed = packages.replace(numpy, "numpy==2.1.0\nnone-such==1.0")
    statement = "UPDATE software_environment SET python = ?, packages = ? WHERE id = ?"
    counted.execute(statement, "3.9.1", changed, key)
    found = counted.say("reproduce", "AgainCounts")
    counted.execute(statement, python, packages, key)
    assert found["equal"]
    assert found["notes"] == [
        f"Python 3.9.1 recorded, {python} here",
        "none-such 1.0 recorded, not installed here",
        f"numpy 2.1.0 recorded, {np.__version__} here",
    ]


# what cannot be made again ---------------------------------------------------------------


def test_what_was_ingested_is_not_made_again(place, tmp_path):
    place.say("ingest", str(deliver(tmp_path)))
    answer = place.say("reproduce", "RawFile", code=2)
    assert "was not made by a recipe: it was ingested" in answer["error"]["found"]


def test_a_recipe_typed_at_a_prompt_is_in_no_release(counted):
    counted.execute("UPDATE activity SET interactive = 1 WHERE recipe LIKE '%AgainCounts%'")
    answer = counted.say("reproduce", "AgainCounts", code=2)
    counted.execute("UPDATE activity SET interactive = 0")
    assert "was typed at a prompt" in answer["error"]["found"]


def test_a_damaged_archive_of_the_release_is_refused_and_leaves_nothing(counted):
    path = counted.stored("software_release", ".tar")
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    answer = counted.say("reproduce", "AgainCounts", code=1)
    path.write_bytes(whole)
    assert answer["error"]["code"] == "digest_mismatch"
    assert "arrived from" in answer["error"]["found"]
    assert counted.leftovers() == []


def test_an_input_that_was_deleted_is_named_with_who_and_why(counted):
    path = counted.stored("again_counts", ".h5")
    hidden = path.rename(path.with_suffix(".gone"))
    counted.declare("AgainCounts", "tombstone", 1, days=0, reason="too large")
    answer = counted.say("reproduce", "AgainSum", code=2)
    counted.execute("DELETE FROM standing WHERE kind = 'tombstone'")
    hidden.rename(path)
    assert "<AgainCounts" in answer["error"]["found"]
    assert "by bob: too large; its file" in answer["error"]["found"]


def test_packages_that_cannot_be_installed_as_recorded_are_told(counted):
    ((key, packages),) = counted.execute("SELECT id, packages FROM software_environment LIMIT 1")
    counted.execute("UPDATE software_environment SET packages = 'numpy==0.0.1' WHERE id = ?", key)
    answer = counted.say("reproduce", "AgainCounts", "--exact", code=2, PIP_NO_INDEX="1")
    counted.execute("UPDATE software_environment SET packages = ? WHERE id = ?", packages, key)
    assert "could not be installed" in answer["error"]["found"]
    assert "numpy==0.0.1" in answer["error"]["found"]


# releases --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive of the release that runs here."""
    release = running_release(("awlta", *recipe_packages()))
    path = tmp_path_factory.mktemp("release") / "release.tar"
    release.write_archive(path)
    return release, path


def test_a_release_of_equal_sources_is_equal_bytes_and_can_be_built(archive, tmp_path):
    release, path = archive
    release.write_archive(tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == path.read_bytes()
    roots = unpack(path, tmp_path / "here", release.version, release.digest)
    assert {"awlta", "awlta_recipes"} <= set(roots)
    for name in ("setup.py", "pyproject.toml", "awlta/schemas/sip-1.0.xsd"):
        assert (tmp_path / "here" / name).is_file()


def test_a_release_without_a_setup_gets_one(archive, tmp_path):
    release, path = archive
    old = tmp_path / "old.tar"
    with tarfile.open(path) as whole, tarfile.open(old, "w") as part:
        members = [m for m in whole.getmembers() if "/" in m.name]
        digest = digest_of((m.name, whole.extractfile(m).read()) for m in members)
        for member in members:
            part.addfile(member, whole.extractfile(member))
    unpack(old, tmp_path / "here", release.version, digest)
    assert "awlta.kernels" in (tmp_path / "here" / "setup.py").read_text()


@pytest.mark.parametrize("place", [b"pyproject.toml", b"cythonize", b"class Release"])
def test_an_archive_of_other_bytes_is_refused(archive, tmp_path, place):
    release, path = archive
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(place)] ^= 0xFF
    (tmp_path / "damaged.tar").write_bytes(damaged)
    with pytest.raises(DigestMismatch):
        unpack(tmp_path / "damaged.tar", tmp_path / "here", release.version, release.digest)
    assert not (tmp_path / "here").exists()


def test_an_archive_that_reaches_out_of_its_folder_is_refused(tmp_path):
    (tmp_path / "evil.py").write_text("")
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.add(tmp_path / "evil.py", "awlta/../../evil.py")
    with pytest.raises(DigestMismatch):
        unpack(tmp_path / "evil.tar", tmp_path / "here", "0", "0" * 64)


def test_a_release_from_before_orders_is_refused_with_its_version(tmp_path):
    (tmp_path / "awlta").mkdir()
    (tmp_path / "awlta" / "__init__.py").write_text("")
    folders = (("awlta", tmp_path / "awlta"),)
    archive = tmp_path / "old.tar"
    Release("0.1.0", "", folders).write_archive(archive)
    with tarfile.open(archive) as tar:
        digest = digest_of((m.name, tar.extractfile(m).read()) for m in tar.getmembers())
    with pytest.raises(Refused, match=r"0\.1\.0 .* cannot make products again"):
        fresh.install(archive, "0.1.0", digest, tmp_path / "f", tmp_path / "k", None)


def test_a_recipe_that_stands_in_no_package_of_the_release_is_refused():
    release = fresh.Fresh(Path(), Path(), Path(), ("again_trial",))
    release.check("again_trial.counts:AgainCounts.make")
    with pytest.raises(Refused, match="'factories', which the release does not hold"):
        release.check("factories:Summed.make")


@pytest.mark.faults
def test_a_release_is_installed_by_pip_from_its_archive_alone(archive, tmp_path):
    _, path = archive
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(tmp_path / "to")]
    command = [sys.executable, "-m", "pip", "install", "-q", *options, str(path)]
    subprocess.run(command, check=True, cwd=tmp_path)
    code = "import awlta.kernels, awlta; print(awlta.__file__)"
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'to')!r}); {code}"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "to"))


# records, orders and differences ------------------------------------------------------------------


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_a_record_holds_all_that_links_lead_to_with_its_standing(workspace):
    dish = DishFactory()
    workspace.commit(dish)
    summed = SummedFactory(exposure__n=5, thresholds=Thresholds(weight=3.0), remark=dish)
    summed.make()
    workspace.judge(summed.exposure, 0, "fog")
    record = recorded.read(workspace, summed)
    assert record.order.product.attributes == {"category": "B"}
    given = {g.record.class_name: g for g in record.order.objects}
    assert set(given) == {"Exposure", "Thresholds", "Dish"}
    assert given["Exposure"].record.attributes["n"] == 5
    assert [f.role for f in given["Exposure"].files] == ["data"]
    assert given["Exposure"].standing == {"is_valid": 1, "quality_flags": 0}
    assert given["Thresholds"].record.attributes["weight"] == "3.0"
    assert given["Dish"].record.links == {}  # it is no input: what it links is not followed
    assert record.order.names == given["Exposure"].names == ("ada", "CRAB", 1)
    assert Order.from_json(json.loads(json.dumps(record.order.to_json()))) == record.order
    owner, file = record.owner_of(summed.exposure.file().name)
    assert (owner, file) == (summed.exposure, summed.exposure.file())
    with pytest.raises(Refused, match="asked for other"):
        record.owner_of("other.h5")


@pytest.mark.parametrize("value", [{"format": 2}, {}, [], {"format": 1}])
def test_an_order_of_another_format_is_refused(value):
    with pytest.raises(BadInput, match="order"):
        Order.from_json(value)


def test_differences_of_arrays_count_values_and_take_no_nan_for_one():
    old = np.array([1.0, np.nan, 3.0, 4.0])
    new = np.array([1.0, np.nan, 3.5, np.nan])
    assert list(comparison.of_arrays("x", old, old.copy())) == []
    assert list(comparison.of_arrays("x", old, new)) == [
        "x: 2 of 4 values differ, largest difference 0.5, first in row 2"
    ]
    assert list(comparison.of_arrays("x", old, new[:3])) == [
        "x: (4,) of float64 recorded, (3,) of float64 made again"
    ]
    flags = np.array([True, False])
    assert list(comparison.of_arrays("b", flags, ~flags)) == [
        "b: 2 of 2 values differ, largest difference 1, first in row 0"
    ]


def test_differences_of_two_files_name_groups_headers_and_datasets(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as a, h5py.File(tmp_path / "b.h5", "w") as b:
        a["only/here"] = 1
        a["text"], b["text"] = ["x", "y"], ["x", "z"]
        a["scalar"], b["scalar"] = 3, 5
        a["same"], b["same"] = [1, 2], [1, 2]
        a.attrs["n"], b.attrs["n"] = 1, 2
    assert comparison.of_files("data", tmp_path / "a.h5", tmp_path / "b.h5") == [
        "data, /, n: 1 recorded, 2 made again",
        "data, only: only recorded",
        "data, only/here: only recorded",
        "data, scalar: 1 of 1 values differ, largest difference 2, first in row 0",
        "data, text: 1 of 2 values differ, first in row 1",
    ]


def test_differences_of_two_fits_files_name_hdus_keywords_and_columns(tmp_path):
    from astropy.io import fits

    for name, count, exposure in (("a", 5, 10.0), ("b", 6, 20.0)):
        table = fits.BinTableHDU(
            np.array([(1, count)], [("EVENT", "i4"), ("N", "i4")]), name="EVENTS"
        )
        table.header["EXPOSURE"] = exposure
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / f"{name}.fits")
    assert comparison.of_files("data", tmp_path / "a.fits", tmp_path / "b.fits") == [
        "data, HDU EVENTS, EXPOSURE: 10.0 recorded, 20.0 made again",
        "data, HDU EVENTS.N: 1 of 1 values differ, largest difference 1, first in row 0",
    ]

"""Products are made again by the release that made them, from the record, and compared."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deliveries import deliver

from awlta_recipes.events import CalibrationState

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PRODUCTS = Path(__file__).parent / "products" / "again_trial"
JUNK = shutil.ignore_patterns("*.c")


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
        # Compiled in a third of the time; the numbers are those of the kernels that are copied.
        self.edit("awlta/kernels/flags.py", '"-O3"', '"-O0"')
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
    methods = "awlta_recipes/methods.py"
    place.edit(
        methods, '"samples that are summed", default=7', '"samples that are summed", default=3'
    )
    images = "awlta_recipes/camera_images.py"
    place.edit(images, '"image": shown.pulses.charge', '"image": 2 * shown.pulses.charge')
    place.edit("awlta/kernels/flags.py", '"-O0"', '"-O1"')
    place.edit(methods, "default=8.0", "default=5.0")
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

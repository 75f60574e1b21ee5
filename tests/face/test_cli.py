"""Every verb: in words and in JSON, for what it is asked and for what it cannot do."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from deliveries import announce, deliver

from awlta import config
from awlta.archive import sip
from awlta.config import Profile
from awlta.face.arguments import VERBS
from awlta.lineage import opened
from awlta.persistent.database import create
from awlta.services import Child
from awlta_recipes.raw_file import RawFile

pytestmark = pytest.mark.long

FLOWER_RUNS = {1: "pedestal", 2: "flatfield", 7: "observation"}


def awlta(*words, **environment):
    """Run the command as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "awlta", *words],
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


# what there is ----------------------------------------------------------------------------


def test_help_lists_every_verb_and_each_verb_has_help_of_its_own(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run("--help")
    assert code == 0
    for verb, (text, _, _) in VERBS.items():
        assert re.search(rf"^    {verb} +{text}$", out, re.MULTILINE)
        code, one, _ = run(verb, "--help")
        assert code == 0
        assert text[1:] in one.replace("\n", " ")
    assert "0 well, 1 fault of the system, 2 mistake of the call" in out


def test_the_version_is_told(run):
    assert run("--version")[:2] == (0, "awlta 0.1.0\n")


@pytest.mark.parametrize("words", [(), ("nope",), ("query",), ("ingest",), ("status", "--nope")])
def test_a_call_that_cannot_be_read_is_a_mistake(run, words):
    code, _, err = run(*words)
    assert code == 2
    assert err.startswith("usage: awlta")


def test_a_home_is_made_once_and_kept(run, tmp_path):
    home = str(tmp_path / "home")
    code, out, _ = run("init", "--home", home, "--user", "ada", "--project", "CRAB")
    assert (code, out.split("\n")[0]) == (0, f"Made the profile in {home}")
    code, out, _ = run("init", "--home", home, "--privileges", "2", "--json")
    kept = json.loads(out)
    assert (code, kept["new"], kept["user"], kept["project"]) == (0, False, "ada", "CRAB")
    assert kept["privileges"] == "2 (project)"
    assert config.load(Path(home)).privileges == 2


def test_status_tells_profile_and_numbers(at_home, run, ask):
    answer = ask("status")
    assert answer["objects"]["RawFile"] == 3
    assert answer["objects"]["ImageParameters"] == 1
    assert (answer["user"], answer["open"]) == ("ada", 0)
    code, out, _ = run("status")
    assert code == 0
    lines = out.splitlines()
    assert "RawFile 3" in [" ".join(line.split()) for line in lines]
    assert f"profile {at_home}" in [" ".join(line.split()) for line in lines]


def test_a_new_home_says_what_comes_first(run, tmp_path):
    home = str(tmp_path / "home")
    run("init", "--home", home)
    code, out, _ = run("status", "--home", home)
    assert code == 0
    assert "'awlta ingest FILE...' brings the first." in out
    code, out, _ = run("make", "SkyMap", "--home", home)
    assert code == 0
    assert "There is nothing to make it from: 'awlta ingest FILE...' first." in out


# work -------------------------------------------------------------------------------------


def test_ingest_takes_each_file_by_itself(at_home, run, tmp_path):
    new = deliver(tmp_path, "run8.h5", run=8)
    again = deliver(tmp_path, "run7.h5")
    (tmp_path / "bad.h5").write_bytes(b"bad")
    words = [str(new), str(again), "bad.h5", "none.h5"]
    code, out, _ = run("ingest", *words, "--json")
    assert code == 2
    first, second, third, fourth = json.loads(out)
    assert (first["state"], first["run"], first["class"]) == ("archived", 8, "RawFile")
    assert (second["state"], second["ticket"]) == ("known", None)
    assert (third["state"], third["error"]["code"]) == ("refused", "bad_input")
    assert third["ticket"] > first["ticket"]
    assert (fourth["error"]["code"], fourth["ticket"]) == ("not_found", None)

    code, out, _ = run("ingest", *words)
    assert code == 2
    lines = [line.split() for line in out.splitlines()]
    assert [str(new), "known", first["object_id"], "-"] in lines
    assert ["bad.h5", "refused", "-", str(third["ticket"])] in lines
    assert f"ticket {third['ticket']}: bad.h5 (3 bytes, beginning with b'bad')" in out
    assert "\nThere is no file none.h5. Check the path." in out


def test_ingest_with_a_sip(at_home, run, ask, fail, tmp_path):
    path = deliver(tmp_path, "run9.h5", run=9)
    with opened() as workspace:
        document = announce(workspace, path)
    (tmp_path / "run9.xml").write_bytes(document)
    (tmp_path / "bad.xml").write_bytes(document.replace(b"DL0", b"DL9"))
    code, out, _ = run("ingest", str(path), "--sip", "bad.xml", "--json")
    (refused,) = json.loads(out)
    assert (code, refused["error"]["code"]) == (2, "document_refused")
    assert "/sip/product" in refused["message"]
    assert refused["ticket"] > 0
    (done,) = ask("ingest", str(path), "--sip", "run9.xml")
    assert done["object_id"].encode() in document
    assert "for several" in fail(2, "ingest", "a", "b", "--sip", "run9.xml")["found"]
    assert fail(2, "ingest", str(path), "--sip", "none.xml")["code"] == "not_found"


def test_what_is_made_again_is_up_to_date(at_home, run, ask):
    steps = ask("make", "ImageParameters", "--run", "7")
    assert [s["class"] for s in steps][-1] == "ImageParameters"
    assert all(s["made"] == s["refused"] == [] for s in steps)
    assert len(steps[-1]["up_to_date"]) == 1
    code, out, _ = run("make", "ImageParameters", "--run", "7")
    assert code == 0
    assert out.endswith("All is up to date; nothing was made.\n")


def test_what_cannot_be_made_is_told_and_the_rest_goes_on(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path / "home"))
    run("init")
    run("ingest", str(deliver(tmp_path, run=7)))
    with opened():
        name = RawFile.select_all()[0].file().name
    (stored,) = (tmp_path / "home" / "store" / "data").glob(f"*/{name}")
    stored.chmod(0o644)
    stored.write_bytes(b"damaged")
    code, out, _ = run("make", "ImageParameters", "--json")
    step = json.loads(out)[0]
    assert (code, step["class"], len(step["refused"])) == (1, "RawEvents", 1)
    assert step["refused"][0]["error"]["code"] == "storage"
    code, out, _ = run("make", "ImageParameters")
    assert code == 1
    assert f"{name} has 7 bytes on the disk" in out


# questions --------------------------------------------------------------------------------


def runs(ask, *conditions):
    return [row["run"] for row in ask("query", "RawFile", *conditions, "--columns", "run")]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("run=7", [7]),
        ("run==7", [7]),
        ("run!=7", [1, 2]),
        ("run<2", [1]),
        ("run<=2", [1, 2]),
        ("run>2", [7]),
        ("run>=2", [2, 7]),
        (" run = 2", [2]),
        ("original_name=*a*.h5", [1, 2]),
        ("original_name=run?.h5", [7]),
        ("original_name!=*a*.h5", [7]),
        ("kind=pedestal", [1]),
        ("kind!=pedestal", [2, 7]),
        ("ra=none", []),
        ("target_ra=none", [1, 2, 7]),
        ("target_ra!=None", []),
        ("alt=70", [1, 2, 7]),
        ("alt>70.5", []),
        ("start>=2026-01-15T22:00:00", [7]),
        ("start<2026-01-15T22:00:00+01:00", [1, 2][:1]),
        ("telescopes.name=T-1", [1, 2, 7]),
        ("telescopes.camera.n_pixels>7", []),
        ("category=B", [1, 2, 7]),
        ("is_valid=1", [1, 2, 7]),
    ],
)
def test_a_condition_of_each_operator_and_type(at_home, ask, condition, expected):
    others = ("run!=8", "run!=9")  # of other tests
    assert sorted(runs(ask, condition, *others)) == expected


def test_all_conditions_hold_and_rows_are_ordered_and_limited(at_home, ask):
    base = ("run<8", "run>0")
    assert sorted(runs(ask, *base)) == [1, 2, 7]
    (row,) = ask("query", "RawFile", *base, "--columns", "run,kind", "--order=-run", "--limit", "1")
    assert row == {"run": 7, "kind": "observation"}


def test_a_query_is_printed_with_whole_identities_and_the_number_of_all(at_home, run, ask):
    ids = [row["object_id"] for row in ask("query", "RawFile", "run<8")]
    code, out, _ = run("query", "RawFile", "run<8", "--limit", "2", "--order=run")
    assert code == 0
    assert out.startswith("3 RawFile, first 2\n")
    assert sum(i in out for i in ids) == 2
    assert "2026-01-15 20:00:00" in out
    assert run("query", "RawFile", "run=99")[:2] == (0, "0 RawFile\n")


def test_dotted_columns_and_the_plan(at_home, run, ask):
    columns = "images.raw.run,images.raw.telescope.camera.name,n_events"
    assert ask("query", "ImageParameters", "--columns", columns) == [
        {"images.raw.run": 7, "images.raw.telescope.camera.name": "Flower", "n_events": 3}
    ]
    told = ask("query", "ImageParameters", "images.raw.run=7", "--explain")["explain"]
    assert told.startswith("SELECT")
    assert run("query", "ImageParameters", "images.raw.run=7", "--explain")[1].strip() == (
        told.strip()
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("Nope",), "There is no persistent class 'Nope'"),
        (("RawFil",), "There is no persistent class 'RawFil'"),
        (("RawFile", "run"), "The condition 'run'"),
        (("RawFile", "=7"), "The condition '=7'"),
        (("RawFile", "colour=red"), "RawFile has no attribute 'colour'"),
        (("RawFile", "telescopes.colour=red"), "Telescope has no attribute 'colour'"),
        (("RawFile", "run=x"), "RawFile.run = 'x'"),
        (("RawFile", "run=7.5"), "RawFile.run = '7.5'"),
        (("RawFile", "run="), "RawFile.run = ''"),
        (("RawFile", "run>none"), "RawFile.run > None"),
        (("RawFile", "run=" + "9" * 30), "RawFile.run = " + "9" * 30),
        (("RawFile", "alt=high"), "RawFile.alt = 'high'"),
        (("RawFile", "start>yesterday"), "RawFile.start = 'yesterday'"),
        (("RawFile", "kind=nope"), "RawFile.kind = 'nope'"),
        (("RawFile", "kind<pedestal"), "it has no order"),
        (("RawFile", "kind=ped*"), "RawFile.kind is no text"),
        (("RawFile", "telescopes=3"), "'telescopes' ends at a link"),
        (("RawFile", "run.x=3"), "run"),
        (("RawFile", "object_id=12"), "object_id = '12'"),
        (("Camera", "pixel_x=1"), "Camera.pixel_x = '1'"),
        (("RawFile", "--columns", "run,nope"), "RawFile has no attribute 'nope'"),
        (("RawFile", "--columns", "run,,kind"), "'' cannot be walked from RawFile"),
        (("RawFile", "--order", "nope"), "RawFile has no attribute 'nope'"),
    ],
)
def test_a_query_that_cannot_be_asked_is_a_mistake(at_home, fail, words, found):
    assert found in fail(2, "query", *words)["found"]


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_is_a_number_above_0(at_home, run, limit):
    code, _, err = run("query", "RawFile", f"--limit={limit}")
    assert code == 2
    assert f"'{limit}' is no number above 0" in err


def test_show_tells_what_a_class_is(at_home, run, ask):
    told = ask("show", "CleaningParameters")
    assert told["doc"] == "Thresholds of the two-level tail cuts."
    picture = {"name": "picture", "type": "float", "unit": "p.e."}
    assert picture | {"doc": "least charge of a picture pixel"} in told["attributes"]
    told = ask("show", "CameraImages")
    assert {link["name"]: link["class"] for link in told["links"]}["raw"] == "RawEvents"
    code, out, _ = run("show", "CameraImages")
    assert code == 0
    assert out.startswith("Calibrated images of one telescope and run (DL1).\n")
    assert "the one valid at raw.calibration_time" in out


def test_show_tells_all_of_an_object_by_its_id_or_the_end_of_it(at_home, run, ask):
    (row,) = ask("query", "RawFile", "run=7")
    whole = row["object_id"]
    told = ask("show", whole)
    assert (told["class"], told["owner"], told["level"]) == ("RawFile", "ada", 1)
    assert told["attributes"]["n_events"] == 3
    (link,) = [one for one in told["links"] if one["role"] == "telescopes"]
    assert (link["role"], link["class"]) == ("telescopes", "Telescope")
    assert told["files"][0]["size"] > 16384
    facts = told["made_by"]["facts"]
    assert facts["ticket"] > 0
    assert facts["source"].endswith("run7.h5")
    assert len(facts["sip_sha256"]) == 64
    assert told["made_by"]["operator"] == "ada"
    assert ask("show", whole[-12:]) == ask("show", whole[-12:].upper()) == told

    code, out, _ = run("show", whole)
    assert code == 0
    for words in (whole, str(facts["ticket"]), facts["sip_sha256"], facts["source"], "70"):
        assert words in out
    camera = ask("query", "Camera", "--columns", "object_id,pixel_x")[0]
    assert camera["pixel_x"] == "array of (7,)"
    assert "made_by" not in ask("show", camera["object_id"])


@pytest.mark.parametrize(
    ("verb", "what", "code", "found"),
    [
        ("show", "nope", "bad_value", "'nope' is no object_id"),
        ("show", "0000", "not_found", "No object has an id that ends in 0000"),
        ("show", "01a1fd85-ddc5-7d23-aedf-b6847434b522", "not_found", "There is no object"),
        ("show", "01a1fd85-ddc5-7d23-aedf-b6847434b52g", "bad_value", "is no object_id"),
        ("show", "', ''); DROP TABLE product; --", "bad_value", "is no object_id"),
        ("lineage", "SkyMap", "not_found", "There is no SkyMap yet"),
        ("lineage", "Camera", "bad_value", "is no data product"),
        ("retrieve", "Camera", "bad_value", "owns no files"),
        ("retrieve", "SkyMap", "not_found", "There is no SkyMap yet"),
        ("make", "Camera", "not_found", "Camera is no data product"),
        ("make", "RawFile", "bad_value", "Nothing says which RawFile there should be"),
        ("make", "Nope", "not_found", "There is no persistent class 'Nope'"),
        ("submit", "Nope", "not_found", "There is no persistent class 'Nope'"),
    ],
)
def test_a_name_or_an_id_of_nothing_is_a_mistake(at_home, fail, verb, what, code, found):
    error = fail(2, verb, what)
    assert error["code"] == code
    assert found in error["found"]


def test_an_end_that_two_ids_share_is_too_short(run, fail, tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path / "home"))
    run("init")
    for number in (1, 2):
        path = deliver(tmp_path, f"{number}.h5", run=number)
        given = sip.Identifier("awlta", f"01a1fd85-ddc5-7d23-aedf-b684743{number}b522")
        with opened() as workspace:
            document = announce(
                workspace,
                path,
                lambda s, i=given: replace(s, product=replace(s.product, identifier=i)),
            )
        announced = tmp_path / "sip.xml"
        announced.write_bytes(document)
        assert run("ingest", str(path), "--sip", str(announced))[0] == 0
    assert fail(2, "show", "b522")["found"] == "More than one object has an id that ends in b522"
    assert run("show", "2b522")[0] == 0


def test_lineage_reaches_every_input_parameter_set_release_and_ticket(at_home, run, ask, tmp_path):
    graph = ask("lineage", "ImageParameters")
    classes = {}
    for obj in graph["objects"]:
        classes.setdefault(obj["class"], []).append(obj)
    assert len(classes["RawFile"]) == len(classes["RawEvents"]) == 3
    assert {f["attributes"]["kind"] for f in classes["RawFile"]} == set(FLOWER_RUNS.values())
    for name in ("Pedestal", "FlatField", "Extraction", "Cleaning"):
        assert len(classes[f"{name}Parameters"]) == 1
    for name in ("PedestalCalibration", "CameraCalibration", "SoftwareRelease"):
        assert len(classes[name]) == 1
    made_by = {a["product"]: a for a in graph["activities"]}
    for obj in classes["RawFile"]:
        assert made_by[obj["object_id"]]["kind"] == "ingest"
        assert made_by[obj["object_id"]]["facts"]["ticket"] > 0
    (release,) = classes["SoftwareRelease"]
    ours = [a for a in graph["activities"] if a["product"] != release["object_id"]]
    assert {a["release"] for a in ours} == {release["object_id"]}

    code, out, _ = run("lineage", graph["root"][-12:])
    assert code == 0
    assert out.startswith("ImageParameters n_events=3")
    assert out.count("RawFile") == 3

    assert ask("lineage", "ImageParameters", "--why") == []
    assert "is up to date" in run("lineage", "ImageParameters", "--why")[1]
    below = ask("lineage", "PedestalCalibration", "--descendants")
    assert {b["class"] for b in below} == {"CameraCalibration", "CameraImages", "ImageParameters"}
    assert below[0]["object_id"] in run("lineage", "PedestalCalibration", "--descendants")[1]

    run("lineage", "ImageParameters", "--svg", "l.svg", "--prov", "l.json")
    assert (tmp_path / "l.svg").read_text().startswith("<svg")
    assert "activity" in json.loads((tmp_path / "l.json").read_text())


def test_a_picture_that_cannot_be_written_is_a_mistake(at_home, fail):
    for option in ("--svg", "--prov"):
        for place in ("no/such/folder/l", "."):
            found = fail(2, "lineage", "ImageParameters", option, place)["found"]
            assert found.startswith(f"{place} cannot be written")


def test_why_tells_what_has_changed(at_home, run, ask):
    (row,) = ask("query", "CameraImages")
    with opened() as workspace:
        calibration = workspace.get(row["object_id"]).calibration
        workspace.judge(calibration, 0, "flasher was unstable")
        try:
            (reason,) = ask("lineage", "CameraImages", "--why")
            assert reason["product"] == calibration.object_id
            assert "flasher was unstable" in run("lineage", "CameraImages", "--why")[1]
        finally:
            workspace.judge(calibration, 1, "it was another one")


def test_retrieve_brings_a_file_here_verified(at_home, run, ask, fail, tmp_path):
    answer = ask("retrieve", "ImageParameters")
    here = tmp_path / answer["name"]
    assert answer["path"] == str(here)
    assert here.stat().st_size == answer["size"]
    code, out, _ = run("retrieve", "ImageParameters", "--to", "mine.h5")
    assert (code, out) == (0, f"mine.h5  {answer['size']} bytes, verified\n")
    assert (tmp_path / "mine.h5").read_bytes() == here.read_bytes()
    error = fail(2, "retrieve", "ImageParameters", "--role", "nope")
    assert (error["code"], error["expected"]) == ("not_found", "data")
    assert fail(1, "retrieve", "ImageParameters", "--to", "no/folder/x")["code"] == "storage"


# the DPU and the services -----------------------------------------------------------------


@pytest.fixture
def dpu(at_home):
    """Keep a DPU running, which each command then finds."""
    child = Child("dpu", ["--home", str(at_home)], at_home / "dpu.log")
    yield child
    child.stop()


def test_submit_makes_on_the_dpu_and_jobs_tell_of_it(dpu, run, ask, fail, tmp_path):
    assert ask("jobs") == []
    deliver(tmp_path, "run5.h5", run=5)
    ask("ingest", "run5.h5")
    steps = {s["class"]: s for s in ask("submit", "RawEvents", "--run", "5")}
    (made,) = steps["RawEvents"]["made"]
    (job,) = ask("jobs")
    assert (job["class"], job["state"], job["object_id"]) == ("RawEvents", "completed", made)
    told = ask("jobs", job["order_id"])
    assert told["state"] == "completed"
    assert "log" in told
    code, out, _ = run("jobs", job["order_id"])
    assert code == 0
    assert out.startswith(f"RawEvents {made}: completed")
    assert job["order_id"] in run("jobs")[1]
    assert fail(2, "jobs", "nope")["code"] == "not_found"
    assert fail(2, "jobs", "--cancel")["code"] == "bad_value"
    code, _, err = run("jobs", job["order_id"], "--cancel")
    assert (code, "cannot go from completed to canceled" in err) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_both_services_until_it_is_told_to_end(run, tmp_path, number):
    run("init", "--home", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-m", "awlta", "serve"],
        env={**os.environ, "AWLTA_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [process.stdout.readline() for _ in range(3)]
    assert lines[0].startswith("dataserver at http://127.0.0.1:")
    assert lines[1].startswith("dpu at http://127.0.0.1:")
    assert lines[2] == "Ctrl-C ends them.\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_serve_says_what_it_cannot_serve(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path / "home"))
    code, _, err = run("serve", "nope")
    assert code == 2
    assert "There is no service 'nope'. Expected: one of dataserver, dpu, runner." in err
    url = "http://127.0.0.1:1"
    run("init", "--dataserver", url, "--dpu", url)
    code, _, err = run("serve")
    assert code == 2
    assert "The profile names dataserver and DPU by their URLs" in err


def test_the_doctor_finds_and_tidies(at_home, run, ask, tmp_path):
    assert ask("doctor") == {"findings": [], "cleaned": 0}
    assert run("doctor")[:2] == (
        0,
        "All is well: every row has its file, every file its row, no work is open.\n",
    )
    orphan = tmp_path / "orphan"
    orphan.write_bytes(b"nobody's")
    with opened() as workspace:
        workspace.client().store(orphan, "orphan.bin", object_id="o-1")
    code, out, _ = run("doctor")
    assert code == 1
    assert out.splitlines()[0].split() == ["file", "orphan.bin", "has", "no", "row"]
    code, out, _ = run("doctor", "--json")
    assert (code, json.loads(out)["cleaned"]) == (1, 0)
    code, out, _ = run("doctor", "--clean")
    assert code == 0
    assert out.startswith("1 cleaned.\nAll is well")
    (kept,) = (at_home / "store" / ".quarantine").glob("*/orphan.bin")
    assert kept.read_bytes() == b"nobody's"


# what is wrong around it ------------------------------------------------------------------


def test_without_a_profile_every_verb_says_how_to_make_one(fail, tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path / "none"))
    for words in [
        ("status",),
        ("ingest", "x"),
        ("make", "SkyMap"),
        ("submit", "SkyMap"),
        ("jobs",),
        ("query", "RawFile"),
        ("show", "RawFile"),
        ("lineage", "SkyMap"),
        ("retrieve", "SkyMap"),
        ("doctor",),
    ]:
        error = fail(2, *words)
        assert error["code"] == "config"
        assert "Run 'awlta init'" in error["do"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("user = ", "is not TOML"),
        ('colour = "red"', "unknown key 'colour'"),
        ("user = 7", "user = 7"),
        ('project = "X"', "names no user"),
        ('user = "a b"', "The user name 'a b'"),
        ('user = "ada"\nprivileges = 9', "privileges = 9"),
        ('user = "ada"\ndatabase = "nope"', "The database URL 'nope'"),
    ],
)
def test_a_profile_that_cannot_be_used_is_a_mistake(fail, tmp_path, text, found):
    (tmp_path / "awlta.toml").write_text(text)
    error = fail(2, "status", "--home", str(tmp_path))
    assert error["code"] == "config"
    assert found in error["found"]


def test_a_home_that_cannot_be_is_a_mistake(fail, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    fail(2, "init", "--home", str(file))
    fail(2, "status", "--home", str(file))
    fail(2, "init", "--home", "/proc/awlta")
    fail(2, "init", "--home", str(tmp_path / ("x" * 300)))


def test_a_database_that_is_not_there_or_none_is_told(fail, tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path))
    (tmp_path / "awlta.toml").write_text('user = "ada"\n')
    assert "There is no database" in fail(2, "status")["found"]
    (tmp_path / "awlta.db").write_bytes(b"")
    assert "holds no awlta tables" in fail(2, "status")["found"]
    (tmp_path / "awlta.db").write_bytes(b"this is no database at all" * 100)
    assert "awlta.db" in fail(1, "status")["found"]
    (tmp_path / "awlta.toml").write_text(
        'user = "ada"\ndatabase = "postgresql://127.0.0.1:1/nope"\n'
    )
    error = fail(1, "status")
    assert error["code"] == "unreachable"


def test_an_unreachable_service_is_a_fault_with_its_address(run, fail, tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path / "home"))
    url = "http://127.0.0.1:1"
    run("init", "--dataserver", url, "--dpu", url)
    code, out, _ = run("ingest", str(deliver(tmp_path)), "--json")
    (answer,) = json.loads(out)
    assert (code, answer["state"], answer["error"]["code"]) == (1, "failed", "unreachable")
    assert url in answer["message"]
    error = fail(1, "jobs")
    assert error["code"] == "unreachable"
    assert url in error["found"]
    code, out, _ = run("doctor")
    assert code == 1
    assert out.startswith("service")


def test_a_recipes_package_that_cannot_be_imported_is_told(fail, tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path))
    monkeypatch.setenv("AWLTA_RECIPES", "no_such_package")
    error = fail(2, "query", "RawFile")
    assert "'no_such_package' cannot be imported" in error["found"]


def test_control_codes_and_markup_are_printed_as_text_or_not_at_all(at_home, run, tmp_path):
    """Names and texts of the outside world must not speak to the terminal."""
    (tmp_path / "[red]:x:[").mkdir()
    markup = deliver(tmp_path / "[red]:x:[", "red]:x:[bold].h5", run=3)
    evil = tmp_path / "\x1b]0;title\x07\x1b[31mx.h5"
    evil.write_bytes(b"\x1b[2Jhello")
    code, out, err = run("ingest", str(markup.relative_to(tmp_path)), str(evil))
    assert code == 2
    assert "[red]:x:[/red]:x:[bold].h5" in out
    assert not set(out + err) & {"\x1b", "\x07"}
    code, out, _ = run("query", "RawFile", "run=3")
    assert "red]:x:[bold].h5" in out
    code, out, err = run("show", "\x1b[31m")
    assert code == 2
    assert "\x1b" not in out + err
    code, out, err = run("query", "RawFile", "\x1b[31m=7")
    assert code == 2
    assert "\x1b" not in out + err


def test_names_with_markup_do_not_break_the_progress_that_a_person_watches(at_home, tmp_path):
    path = deliver(tmp_path, "[bold]:x:.h5", run=4)
    words = [sys.executable, "-m", "awlta", "ingest", str(path)]
    done = subprocess.run(
        ["script", "-qec", " ".join(f"'{w}'" for w in words), "/dev/null"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TERM": "xterm"},
    )
    assert done.returncode == 0, done.stdout
    assert "ingest [bold]:x:.h5" in done.stdout


def test_a_reader_that_goes_away_is_no_traceback(at_home):
    command = f"{sys.executable} -m awlta query RawFile --columns run,kind,object_id | head -c 1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert "Traceback" not in done.stderr


def test_a_database_of_another_user_shows_only_what_is_meant_for_others(
    at_home, run, ask, tmp_path
):
    mine = config.load()
    other = Profile(tmp_path / "bob", "bob", database=mine.database_url)
    other.home.mkdir()
    other.save()
    create(other.database_url, 0)
    (row,) = ask("query", "RawFile", "run=7")
    code, out, _ = run("query", "RawFile", "--json", "--home", str(other.home))
    assert (code, json.loads(out)) == (0, [])
    code, out, _ = run("show", row["object_id"], "--json", "--home", str(other.home))
    assert (code, json.loads(out)["error"]["code"]) == (2, "not_found")


def test_the_command_itself_answers_and_ends_with_the_code(at_home, tmp_path):
    done = awlta("query", "RawFile", "run=7", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)[0]["run"] == 7
    done = awlta("query", "Nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("awlta: There is no persistent class 'Nope'.")


def test_an_interrupt_ends_with_130_and_no_traceback():
    code = (
        "import signal, sys\n"
        "from awlta.face import ask, cli\n"
        "ask.show = lambda call: signal.raise_signal(signal.SIGINT)\n"
        "sys.exit(cli.main(['show', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")

"""What is asked of the command line, in words and in JSON: query, show, lineage, retrieve."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from deliveries import announce, deliver

from awlta.archive import sip
from awlta.lineage import opened

pytestmark = pytest.mark.long

FLOWER_RUNS = {1: "pedestal", 2: "flatfield", 7: "observation"}


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
    assert sorted(runs(ask, condition)) == expected


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
    assert told["doc"] == "Which pixels are the shower: method and thresholds."
    picture = {"name": "picture", "type": "float", "unit": "p.e."}
    assert picture | {"doc": "least charge of a picture pixel"} in told["attributes"]
    told = ask("show", "CameraImages")
    assert {link["name"]: link["class"] for link in told["links"]}["raw"] == "RawEvents"
    code, out, _ = run("show", "CameraImages")
    assert code == 0
    assert out.startswith(
        "Calibrated images of one telescope and run, and their parameters (DL1).\n"
    )
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

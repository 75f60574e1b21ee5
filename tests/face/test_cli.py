"""Every verb that there is, work here and on the DPU, and the services, in words and in JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from deliveries import announce, deliver

from awlta import config
from awlta.face.arguments import VERBS
from awlta.lineage import opened
from awlta.services import Child
from awlta_recipes.raw_file import RawFile

pytestmark = pytest.mark.long


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

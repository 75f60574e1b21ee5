"""The verbs that carry objects elsewhere and give room back: export, import, delete, purge."""

from __future__ import annotations

import json

import pytest


def newest(ask):
    return ask("query", "ImageParameters", "--columns", "object_id", "--limit", "1")[0]["object_id"]


def test_what_is_exported_is_imported_elsewhere_and_only_once(
    at_home, run, ask, fail, tmp_path, monkeypatch
):
    done = ask("export", "p.awlta", "--object", newest(ask), "--files")
    assert (done["hidden"], done["files"] > 0) == (0, True)
    assert ask("export", "all.awlta", "--all")["objects"] >= done["objects"]
    selected = ask("export", "runs.awlta", "--class", "ImageParameters", "images.raw.run=7")
    assert selected["objects"] >= 5
    assert fail(2, "export", "p.awlta", "--all")["code"] == "name_taken"
    assert run("export", "q.awlta")[0] == 2

    home = ["--home", str(tmp_path / "there")]
    assert run("init", "--user", "ada", *home)[0] == 0
    assert ask("import", "p.awlta", "--dry-run", *home)["new"] == done["objects"]
    brought = ask("import", "p.awlta", *home)
    assert (brought["new"], brought["files"]) == (done["objects"], done["files"])
    assert brought["absent_files"] == []
    code, out, _ = run("import", "p.awlta", *home)
    assert (code, "nothing was written" in out) == (0, True)
    assert ask("doctor", *home)["findings"] == []
    assert run("init", "--user", "eve", "--home", str(tmp_path / "eve"))[0] == 0
    refused = fail(2, "import", "p.awlta", "--home", str(tmp_path / "eve"))
    assert "there is no user ada here" in refused["found"]
    mine = ask("import", "p.awlta", "--as-mine", "--home", str(tmp_path / "eve"))
    assert mine["new"] == done["objects"]


def test_what_is_no_parcel_is_a_mistake(at_home, fail, tmp_path):
    (tmp_path / "file").write_text("something else")
    assert "is no parcel, or damaged" in fail(2, "import", "file")["found"]
    assert "No such file" in fail(2, "import", "nowhere")["found"]


def test_a_product_is_deleted_brought_back_and_purged(at_home, run, ask, fail):
    (product,) = ask("query", "ImageParameters", "--columns", "object_id", "--limit", "1")
    object_id, why = product["object_id"], ["--reason", "a trial"]
    n_before = len(ask("query", "ImageParameters"))
    assert ask("delete", object_id, *why, "--dry-run")["objects"][0]["object_id"] == object_id
    assert ask("undelete") == []
    assert ask("delete", object_id[-12:], *why, "--grace", "1 d")["dependents"] == {}
    assert len(ask("query", "ImageParameters")) == n_before - 1
    (listed,) = ask("undelete")
    assert (listed["object_id"], listed["reason"]) == (object_id, "a trial")
    assert "a trial" in run("undelete")[1]
    assert fail(2, "retrieve", object_id)["found"].endswith("a trial")
    assert ask("undelete", object_id) == {"undeleted": 1}
    assert len(ask("query", "ImageParameters")) == n_before

    ask("delete", object_id, *why, "--grace", "0 d")
    assert ask("purge", "--dry-run")["files"] == 1
    assert ask("purge")["objects"] == [{"class": "ImageParameters", "object_id": object_id}]
    assert ask("purge")["objects"] == []
    assert fail(2, "undelete", object_id)["code"] == "refused"
    assert ask("doctor")["findings"] == []
    assert json.loads(run("make", "ImageParameters", "--json")[1])[-1]["made"] != []


def test_what_is_used_is_refused_with_what_uses_it(at_home, fail, ask):
    (images,) = ask("query", "CameraImages", "--columns", "object_id", "--limit", "1")
    refused = fail(2, "delete", images["object_id"], "--reason", "not needed")
    assert "1 ImageParameters were made from it" in refused["found"]
    (raw,) = ask("query", "RawFile", "--columns", "object_id", "--limit", "1")
    refused = fail(2, "delete", raw["object_id"], "--reason", "not needed", "--dependents")
    assert "it cannot be made again" in refused["found"]


def test_a_policy_says_what_would_expire(at_home, run, ask, fail, tmp_path):
    (tmp_path / "policy.toml").write_text('[retention]\nCameraImages = "0 h"\n')
    told = ask("purge", "--policy", "policy.toml", "--dry-run")
    assert told["expired"][0]["rule"] == "CameraImages 0 h"
    assert len(told["expired"][0]["objects"]) == len(ask("query", "CameraImages"))
    assert "would expire" in run("purge", "--policy", "policy.toml", "--dry-run")[1]
    (tmp_path / "policy.toml").write_text('[retention]\nCameraImage = "0 h"\n')
    assert fail(2, "purge", "--policy", "policy.toml")["code"] == "config"


@pytest.mark.parametrize("words", [("delete", "x"), ("undelete", "--dependents"), ("import",)])
def test_a_call_that_lacks_something_is_a_mistake(at_home, run, words):
    assert run(*words)[0] == 2

"""What is wrong around a command is told: profile, database, services, terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from deliveries import deliver

from awlta import config
from awlta.config import Profile
from awlta.persistent.database import create

pytestmark = pytest.mark.long


def awlta(*words, **environment):
    """Run the command as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "awlta", *words],
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


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

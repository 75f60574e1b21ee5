"""A home with a small night in it: files delivered, and made into image parameters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deliveries import START, deliver

from awlta import config
from awlta.face import cli
from awlta.services import Child
from awlta_recipes.events import EventKind

HOUR = timedelta(hours=1)


@contextmanager
def served(home: Path) -> Iterator[None]:
    """Run the dataserver of a home, so that a command does not wait for one to start."""
    profile = config.load(home)
    options = ["--root", str(profile.store), "--token-file", str(profile.token_file)]
    _ = profile.token
    dataserver = Child("dataserver", options, home / "dataserver.log")
    try:
        replace(profile, dataserver=dataserver.url).save()
        yield
    finally:
        dataserver.stop()


@pytest.fixture(scope="session")
def made_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which one run and its calibration runs were ingested and made."""
    folder = tmp_path_factory.mktemp("made")
    home = folder / "home"
    files = [
        deliver(folder, "dark.h5", run=1, kind=EventKind.PEDESTAL, start=START - 2 * HOUR),
        deliver(folder, "flash.h5", run=2, kind=EventKind.FLATFIELD, start=START - HOUR),
        deliver(folder, "run7.h5", run=7),
    ]
    assert cli.main(["init", "--home", str(home), "--user", "ada", "--json"]) == 0
    with served(home):
        assert cli.main(["ingest", *map(str, files), "--home", str(home), "--json"]) == 0
        assert cli.main(["make", "ImageParameters", "--home", str(home), "--json"]) == 0
    return home


@pytest.fixture(scope="module")
def night(made_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of that home, for the tests of one module, with its dataserver."""
    home = tmp_path_factory.mktemp("night") / "home"
    shutil.copytree(made_night, home)
    with served(home):
        yield home


@pytest.fixture
def at_home(night: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in the home of the night, in an empty folder, with a terminal of 200 columns."""
    monkeypatch.setenv("AWLTA_HOME", str(night))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return night


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Give a command to the command line; return its exit code and what it printed."""

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = cli.main(words)
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return call


@pytest.fixture
def ask(run: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """Give a command that must end well; return its JSON."""

    def call(*words: str) -> Any:
        code, out, err = run(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


@pytest.fixture
def fail(run: Callable[..., tuple[int, str, str]]) -> Callable[..., dict[str, Any]]:
    """Give a command that must fail; return its error, which is the same in words and in JSON."""

    def call(code: int, *words: str) -> dict[str, Any]:
        in_words, out, err = run(*words)
        as_json, answer, nothing = run(*words, "--json")
        assert (in_words, as_json, out, nothing) == (code, code, "", "")
        error: dict[str, Any] = json.loads(answer)["error"]
        assert set(error) == {"code", "found", "expected", "do", "facts"}
        assert err.startswith("awlta: ")
        assert error["found"].split("\n")[0] in err
        return error

    return call

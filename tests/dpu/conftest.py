"""Real front-ends, each with a home, a database, a dataserver and runners of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from awlta.config import Profile
from awlta.lineage import Workspace
from awlta.lineage.recipes.packages import load_recipes
from awlta.persistent import store
from awlta.persistent.database import create
from awlta.processing import Dpu, DpuClient

PRODUCTS = Path(__file__).parent / "products"


sys.path.append(str(PRODUCTS))


def find_products(patch: pytest.MonkeyPatch) -> None:
    """Let this process and those that it starts find the test's recipes package."""
    path = os.environ.get("PYTHONPATH", "")
    patch.setenv("PYTHONPATH", f"{PRODUCTS}{os.pathsep}{path}" if path else str(PRODUCTS))
    patch.setenv("AWLTA_RECIPES", "dpu_trial")
    load_recipes()


@pytest.fixture(autouse=True)
def trial_products(monkeypatch: pytest.MonkeyPatch) -> None:
    find_products(monkeypatch)


class FrontEnd:
    """One front-end process on a home, which may outlive it."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        command = [sys.executable, "-m", "awlta", "serve", "dpu", "--home", str(home)]
        command += ["--with-parent", *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        line = self.process.stdout.readline()
        self.url = json.loads(line)["url"] if line else ""

    def kill(self) -> None:
        """Kill it and wait until what it had started is gone as well."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def end(self) -> tuple[int, str]:
        """Close its standard input, wait, and return its exit status and its errors."""
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors.decode()


class Place:
    """A home with its workspace and its DPU."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.profile = Profile(home=home, user="ada", project="TRIAL")
        self.profile.save()
        self.workspace = Workspace(self.profile)
        self.dpu = Dpu(self.workspace)
        self.fronts: list[FrontEnd] = []

    def serve(self, *options: str) -> FrontEnd:
        """Start a front-end, and let the DPU's client ask it."""
        front = FrontEnd(self.home, *options)
        self.fronts.append(front)
        if front.url:
            self.dpu._client = DpuClient(front.url, self.profile.token)
        return front

    def rows(self, table: Table, **values: object) -> list[Any]:
        """Return the rows of a table in which some columns have some values."""
        statement = table.select()
        for name, value in values.items():
            statement = statement.where(table.c[name] == value)
        with self.workspace.database.read() as connection:
            return list(connection.execute(statement))

    def files(self) -> list[str]:
        """Return the names of the trial products' files on the dataserver's disk."""
        return sorted(p.name for p in (self.home / "store" / "data").glob("*/trial_*"))

    def close(self) -> None:
        if self.dpu._client is not None:
            self.dpu._client.close()
        for front in self.fronts:
            if not front.process.stdout.closed:
                front.end()
        self.dpu.close()
        self.workspace.close()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "awlta.db"
    create(f"sqlite:///{path}", 0)
    return path


@pytest.fixture
def new_place(tmp_path: Path, empty_database: Path) -> Iterator[Callable[[], Place]]:
    """Make homes, each with an empty database; the last one made is in use."""
    places: list[Place] = []
    before = store.set(None)  # type: ignore[arg-type]

    def _new_place() -> Place:
        if places:
            places[-1].close()
        home = tmp_path / f"home-{len(places)}"
        home.mkdir()
        shutil.copy(empty_database, home / "awlta.db")
        places.append(Place(home))
        store.set(places[-1].workspace)
        return places[-1]

    yield _new_place
    store.reset(before)
    if places:
        places[-1].close()


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Give a test a home of its own."""
    return new_place()


@pytest.fixture(scope="session")
def shared_place(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("shared") / "home"
    home.mkdir()
    shutil.copy(empty_database, home / "awlta.db")
    with pytest.MonkeyPatch.context() as patch:
        find_products(patch)
        place = Place(home)
        place.serve("--cores", "2")
    yield place
    place.close()


@pytest.fixture
def dpu(shared_place: Place) -> Iterator[Dpu]:
    """Give the DPU that tests share which leave it as they found it."""
    token = store.set(shared_place.workspace)
    yield shared_place.dpu
    store.reset(token)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait until something holds."""

    def _until(holds: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.01)

    return _until

"""What all tests share: databases made quickly, sessions in use, one dataserver."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from changing import ChangingPackage
from counting import counted
from hypothesis import HealthCheck, settings
from observatory import NewObservatory, Observatory
from postgres import Cluster

from awlta.config import Profile
from awlta.lineage import Workspace
from awlta.persistent import registry
from awlta.persistent.database import create
from awlta.persistent.session import Session
from awlta.services import Child

settings.register_profile(
    "awlta",
    deadline=None,  # timings are for benchmarks
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("awlta")

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that take longest, so that no process is left alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the test data, or a skip where there is none."""
    folder = os.environ.get("AWLTA_TEST_DATA")
    if not folder:
        pytest.skip("AWLTA_TEST_DATA names no folder of test data")
    return Path(folder)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without an object; copying it is quicker than migrating."""
    path = tmp_path_factory.mktemp("empty") / "awlta.db"
    create(f"sqlite:///{path}", 0)
    return path


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this test run, or a skip where none is installed."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def database_kind() -> str:
    """Which database a test runs on; folders whose tests run on both override this."""
    return "sqlite"


@pytest.fixture
def new_database(
    database_kind: str,
    tmp_path: Path,
    empty_database: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[], str]]:
    """Make migrated, empty databases of the kind the test runs on; each call gives a URL."""
    made: list[str] = []

    def make() -> str:
        if database_kind == "postgresql":
            cluster = request.getfixturevalue("cluster")
            made.append(cluster.new_database())
            return str(cluster.url(made[-1]))
        number = len(list(tmp_path.glob("awlta*.db")))
        path = tmp_path / ("awlta.db" if number == 0 else f"awlta-{number}.db")
        shutil.copy(empty_database, path)
        return f"sqlite:///{path}"

    yield make
    for name in made:
        request.getfixturevalue("cluster").drop(name)


@pytest.fixture
def new_profile(tmp_path: Path, new_database: Callable[[], str]) -> Callable[..., Profile]:
    """Make profiles of several people on one database."""
    urls: list[str] = []

    def make(user: str = "ada", project: str = "CRAB", level: int = 1, **more: str) -> Profile:
        if not urls:
            urls.append(new_database())
        home = tmp_path / f"{user}.{project}.{level}"
        home.mkdir(exist_ok=True)
        return Profile(home, user, project=project, privileges=level, database=urls[0], **more)

    return make


@pytest.fixture
def new_session(new_profile: Callable[..., Profile]) -> Iterator[Callable[..., Session]]:
    """Open sessions of several people on one database."""
    with ExitStack() as opened:

        def open_one(*names: str, level: int = 1) -> Session:
            profile = new_profile(*names, level=level)
            session = Session(profile.database_url, profile.user, profile.project, level)
            opened.callback(session.close)
            return session

        yield open_one


@pytest.fixture
def session(new_session: Callable[..., Session]) -> Iterator[Session]:
    """A session of ada's in the project CRAB, in use."""
    with new_session().use() as session:
        yield session


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The statements that were sent to the database since the list was last cleared."""
    with counted() as sent:
        yield sent


@pytest.fixture(scope="session")
def shared_dataserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Profile]:
    """The profile of one running dataserver, which every workspace of the tests uses."""
    home = tmp_path_factory.mktemp("dataserver")
    profile = Profile(home, "ada")
    _ = profile.token
    arguments = ["--root", str(profile.store), "--token-file", str(profile.token_file)]
    child = Child("dataserver", arguments, home / "dataserver.log")
    yield Profile(home, "ada", dataserver=child.url)
    child.stop()


@pytest.fixture
def new_workspace(
    new_profile: Callable[..., Profile], shared_dataserver: Profile
) -> Iterator[Callable[..., Workspace]]:
    """Open workspaces of several people on one database and one dataserver."""
    with ExitStack() as opened:

        def open_one(*names: str, level: int = 1) -> Workspace:
            profile = new_profile(*names, level=level, dataserver=shared_dataserver.dataserver)
            shutil.copy(shared_dataserver.token_file, profile.token_file)
            workspace = Workspace(profile)
            opened.callback(workspace.close)
            return workspace

        yield open_one


@pytest.fixture
def workspace(new_workspace: Callable[..., Workspace]) -> Iterator[Workspace]:
    """A workspace of ada's in the project CRAB, in use."""
    workspace = new_workspace()
    with workspace.use():
        yield workspace


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChangingPackage]:
    """A recipe package whose classes change, alone with those of the system."""
    monkeypatch.syspath_prepend(tmp_path)
    package = ChangingPackage(tmp_path)
    others = {n: c for n, c in registry.items() if not c.__module__.startswith("awlta.")}
    for name in others:
        del registry[name]
    yield package
    package.forget()
    registry.update(others)


@pytest.fixture
def new_observatory(
    new_database: Callable[[], str], tmp_path: Path, shared_dataserver: Profile
) -> Iterator[NewObservatory]:
    """Make databases with a list of people; each person logs in as themselves."""
    with ExitStack() as made:

        def make() -> Observatory:
            observatory = Observatory(new_database(), tmp_path, shared_dataserver)
            made.callback(observatory.close)
            return observatory

        yield make


@pytest.fixture
def observatory(new_observatory: NewObservatory) -> Observatory:
    """A database with a list of people."""
    return new_observatory()

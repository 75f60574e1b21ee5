"""A database with a list of people, and workspaces of theirs.

On PostgreSQL each of them logs in with a role of their own, for whom row security holds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from factories import Dish, Merged, Node, Sensor, Summed, Thresholds

from awlta.config import Profile
from awlta.lineage import Workspace
from awlta.lineage.making.activity import SoftwareEnvironment
from awlta.lineage.making.release import SoftwareRelease
from awlta.persistent.database import Database
from awlta.persistent.people.enrolment import apply_people
from awlta.persistent.people.people import People, Project

PEOPLE = People(
    {
        "CRAB": Project("CRAB", "the nebula", frozenset({"ada"}), frozenset({"ada", "bob"})),
        "VELA": Project("VELA", "", frozenset({"eve"}), frozenset({"ada", "eve"}), 4),
        "POOL": Project("POOL", "for all", is_open=True),
    },
    {"ada": "ada", "bob": "bob", "eve": "eve"},
)
"""Ada manages CRAB, where bob is a member; eve manages VELA, where ada is a member."""

CLASSES = (Node, Sensor, Dish, Merged, Summed, Thresholds, SoftwareRelease, SoftwareEnvironment)


class Observatory:
    """One database of several people."""

    def __init__(self, url: str, folder: Path, dataserver: Profile) -> None:
        self.url = url
        self.is_served = url.startswith("postgresql")
        self._folder, self._dataserver = folder, dataserver
        self._opened = ExitStack()
        self._database = Database(url)
        self._opened.callback(self._database.close)
        apply_people(self._database, PEOPLE, 0)
        for cls in CLASSES:
            self._database.ensure(cls)

    def url_of(self, user: str) -> str:
        """Return the URL by which a user logs in."""
        return self.url.replace("//owner@", f"//{user}@")

    def open(self, user: str, project: str = "CRAB", level: int = 1) -> Workspace:
        """Open a workspace of a user."""
        home = self._folder / f"{user}.home"
        home.mkdir(exist_ok=True)
        url, dataserver = self.url_of(user), self._dataserver.dataserver
        profile = Profile(home, user, project, level, database=url, dataserver=dataserver)
        shutil.copy(self._dataserver.token_file, profile.token_file)
        workspace = Workspace(profile)
        self._opened.callback(workspace.close)
        return workspace

    def run(self, statement: str) -> list[tuple]:
        """Run a statement as the owner of the database, whom nothing is hidden from."""
        with self._database.write() as connection:
            found = connection.exec_driver_sql(statement)
            return [tuple(row) for row in found] if found.returns_rows else []

    def close(self) -> None:
        """Close every workspace."""
        self._opened.close()


NewObservatory = Callable[[], Observatory]

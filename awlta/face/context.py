"""The context at the prompt: who works, in which project, at which level."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..config import PRIVILEGES
from ..lineage.ancestry.publishing import Publication, publish
from ..lineage.workspace import Workspace
from ..persistent import Persistent
from ..persistent.people.entry import present


@dataclass(frozen=True)
class CurrentProject:
    """The project in use as the prompt shows it.

    Attributes
    ----------
    name, description, user : str
    maximum : int
        Highest level of an object of the project.
    highest : int
        Highest level that the user may give a new object.
    privileges : int
        Level that new objects get.
    managers : tuple of str
    """

    name: str
    description: str
    user: str
    maximum: int
    highest: int
    privileges: int
    managers: tuple[str, ...]

    def __repr__(self) -> str:
        title = f"project {self.name}"
        rows = [
            f"{title}: {self.description}" if self.description else title,
            f"  user                {self.user}",
            f"  maximum privileges  {_level(self.maximum)}",
            f"  current privileges  {_level(self.privileges)}, up to {self.highest}",
        ]
        if self.managers:
            rows.append(f"  managers            {', '.join(self.managers)}")
        return "\n".join(rows)


class ContextFace:
    """What is said to the context: look, switch, publish."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def get_current_project(self) -> CurrentProject:
        """Return the project in use with its description, maximum and current privileges."""
        context = self._workspace.context
        place = present(self._workspace.database, context)
        return CurrentProject(
            place.project,
            place.description,
            context.user,
            place.max_level,
            place.highest,
            context.level,
            place.managers,
        )

    def set_project(self, name: str) -> None:
        """Work for another project from now on.

        Raises
        ------
        Refused
            There is no such project, or you may not use it; who can help is said.
        """
        self._workspace.switch(project=name)

    def set_privileges(self, level: int) -> None:
        """Give new objects another level from now on: 1 (MyDB) or 2 (project).

        Whoever manages the project may give more.

        Raises
        ------
        Refused
            The level is not for your new objects.
        """
        self._workspace.switch(level=level)

    def publish(
        self,
        obj: Persistent,
        level: int,
        embargo: str | date | None = None,
        *,
        reason: str = "",
        dry_run: bool = False,
    ) -> Publication:
        """Raise the level of an object and of what it was made from; see docs/contexts.md.

        Raises
        ------
        Refused
            With every reason.
        """
        return publish(self._workspace, obj, level, embargo, reason=reason, dry_run=dry_run)

    def __repr__(self) -> str:
        context = self._workspace.context
        return f"project {context.project}, user {context.user}, privileges {_level(context.level)}"


def _level(level: int) -> str:
    return f"{level} ({PRIVILEGES[level]})"

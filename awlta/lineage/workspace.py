"""The workspace: a session with files, from which products are made and asked about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from .. import config
from ..config import LOCAL, Profile
from ..errors import AlreadyMade, BadValue, NotMade, Refused
from ..persistent import Persistent, store, tables
from ..persistent.attributes import AnyLink
from ..persistent.codecs import time_to_microseconds
from ..persistent.session import Session
from ..persistent.unit import Unit
from ..persistent.watches import pause
from ..services import Child
from ..storage.client import DataClient
from ..storage.intent import Lease, State, begin, move
from . import currency, graph, making, selection, targets
from .activity import Activity, SoftwareEnvironment, environment_values, running_release
from .closure import related, rows_of
from .filed import FileRecord
from .packages import load_recipes, recipe_packages
from .product import DataProduct, content_of
from .release import ensure_release
from .view import Lineage


class Workspace(Session):
    """Database, dataserver and scratch space of one profile.

    Opened by :func:`connect`; what it starts, it ends in :meth:`close`.
    """

    def __init__(self, profile: Profile) -> None:
        super().__init__(
            profile.database_url, profile.user, profile.project, profile.privileges, profile.node
        )
        self.profile = profile
        self._client: DataClient | None = None
        self._dataserver: Child | None = None
        self._bench: making.Bench | None = None
        self._release_key: int | None = None

    def close(self) -> None:
        """Give connections back and end the local dataserver if this started it."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._dataserver is not None:
            self._dataserver.stop()
            self._dataserver = None
        super().close()

    def client(self) -> DataClient:
        """Return the client of the dataserver; the local one is started on first use."""
        if self._client is None:
            self._client = DataClient(self.dataserver_url(), self.profile.token)
        return self._client

    def dataserver_url(self) -> str:
        """Return the URL of the dataserver; the local one is started on first use."""
        if self.profile.dataserver != LOCAL:
            return self.profile.dataserver
        if self._dataserver is None:
            _ = self.profile.token
            arguments = ["--root", str(self.profile.store)]
            arguments += ["--token-file", str(self.profile.token_file)]
            self._dataserver = Child("dataserver", arguments, self.profile.home / "dataserver.log")
        return self._dataserver.url

    def switch(self, *, project: str | None = None, level: int | None = None) -> None:
        """Work for another project, or give new objects another level, from now on.

        Raises
        ------
        Refused
            There is no such project or level.
        """
        if level is not None and level not in config.PRIVILEGES:
            raise Refused(f"There is no level {level}", expected="a number from 1 to 5")
        if project is not None and not self.has_project(project):
            raise Refused(
                f"There is no project {project!r}",
                expected="a project that is in the database",
                do=f"'awlta init --project {project}' makes it, for those who may",
            )
        self.context = self._context(
            self.context.user,
            project or self.context.project,
            self.context.level if level is None else level,
            self.context.home,
        )

    # products ----------------------------------------------------------------------------

    def make(self, product: DataProduct) -> None:
        """Run the recipe of a product here and commit what it gives."""
        making.run(
            product,
            self,
            self.client,
            self.profile.home / "scratch",
            self.profile.user,
            at_bench=self._set_bench,
        )

    def _set_bench(self, bench: making.Bench | None) -> None:
        self._bench = bench

    def target(self, cls: type[Any], values: Mapping[str, Any]) -> Any:
        """Return the up-to-date product of these inputs, or an intention."""
        return targets.target(self, cls, values)

    def choose(self, product: Any, step: AnyLink) -> Any:
        """Return the calibration that a link of an intention should point to now."""
        return selection.choose(product, step)

    def valid_for(self, cls: type[Any], when: datetime | None, same: str | None, place: Any) -> Any:
        """Return the calibration that would be chosen for a time, None if none covers it."""
        found = selection.fitting(selection.usable(cls), when, "B", same, place)
        return found[0] if found else None

    def create(self, product: DataProduct, ending: str, role: str) -> Path:
        """Return the path for a new file of the product that is being made."""
        if self._bench is None or self._bench.product is not product:
            raise AlreadyMade(
                f"{product!r} is not being made", expected="create() within its own make()"
            )
        return self._bench.create(ending, role)

    def retrieve(self, product: DataProduct, role: str, to: Path | None) -> Path:
        """Bring a file here, verified."""
        if not product.is_stored:
            raise NotMade(f"{product!r} has no file yet", do="Call its make() first")
        record = product.file(role)
        if self._bench is not None and to is None:
            return self._bench.retrieve(record)
        path = Path.cwd() if to is None else to
        path = path / record.name if path.is_dir() else path
        with pause():
            return self.client().retrieve(record.name, path, expect=record.digests)

    def files_of(self, product: DataProduct) -> Sequence[FileRecord]:
        """Return the file records of a product, read together for all that came with it."""
        if "_files" not in product.__dict__:
            batch = [o for o in (r() for r in product.__dict__.get("_batch", ())) if o is not None]
            owners = {o.__dict__["_key"]: o for o in [product, *batch]}
            found: dict[int, list[FileRecord]] = {key: [] for key in owners}
            f = tables.file
            for row in sorted(rows_of(self, f, f.c.product, list(owners)), key=lambda r: r.id):
                found[row.product].append(_file_record(row))
            for key, obj in owners.items():
                obj.__dict__["_files"] = tuple(found[key])
        files: tuple[FileRecord, ...] = product.__dict__["_files"]
        return files

    def ancestors(self, product: DataProduct) -> list[Persistent]:
        """Return everything that a product was made from, oldest first."""
        return self._related(product, down=False)

    def descendants(self, product: DataProduct) -> list[Persistent]:
        """Return everything that was made from a product, oldest first."""
        return self._related(product, down=True)

    def _related(self, product: DataProduct, *, down: bool) -> list[Persistent]:
        if not product.is_stored:
            raise NotMade(f"{product!r} has no lineage yet", do="Call its make() first")
        return self.load(related(self, [product.__dict__["_key"]], down=down))

    def reasons(self, product: DataProduct) -> list[currency.Reason]:
        """Return why a product is not up to date, empty if it is."""
        return currency.reasons(self, product)

    def lineage(self, product: DataProduct) -> Lineage:
        """Return the lineage of a product as a graph."""
        return graph.read_graph(self, product, Lineage)

    def judge(self, product: DataProduct, value: int, reason: str) -> None:
        """Write a verdict: 0 bad, 1 good, 2 proposed for a wider scope."""
        if value not in (0, 1, 2):
            raise BadValue(f"is_valid = {value}", expected="0 (bad), 1 (good) or 2 (proposed)")
        if not product.is_stored:
            raise NotMade(f"{product!r} cannot be judged yet", do="Call its make() first")
        with self.unit() as unit:
            key, author = product.__dict__["_key"], self.profile.user
            row = (key, "verdict", value, "", reason, author, unit.now)
            unit.row(tables.standing, (unit.key(), *self.context.row, *row))

    # recording ---------------------------------------------------------------------------

    def begin(self, product: DataProduct, work: str) -> Lease:
        """Write the intent, or take over the one that a dead process left."""
        return begin(
            self,
            object_id=product.object_id,
            kind="make",
            class_name=type(product).__name__,
            work=work,
            names=[],
        )

    def storing(self, lease: Lease, names: Sequence[str]) -> None:
        """Say which files are about to be stored."""
        move(self, lease, State.TRANSFERRING, names=names)

    def verified(self, lease: Lease) -> None:
        """Say that every file is stored and its digests agree."""
        move(self, lease, State.VERIFIED)

    def archive(
        self,
        product: DataProduct,
        lease: Lease,
        files: Sequence[FileRecord],
        activity: Activity,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Commit product, lineage, files and activity together."""
        release = self.release_key()
        with self.unit() as unit:
            move(self, lease, State.ARCHIVED, connection=unit.connection)
            values = environment_values() if environment is None else environment
            environment_key = unit.add(SoftwareEnvironment(**values))
            key = self.add_activity(
                unit, activity, product.object_id, release=release, environment=environment_key
            )
            product_key = unit.add(
                product,
                activity=key,
                content_digest=content_of(product, files),
                work=bytes.fromhex(making.work_of(product))[: tables.WORK_BYTES],
            )
            self.add_files(unit, product_key, files)

    def fail(self, product: DataProduct, lease: Lease, activity: Activity) -> None:
        """Record that an attempt failed, and why."""
        with self.unit() as unit:
            reason = activity.log.strip().rsplit("\n", 1)[-1]
            move(self, lease, State.FAILED, reason=reason, connection=unit.connection)
            self.add_activity(unit, activity, product.object_id, release=None, environment=None)

    def release_key(self) -> int:
        """Return the key of the software release that runs here, stored on first use."""
        if self._release_key is None:
            packages = ("awlta", *recipe_packages())
            with self.use():
                self._release_key = ensure_release(self, running_release(packages))
        return self._release_key

    def environment(self) -> SoftwareEnvironment:
        """Return what is installed in this process."""
        return SoftwareEnvironment(**environment_values())

    def add_activity(
        self,
        unit: Unit,
        activity: Activity,
        subject: str,
        *,
        release: int | None,
        environment: int | None,
    ) -> int:
        """Add the row of an activity to a unit of work; return its key."""
        key = unit.key()
        unit.row(
            tables.activity,
            (
                key,
                *self.context.row,
                UUID(activity.object_id).bytes,
                UUID(subject).bytes,
                activity.kind,
                activity.recipe,
                activity.recipe_version,
                bytes.fromhex(activity.recipe_digest),
                activity.interactive,
                release,
                environment,
                activity.order_id,
                activity.host,
                activity.instruction_set,
                activity.operator,
                time_to_microseconds(activity.started),
                time_to_microseconds(activity.ended),
                activity.outcome,
                activity.log,
                json.dumps(activity.facts, sort_keys=True),
            ),
        )
        return key

    def add_files(self, unit: Unit, product_key: int, files: Sequence[FileRecord]) -> None:
        """Add the rows of a product's files to a unit of work."""
        for record in files:
            unit.row(
                tables.file,
                (
                    unit.key(),
                    *self.context.row,
                    product_key,
                    record.role,
                    record.name,
                    record.size,
                    bytes.fromhex(record.sha256),
                    bytes.fromhex(record.adler32),
                    bytes.fromhex(record.content_digest),
                    record.media_type,
                ),
            )


def _file_record(row: Any) -> FileRecord:
    return FileRecord(
        role=row.role,
        name=row.name,
        size=row.size,
        sha256=bytes(row.sha256).hex(),
        adler32=bytes(row.adler32).hex(),
        content_digest=bytes(row.content_digest).hex(),
        media_type=row.media_type,
    )


def connect(profile: Profile | None = None) -> Workspace:
    """Open the workspace of a profile and make it the one in use until it is closed.

    Raises
    ------
    ConfigError
        There is no profile or no database.
    """
    load_recipes()
    workspace = Workspace(config.load() if profile is None else profile)
    store.set(workspace)
    return workspace


@contextmanager
def opened(profile: Profile | None = None) -> Iterator[Workspace]:
    """Open a workspace for a block."""
    load_recipes()
    workspace = Workspace(config.load() if profile is None else profile)
    try:
        with workspace.use():
            yield workspace
    finally:
        workspace.close()

"""The workspace: a session with files, from which products are made and asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import config
from ..config import LOCAL, Profile
from ..errors import AlreadyMade, NotMade
from ..persistent import Persistent, store, tables
from ..persistent.evolution.versions import check_revisions
from ..persistent.people.entry import enter
from ..persistent.watches import pause
from ..services import Child
from ..storage.client import DataClient
from .ancestry import graph
from .ancestry.closure import related, rows_of
from .ancestry.view import Lineage
from .calibration import selection
from .files.bench import Bench
from .files.filed import FileRecord
from .files.replicas import file_record
from .making import making
from .making.recording import Recording
from .planning.asking import Asking
from .product import DataProduct
from .quality import verdicts
from .recipes.packages import load_recipes, revision_folders
from .reproduction import reproduction
from .retention.tombstone import refuse_deleted


class Workspace(Asking, Recording):
    """Database, dataserver and scratch space of one profile.

    Opened by :func:`connect`; what it starts, it ends in :meth:`close`.
    """

    def __init__(self, profile: Profile) -> None:
        super().__init__(
            profile.database_url, profile.user, profile.project, profile.privileges, profile.node
        )
        self.profile = profile
        self._scratch = profile.home / "scratch"
        self._client: DataClient | None = None
        self._dataserver: Child | None = None
        self._bench: Bench | None = None

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
            There is no such project or level, or the user may not use it; who can help is said.
        """
        context = self.context
        found = enter(
            self.database,
            context.user,
            context.project if project is None else project,
            context.level if level is None else level,
            context.home,
            make=False,
        )
        self.context = replace(found, as_of=context.as_of)
        self._release_key = self._environment = None  # others may not read those

    # products ----------------------------------------------------------------------------

    def make(self, product: DataProduct) -> None:
        """Run the recipe of a product here and commit what it gives."""
        making.run(
            product,
            self,
            self.client,
            self._scratch,
            self.profile.user,
            tell=self._set_bench,
        )

    def _set_bench(self, bench: Bench | None) -> None:
        self._bench = bench

    def valid_for(
        self, cls: type[Any], wanted: Sequence[tuple[datetime | None, Any]], same: str | None
    ) -> list[Any]:
        """Return the calibration that would be chosen for each time and place, or None."""
        return selection.valid_for(self, cls, wanted, same)

    def create(self, product: DataProduct, ending: str, role: str) -> Path:
        """Return the path for a new file of the product that is being made."""
        if self._bench is None or self._bench.product is not product:
            raise AlreadyMade(
                f"{product!r} is not being made", expected="create() within its own make()"
            )
        return self._bench.create(ending, role)

    def retrieve(self, product: DataProduct, role: str, to: Path | None) -> Path:
        """Bring a file here, verified."""
        if self._bench is not None and self._bench.product is product:
            return self._bench.output(role)
        if not (product.is_stored or "_pending" in product.__dict__):
            raise NotMade(f"{product!r} has no file yet", do="Call its make() first")
        refuse_deleted(self, product)
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
                found[row.product].append(file_record(row._mapping))
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

    def lineage(self, product: DataProduct) -> Lineage:
        """Return the lineage of a product as a graph."""
        return graph.read_graph(self, product, Lineage)

    def reproduce(self, product: DataProduct, **options: Any) -> reproduction.Reproduction:
        """Make a product again from its record, and compare."""
        return reproduction.reproduce(self, product, **options)

    def judge(self, products: Any, value: int, reason: str = "") -> verdicts.Verdict:
        """Write a verdict: 0 bad, 1 good, 2 proposed for a wider scope."""
        return verdicts.judge(self, products, value, reason)


def connect(profile: Profile | None = None) -> Workspace:
    """Open the workspace of a profile and make it the one in use until it is closed.

    Raises
    ------
    ConfigError
        There is no profile or no database.
    """
    workspace = _open(profile)
    store.set(workspace)
    return workspace


def _open(profile: Profile | None) -> Workspace:
    """Open a workspace whose tables are as the recipe packages need them."""
    folders = revision_folders(load_recipes())
    workspace = Workspace(config.load() if profile is None else profile)
    try:
        check_revisions(workspace.database, folders)
    except BaseException:
        workspace.close()
        raise
    return workspace


@contextmanager
def opened(profile: Profile | None = None) -> Iterator[Workspace]:
    """Open a workspace for a block."""
    workspace = _open(profile)
    try:
        with workspace.use():
            yield workspace
    finally:
        workspace.close()

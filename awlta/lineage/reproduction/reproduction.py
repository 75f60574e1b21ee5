"""Make a product again from its record, with the software release that made it, and compare.

Nothing is stored and nothing is committed: the product that is made again has the same identity,
and its files stay in a folder of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import AwltaError, BadInput, Fault, NotFound, StorageFault, from_json
from ...persistent import tables
from ...persistent.classes.records import describe
from ..ancestry.closure import related, rows_of
from ..files.filed import FileRecord
from ..product import DataProduct
from . import comparison, fresh, recorded
from .order import RESULT_FORMAT
from .recorded import Recorded

_MOST_NOTES = 12

OnStep = Callable[[str], None]
"""Told what is being done, in words."""


@dataclass(frozen=True)
class Reproduction:
    """What came of making a product again.

    Attributes
    ----------
    object_id, class_name : str
    release : str
        Software release that made it, then and now.
    recorded, again : str
        Content digests.
    differences : tuple of str
        What differs in content, each with its place.
    notes : tuple of str
        What differs in circumstances: packages, host, instruction set.
    error : AwltaError or None
        Why an ancestor could not be made again.
    ancestors : tuple of Reproduction
        With ``chain``, what it was made from, oldest first.
    folder : Path or None
        Where everything was kept.
    """

    object_id: str
    class_name: str
    release: str = ""
    recorded: str = ""
    again: str = ""
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: AwltaError | None = None
    ancestors: tuple[Reproduction, ...] = ()
    folder: Path | None = None

    @property
    def equal(self) -> bool:
        """Whether content is equal, that of the ancestors included."""
        own = self.error is None and self.recorded == self.again
        return own and all(ancestor.equal for ancestor in self.ancestors)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "object_id": self.object_id,
            "class": self.class_name,
            "equal": self.equal,
            "release": self.release,
            "recorded": self.recorded,
            "again": self.again,
            "differences": list(self.differences),
            "notes": list(self.notes),
            "error": None if self.error is None else self.error.to_json(),
            "ancestors": [ancestor.to_json() for ancestor in self.ancestors],
            "folder": None if self.folder is None else str(self.folder),
        }

    def __str__(self) -> str:
        return "\n".join([*self._lines(), *self._circumstances()])

    def _lines(self) -> Iterator[str]:
        own = self.recorded == self.again
        verdict = "not made again" if self.error else "equal" if own else "different"
        yield f"{self.class_name} {self.object_id}: {verdict}"
        if self.error is not None:
            yield f"  {self.error}"
        elif own:
            yield f"  content {self.again[:12]} as recorded, by release {self.release}"
        else:
            yield f"  content {self.recorded[:12]} recorded, {self.again[:12]} made again"
        yield from (f"  - {line}" for line in self.differences)
        for ancestor in self.ancestors:
            yield from ancestor._lines()

    def _circumstances(self) -> Iterator[str]:
        if self.notes:
            yield "other circumstances, which are no differences of content:"
        yield from (f"  {note}" for note in self.notes[:_MOST_NOTES])
        if len(self.notes) > _MOST_NOTES:
            yield f"  and {len(self.notes) - _MOST_NOTES} more (to_json() has all)"


def reproduce(
    workspace: Any,
    product: DataProduct,
    *,
    keep: Path | None = None,
    exact: bool = False,
    chain: bool = False,
    on_step: OnStep = lambda text: None,
) -> Reproduction:
    """Make a product again from its record, in a fresh environment, and compare contents.

    Parameters
    ----------
    workspace : Workspace
    product : DataProduct
    keep : Path, optional
        New folder in which environment, order, log and files are kept.
    exact : bool
        Have pip install the recorded versions of all packages; by default those that are
        installed here serve, and how they differ is told.
    chain : bool
        Make everything again that it was made from, each from its own record.
    on_step : callable, optional

    Raises
    ------
    NotMade, Refused
        There is no recipe in a release that could be run.
    DigestMismatch, NotFound
        The archive of the release is damaged, or a file that the recipe reads is gone.
    ConfigError, RecipeFailed, Fault
        The release cannot be built here, or its recipe fails here.
    """
    with _folder(workspace.profile.home / "scratch", keep) as folder:
        shop = _Workshop(workspace, folder, exact, on_step)
        recorded.read(workspace, product)  # what cannot be made at all is told before the rest
        ancestors = (
            [shop.try_again(p) for p in _made_ancestors(workspace, product)] if chain else []
        )
        done = shop.make_again(product)
    return replace(done, ancestors=tuple(ancestors), folder=keep)


@contextmanager
def _folder(root: Path, keep: Path | None) -> Iterator[Path]:
    """Give an empty folder, which is taken away at the end unless it is to be kept."""
    if keep is None:
        with fresh.new_folder(root, "again.") as folder:
            yield folder
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise BadInput(f"{keep} is there already", expected="a new or an empty folder")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def _made_ancestors(session: Any, product: DataProduct) -> list[DataProduct]:
    """Return the ancestors that recipes made, oldest first; what was ingested stays as it is."""
    p, a = tables.product, tables.activity
    inputs = session.load(related(session, [product.__dict__["_key"]], down=False))
    products = {o.__dict__["_key"]: o for o in inputs if isinstance(o, DataProduct)}
    rows = {r.id: r.activity for r in rows_of(session, p, p.c.id, list(products))}
    activities = [key for key in set(rows.values()) if key is not None]
    made = {r.id for r in rows_of(session, a, a.c.id, activities) if r.kind == "make"}
    return [obj for key, obj in products.items() if rows[key] in made]


class _Workshop:
    """Where products are made again: one environment for each release, used by all its products."""

    def __init__(self, workspace: Any, folder: Path, exact: bool, on_step: OnStep) -> None:
        self._workspace = workspace
        self._folder = folder
        self._exact = exact
        self._on_step = on_step
        self._environments: dict[tuple[str, str], fresh.Fresh] = {}
        self._installs = 0

    def try_again(self, product: DataProduct) -> Reproduction:
        """Make a product again; if that fails, return why."""
        try:
            return self.make_again(product)
        except AwltaError as error:
            return Reproduction(product.object_id, type(product).__name__, error=error)

    def make_again(self, product: DataProduct) -> Reproduction:
        """Make a product again and compare."""
        record = recorded.read(self._workspace, product)
        environment = self._environment(record)
        environment.check(str(record.activity.recipe))
        folder = self._folder / product.object_id
        order = replace(record.order, packages=environment.packages)
        self._on_step(f"make {type(product).__name__} {product.object_id}")
        result = fresh.run(environment, order.to_json(), folder, self._bringer(record))
        if "error" in result:
            raise from_json(result["error"])
        if result.get("format") != RESULT_FORMAT:
            raise Fault(f"The release gave a result of format {result.get('format')!r}")
        return self._compare(record, result, folder)

    def _environment(self, record: Recorded) -> fresh.Fresh:
        release, packages = record.release, record.environment.packages
        key = (release.digest, packages if self._exact else "")
        if key not in self._environments:
            self._on_step(f"install release {_name(record)}")
            self._installs += 1
            folder = self._folder / f"release-{self._installs}"
            folder.mkdir()
            archive = self._retrieve(release.file(), folder)
            self._environments[key] = fresh.install(
                archive,
                release.version,
                release.digest,
                folder,
                self._workspace.profile.home / "kernels",
                packages.split("\n") if self._exact else None,
            )
        return self._environments[key]

    def _retrieve(self, file: FileRecord, to: Path) -> Path:
        to = to / file.name if to.is_dir() else to
        path: Path = self._workspace.client().retrieve(file.name, to, expect=file.digests)
        return path

    def _bringer(self, record: Recorded) -> fresh.Bring:
        def bring(name: str, to: Path) -> None:
            owner, file = record.owner_of(name)
            try:
                self._retrieve(file, to)
            except (NotFound, StorageFault) as error:
                deleted = recorded.deletion(self._workspace, owner, name)
                if deleted is None:
                    raise
                raise deleted from error

        return bring

    def _compare(self, record: Recorded, result: Mapping[str, Any], folder: Path) -> Reproduction:
        product, activity = record.product, record.activity
        old, new = describe(product, with_links=False).attributes, result["record"]["attributes"]
        notes = [*result["notes"], *_circumstances(record, result)]
        found = list(comparison.of_attributes(type(product), old, new))
        made = {f.role: f for f in map(FileRecord.from_json, result["files"])}
        stored = {f.role: f for f in product.files}
        for role in sorted(made.keys() | stored.keys()):
            if role not in made or role not in stored:
                found.append(f"{role}: file only {'made again' if role in made else 'recorded'}")
            elif made[role].sha256 != stored[role].sha256:
                found += self._compare_files(stored[role], made[role], folder)
        digest = bytes.fromhex(result["activity"]["recipe_digest"])
        if digest != bytes(activity.recipe_digest):
            found.append(
                f"recipe: {bytes(activity.recipe_digest).hex()[:12]} recorded, "
                f"{digest.hex()[:12]} in the release"
            )
        return Reproduction(
            product.object_id,
            type(product).__name__,
            _name(record),
            str(product.content_digest),
            str(result["content_digest"]),
            tuple(found),
            tuple(notes),
        )

    def _compare_files(self, old: FileRecord, new: FileRecord, folder: Path) -> list[str]:
        """Return what differs in two files; where the stored one is gone, say so."""
        place = folder / "stored"
        place.mkdir(exist_ok=True)
        try:
            found = comparison.of_files(old.role, self._retrieve(old, place), folder / new.name)
        except (NotFound, OSError) as error:
            return [f"{old.role}: other bytes; what differs cannot be told: {error}"]
        if not found:
            return [f"{old.role}: equal values in other bytes"]
        return found


def _circumstances(record: Recorded, result: Mapping[str, Any]) -> list[str]:
    """Return how the circumstances differ from those recorded."""
    environment = record.environment
    old = {name: getattr(environment, name) for name in ("python", "system", "packages")}
    notes = [
        f"{what} {getattr(record.activity, key)} recorded, {result['activity'][key]} here"
        for key, what in (("host", "host"), ("instruction_set", "instruction set"))
        if getattr(record.activity, key) != result["activity"][key]
    ]
    return notes + comparison.of_environments(old, result["environment"])


def _name(record: Recorded) -> str:
    return f"{record.release.version} ({record.release.digest[:12]})"

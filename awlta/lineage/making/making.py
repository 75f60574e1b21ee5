"""How a recipe is run: intent, scratch folder, watch, seal, store, verify, commit.

The same steps serve ``make()`` here and a DPU runner; what differs is the recorder, which
writes to the database here and to the front-end there.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ...digest import Digests
from ...errors import (
    AlreadyMade,
    AwltaError,
    DigestMismatch,
    NameTaken,
    RecipeFailed,
    UndeclaredInput,
)
from ...persistent import Persistent, current_store
from ...persistent.session import Session
from ...storage.client import DataClient
from ...storage.intent import Lease
from ..files import block
from ..files.bench import AtBench, Bench
from ..files.filed import FileRecord, file_name
from ..product import DataProduct, check_category
from ..quality.verified import verify_new
from ..recipes.identity import RecipeIdentity
from ..recipes.watch import refuse_nested, watching
from .activity import Activity, host, instruction_set, now
from .hearing import Hearing
from .work import work_of

LOG_BYTES = 65536

MEDIA_TYPES = {
    ".h5": "application/x-hdf5",
    ".fits": "application/fits",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".tar": "application/x-tar",
}

_log = logging.getLogger("awlta")


class Recorder(Protocol):
    """Where intents and commits are written.

    Attributes
    ----------
    begins_first : bool
        The intent is written before the recipe is run; else when it creates its first file, and
        not at all where it creates none.
    """

    begins_first: bool

    def begin(self, product: DataProduct, work: str) -> Lease:
        """Write the intent, or take over the one that a dead process left."""

    def storing(self, lease: Lease, names: Sequence[str]) -> None:
        """Say which files are about to be stored."""

    def verified(self, lease: Lease) -> None:
        """Say that every file is stored and its digests agree."""

    def archive(
        self,
        product: DataProduct,
        lease: Lease | None,
        files: Sequence[FileRecord],
        activity: Activity,
    ) -> None:
        """Commit product, lineage, files and activity together."""

    def fail(self, product: DataProduct, lease: Lease | None, activity: Activity) -> None:
        """Record that the attempt failed, and why."""


def run(
    product: DataProduct,
    recorder: Recorder,
    client: Callable[[], DataClient],
    scratch_root: Path | None,
    operator: str,
    *,
    order_id: str | None = None,
    tell: Callable[[Bench | None], None],
) -> None:
    """Run the recipe of a product and commit what it gives.

    Raises
    ------
    AlreadyMade, NotMade
        Before anything is written.
    UndeclaredInput, RecipeFailed
        The recipe reached for what it does not link, or raised; the attempt is recorded.
    """
    refuse_nested(product)
    recipe = type(product).__recipe__
    if product.is_stored:
        raise AlreadyMade(
            f"{product!r} is made and committed",
            do=f"{type(product).__name__}.get_target(...) gives a new one if it is out of date",
        )
    if recipe is None:
        product.make()
        return
    _check_inputs(product)
    record = _Record(recipe.identity, operator, order_id)
    intention = dict(product.__dict__)
    bench = None
    try:
        with (
            Hearing(record.lines),
            AtBench(
                product,
                lambda: recorder.begin(product, work_of(product)),
                client,
                scratch_root,
                tell,
            ) as bench,
        ):
            if recorder.begins_first:
                bench.claim()
            _run_recipe(recipe.function, bench)
            _check_outputs(product, bench)
            verify_new(product, bench.scratch, bench.touch)
            files = _store(bench, recorder, recipe.identity)
            recorder.archive(product, bench.lease, files, record.activity("done"))
    except BaseException as error:  # a keyboard interrupt ends the attempt too
        if product.is_stored:
            raise
        lease = None if bench is None else bench.lease
        record.lines.append(f"{type(error).__name__}: {error}\n")
        product.__dict__.clear()  # what the recipe set is forgotten: it can be made again
        product.__dict__.update(intention)
        if lease is not None:
            product.__dict__["object_id"] = lease.object_id
        try:
            recorder.fail(product, lease, record.activity("failed"))
        except AwltaError as another:
            error.add_note(f"That it failed could not be recorded: {another}")
        raise


@dataclass
class _Record:
    """What is known of a run while it runs: the recipe, since when, and what it logged."""

    recipe: RecipeIdentity
    operator: str
    order_id: str | None
    started: datetime = field(default_factory=now)
    lines: list[str] = field(default_factory=list)

    def activity(self, outcome: str) -> Activity:
        """Return the record of the run, which ends now."""
        return Activity(
            kind="make",
            recipe=self.recipe.name,
            recipe_version=self.recipe.version,
            recipe_digest=self.recipe.digest,
            interactive=self.recipe.interactive,
            host=host(),
            instruction_set=instruction_set(),
            operator=self.operator,
            started=self.started,
            ended=now(),
            outcome=outcome,
            order_id=self.order_id,
            log="".join(self.lines)[-LOG_BYTES:],
        )


def _check_inputs(product: DataProduct) -> None:
    check_category(product.__dict__["category"])
    for _, _, target in product.linked():
        held = target.__dict__
        if not ("_store" in held or "_pending" in held):
            target._admit()


def _run_recipe(function: Callable[..., None], bench: Bench) -> None:
    product = bench.product
    usual = tempfile.tempdir
    tempfile.tempdir = str(bench.scratch)
    try:
        with watching(product, bench.scratch, bench.touch):
            function(product)
    except AwltaError:
        raise
    except Exception as error:
        hidden = _undeclared_behind(error)
        if hidden is not None:
            raise hidden from error
        raise RecipeFailed(
            f"{type(product).__name__}.make raised {type(error).__name__}: {error}",
            do="The log of the activity and the chained traceback tell where",
        ) from error
    finally:
        tempfile.tempdir = usual


def _undeclared_behind(error: BaseException) -> UndeclaredInput | None:
    """Return the UndeclaredInput that a library wrapped in an error of its own."""
    here: BaseException | None = error
    while here is not None:
        if isinstance(here, UndeclaredInput):
            return here
        here = here.__cause__ or here.__context__
    return None


def _check_outputs(product: DataProduct, bench: Bench) -> None:
    for role, (path, _) in bench.outputs.items():
        if not path.exists():
            raise RecipeFailed(
                f"{type(product).__name__}.make created no file for {role!r}",
                expected=f"a file at the path that create() gave ({path.name})",
            )
    held = product.__dict__
    for name, attribute in _results_of(type(product)):
        if name in held:
            continue
        if not attribute.nullable:
            raise RecipeFailed(
                f"{type(product).__name__}.make did not set {name}",
                expected=attribute.expectation(),
                do="Set every attribute that is declared with init=False",
            )
        held[name] = None


def _results_of(cls: Any) -> list[tuple[str, Any]]:
    """Return the attributes that a recipe of a class sets, worked out once."""
    known: list[tuple[str, Any]] | None = cls.__dict__.get("__results__")
    if known is None:
        found = cls.__attributes__.items()
        known = [(n, a) for n, a in found if a.source == "class" and not a.init]
        cls.__results__ = known
    return known


def _store(bench: Bench, recorder: Recorder, declared: RecipeIdentity) -> list[FileRecord]:
    if bench.lease is None:
        return []  # nothing was created, so nothing can be parted from its row
    product, lease, client = bench.product, bench.lease, bench.client()
    planned = [
        file_name(product, ending, role, attempt)
        for role, (_, ending) in bench.outputs.items()
        for attempt in sorted({1, lease.attempt})
    ]
    recorder.storing(lease, planned)
    files = []
    for role, (path, ending) in bench.outputs.items():
        block.seal(path, provenance(product, declared))
        content = block.content_digest(path)
        name, digests = _store_one(bench, lease, client, path, role, ending, content)
        media_type = MEDIA_TYPES.get(ending, "application/octet-stream")
        files.append(
            FileRecord(
                role, name, digests.size, digests.sha256, digests.adler32, content, media_type
            )
        )
    recorder.verified(lease)
    return files


def _store_one(
    bench: Bench,
    lease: Lease,
    client: DataClient,
    path: Path,
    role: str,
    ending: str,
    content: str,
) -> tuple[str, Digests]:
    """Store one output; an earlier attempt's file of the same content serves as well."""
    name = file_name(bench.product, ending, role, 1)
    try:
        digests = client.store(path, name, object_id=lease.object_id, attempt=lease.attempt)
        return name, digests
    except NameTaken:
        earlier = bench.scratch / f"earlier-{name}"
        stored = client.head(name)
        if stored is not None:
            client.retrieve(name, earlier, expect=stored)
            if block.content_digest(earlier) == content:
                return name, stored
    if lease.attempt == 1:
        raise DigestMismatch(
            f"{name} is taken by other bytes although no attempt came before",
            do="Run 'awlta doctor'",
        )
    name = file_name(bench.product, ending, role, lease.attempt)
    return name, client.store(path, name, object_id=lease.object_id, attempt=lease.attempt)


def _object_id(target: Persistent) -> str:
    """Return the identity under which an input stands, or will stand, in the database.

    A shared object that is not stored yet gives way to a stored one of equal content.
    """
    store = current_store()
    if type(target).__shared__ and not target.is_stored and isinstance(store, Session):
        return min(store.equals(target), default=target.object_id)
    return target.object_id


def provenance(product: DataProduct, declared: RecipeIdentity) -> dict[str, Any]:
    """Return what the identity block of a product's file says.

    It holds nothing that changes from one attempt to the next, so that making again under the
    same object_id gives the same bytes.
    """
    inputs: dict[str, list[str]] = {}
    parameters: dict[str, Any] = {}
    for role, _, target in product.linked(inputs_only=True):
        inputs.setdefault(role, []).append(_object_id(target))
        if hasattr(target, "values"):
            parameters[type(target).__name__] = {
                k: str(v) if not isinstance(v, int | float | str | bool | None) else v
                for k, v in target.values().items()
            }
    return {
        "object_id": product.object_id,
        "class": type(product).__name__,
        "category": product.category,
        "recipe": {
            "name": declared.name,
            "version": declared.version,
            "digest": declared.digest,
        },
        "inputs": inputs,
        "parameters": parameters,
    }

"""How a recipe is run: intent, scratch folder, watch, seal, store, verify, commit.

The same steps serve ``make()`` here and a DPU runner; what differs is the recorder, which
writes to the database here and to the front-end there.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..digest import Digests, digest_text
from ..errors import (
    AlreadyMade,
    AwltaError,
    DigestMismatch,
    NameTaken,
    NotMade,
    RecipeFailed,
    UndeclaredInput,
)
from ..persistent.records import identity as identity_of
from ..persistent.watches import pause
from ..storage.client import DataClient
from ..storage.intent import Lease
from . import block
from .activity import Activity, host, instruction_set, now
from .filed import FileRecord, file_name
from .identity import RecipeIdentity
from .product import DataProduct, check_category
from .watch import refuse_nested, watching

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
    """Where intents and commits are written."""

    def begin(self, product: DataProduct, work: str) -> Lease:
        """Write the intent, or take over the one that a dead process left."""

    def storing(self, lease: Lease, names: Sequence[str]) -> None:
        """Say which files are about to be stored."""

    def verified(self, lease: Lease) -> None:
        """Say that every file is stored and its digests agree."""

    def archive(
        self,
        product: DataProduct,
        lease: Lease,
        files: Sequence[FileRecord],
        activity: Activity,
    ) -> None:
        """Commit product, lineage, files and activity together."""

    def fail(self, product: DataProduct, lease: Lease, activity: Activity) -> None:
        """Record that the attempt failed, and why."""


@dataclass
class Bench:
    """The place where one recipe works: its scratch folder and the files it wrote.

    Attributes
    ----------
    product : DataProduct
    lease : Lease
    scratch : Path
    outputs : dict
        Role to (path, ending) of each file created.
    """

    product: DataProduct
    lease: Lease
    scratch: Path
    client: Callable[[], DataClient]
    outputs: dict[str, tuple[Path, str]] = field(default_factory=dict)

    def create(self, ending: str, role: str) -> Path:
        """Return the path of a new output."""
        if role in self.outputs:
            raise AlreadyMade(f"The file for {role!r} of {self.product!r} was created before")
        path = self.scratch / file_name(self.product, ending, role, 1)
        self.outputs[role] = (path, ending)
        return path

    def retrieve(self, record: FileRecord) -> Path:
        """Bring an input into the scratch folder, once."""
        path = self.scratch / record.name
        if not path.exists():
            with pause():
                self.client().retrieve(record.name, path, expect=record.digests)
        return path


def work_of(product: DataProduct) -> str:
    """Return the digest of what a product asks for: class, category, inputs, settings."""
    parts = [type(product).__name__, product.category]
    for name, attribute in sorted(type(product).__attributes__.items()):
        if attribute.source == "class" and attribute.init and name in product.__dict__:
            value = product.__dict__[name]
            parts += [name, "none" if value is None else str(attribute.codec.to_json(value))]
    for role, position, target in sorted(product.linked(), key=lambda entry: entry[:2]):
        parts += [f"{role}[{position}]", identity_of(target)]
    return digest_text("make", *parts)


def run(
    product: DataProduct,
    recorder: Recorder,
    client: Callable[[], DataClient],
    scratch_root: Path | None,
    operator: str,
    *,
    order_id: str | None = None,
    at_bench: Callable[[Bench | None], None],
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
    lease = recorder.begin(product, work_of(product))
    product.__dict__["object_id"] = lease.object_id
    intention = dict(product.__dict__)
    try:
        with (
            _logging(record.lines),
            _bench(product, lease, client, scratch_root, at_bench) as bench,
        ):
            _run_recipe(product, recipe.function, bench.scratch)
            _check_outputs(product, bench)
            files = _store(bench, recorder, client(), recipe.identity)
            recorder.archive(product, lease, files, record.activity("done"))
    except BaseException as error:  # a keyboard interrupt ends the attempt too
        if product.is_stored:
            raise
        record.lines.append(f"{type(error).__name__}: {error}\n")
        product.__dict__.clear()  # what the recipe set is forgotten: it can be made again
        product.__dict__.update(intention)
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


@contextmanager
def _bench(
    product: DataProduct,
    lease: Lease,
    client: Callable[[], DataClient],
    root: Path | None,
    at_bench: Callable[[Bench | None], None],
) -> Iterator[Bench]:
    """Give a bench with an empty scratch folder; what killed attempts left is taken away."""
    if root is not None:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.glob(f"{lease.object_id}.*"):
            shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{lease.object_id}.{lease.attempt}.", dir=root))
    bench = Bench(product, lease, scratch, client)
    at_bench(bench)
    try:
        yield bench
    finally:
        at_bench(None)
        shutil.rmtree(scratch, ignore_errors=True)


def _check_inputs(product: DataProduct) -> None:
    check_category(product.category)
    for _, _, target in product.linked():
        if not target.is_stored:
            target._admit()
        if isinstance(target, DataProduct) and not target.is_stored:
            raise NotMade(f"{target!r} was never made")


def _run_recipe(product: DataProduct, function: Callable[..., None], scratch: Path) -> None:
    name = f"{type(product).__name__}.make"
    usual = tempfile.tempdir
    tempfile.tempdir = str(scratch)
    try:
        with watching(product, scratch):
            function(product)
    except AwltaError:
        raise
    except Exception as error:
        hidden = _undeclared_behind(error)
        if hidden is not None:
            raise hidden from error
        raise RecipeFailed(
            f"{name} raised {type(error).__name__}: {error}",
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
    for name, attribute in type(product).__attributes__.items():
        unset = name not in product.__dict__ and attribute.source == "class"
        if unset and not attribute.nullable:
            raise RecipeFailed(
                f"{type(product).__name__}.make did not set {name}",
                expected=attribute.expectation(),
                do="Set every attribute that is declared with init=False",
            )
        if unset:
            product.__dict__[name] = None


def _store(
    bench: Bench, recorder: Recorder, client: DataClient, declared: RecipeIdentity
) -> list[FileRecord]:
    product, lease = bench.product, bench.lease
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
        name, digests = _store_one(bench, client, path, role, ending, content)
        media_type = MEDIA_TYPES.get(ending, "application/octet-stream")
        files.append(
            FileRecord(
                role, name, digests.size, digests.sha256, digests.adler32, content, media_type
            )
        )
    recorder.verified(lease)
    return files


def _store_one(
    bench: Bench, client: DataClient, path: Path, role: str, ending: str, content: str
) -> tuple[str, Digests]:
    """Store one output; an earlier attempt's file of the same content serves as well."""
    lease = bench.lease
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


def provenance(product: DataProduct, declared: RecipeIdentity) -> dict[str, Any]:
    """Return what the identity block of a product's file says.

    It holds nothing that changes from one attempt to the next, so that making again under the
    same object_id gives the same bytes.
    """
    inputs: dict[str, list[str]] = {}
    parameters: dict[str, Any] = {}
    for role, _, target in product.linked(inputs_only=True):
        inputs.setdefault(role, []).append(target.object_id)
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


@contextmanager
def _logging(lines: list[str]) -> Iterator[None]:
    """Collect what the recipe logs."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            when = datetime.fromtimestamp(record.created).isoformat(timespec="seconds")
            lines.append(f"{when} {record.levelname} {record.name}: {record.getMessage()}\n")

    collector = Collector(logging.INFO)
    root = logging.getLogger()
    before = _log.level
    root.addHandler(collector)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(collector)
        _log.setLevel(before)

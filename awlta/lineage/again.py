"""Make one product again from its record: run by a software release, in an environment of its own.

``python -I -m awlta.lineage.again ORDER.json FOLDER`` reads the order, runs the recipe that its
release has, and leaves files and ``RESULT.json`` in the folder. There is no database, no
dataserver and no profile. A file that the recipe wants is asked of the process that gave the
order: one JSON line on standard output, ``{"want": name, "to": path}``, and one on standard input
when it is there, ``{}`` or ``{"error": ...}``. Nothing is stored, nothing is committed.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from ..digest import Digests, digest_file
from ..errors import AwltaError, BadInput, BadValue, ConfigError, Fault, NotFound, from_json
from ..persistent import Persistent, find_class, store
from ..persistent.attributes.attributes import MISSING, AnyLink, LinkList
from ..persistent.classes.model import remember_batch
from ..persistent.classes.records import ObjectRecord, describe, rebuild, set_links
from ..storage.client import DataClient
from ..storage.intent import Lease
from .files.filed import FileRecord
from .making import making
from .making.activity import Activity, environment_values
from .making.bare import BareWorkplace, undeclared
from .making.work import content_of
from .product import DataProduct
from .recipes.packages import import_package
from .reproduction.order import RESULT_FORMAT, Order


def main(arguments: Sequence[str]) -> int:
    """Carry out an order; return 0 when there is a product, 1 when there is an error to tell."""
    order_file, folder = Path(arguments[0]), Path(arguments[1])
    try:
        order = Order.from_json(json.loads(order_file.read_text()))
        result = carry_out(order, folder, _Line())
    except AwltaError as error:
        result = {"error": error.to_json()}
    result["format"] = RESULT_FORMAT
    (folder / "RESULT.json").write_text(json.dumps(result, indent=1))
    return 1 if "error" in result else 0


def carry_out(order: Order, folder: Path, line: _Line) -> dict[str, Any]:
    """Make the product of an order, leave its files in a folder, and return what came of it."""
    import_packages(order.packages)
    notes: list[str] = []
    supplies = Supplies(order, _Files(line, folder), notes)
    token = store.set(supplies)
    try:
        product = _intention(order.product, supplies, notes)
        copyist = _Copyist(order.product.object_id)
        making.run(
            product,
            copyist,
            supplies.client,
            folder / "scratch",
            order.names[0],
            tell=supplies.set_bench,
        )
    finally:
        store.reset(token)
    activity = copyist.activity
    return {
        "record": describe(product).to_json(),
        "files": [file.to_json() for file in copyist.files],
        "content_digest": content_of(product, copyist.files),
        "activity": {k: v for k, v in activity.to_json().items() if k not in ("log", "facts")},
        "environment": environment_values(),
        "notes": notes,
    }


def import_packages(names: Sequence[str]) -> None:
    """Import the recipe packages of the release, and none that happen to be installed here."""
    for name in names:
        try:
            import_package(name)
        except ImportError as error:
            raise ConfigError(
                f"The recipe package {name!r} of the release cannot be imported: {error}",
                expected="the packages that it needs, installed here or as they were recorded",
                do="Install what is missing, or have the recorded versions installed (exact)",
            ) from error


def _intention(record: ObjectRecord, supplies: Supplies, notes: list[str]) -> DataProduct:
    """Return the product as it was declared, with the defaults of today out of play."""
    product = cast(DataProduct, rebuild(known_to(record, notes)))
    for name, attribute in type(product).__attributes__.items():
        if attribute.init and name not in product.__dict__:
            if attribute.default is MISSING:
                raise BadValue(
                    f"{attribute.place} is not in the record", expected=attribute.expectation()
                )
            product.__dict__[name] = attribute.default
            notes.append(f"{attribute.place} is not in the record: {attribute.default!r} was taken")
    set_links(product, {role: supplies.these(ids) for role, ids in record.links.items()})
    return product


def known_to(record: ObjectRecord, notes: list[str]) -> ObjectRecord:
    """Return a record without what its class did not have at the time of the release."""
    cls = find_class(record.class_name)
    attributes = {n: v for n, v in record.attributes.items() if n in cls.__attributes__}
    later = sorted(set(record.attributes) - set(attributes))
    if later:
        notes.append(f"{record.class_name} did not have {', '.join(later)} in the release")
    return ObjectRecord(record.object_id, record.class_name, attributes, record.links)


class Supplies(BareWorkplace):
    """A workplace whose objects are those of an order."""

    def __init__(self, order: Order, client: _Files, notes: list[str]) -> None:
        super().__init__(cast(DataClient, client))
        self._given = {given.record.object_id: given for given in order.objects}
        self._own = {order.product.object_id: order.names}
        self._objects: dict[str, Persistent] = {}
        for object_id, given in self._given.items():
            obj = rebuild(known_to(given.record, notes))
            obj.__dict__["_store"] = self
            obj.__dict__["_files"] = given.files
            self._objects[object_id] = obj
        remember_batch(list(self._objects.values()))

    def these(self, object_ids: Sequence[str]) -> list[Persistent]:
        """Return objects by their ids; raise BadInput where the order lacks one."""
        lacking = [i for i in object_ids if i not in self._objects]
        if lacking:
            raise BadInput(f"The order links {lacking[0]} and does not tell what it is")
        return [self._objects[i] for i in object_ids]

    def load_link(self, batch: Sequence[Any], step: AnyLink) -> None:
        """Set one link on all objects of a batch."""
        for obj in batch:
            links = self._given[obj.__dict__["object_id"]].record.links
            targets = self.these(links.get(step.name, []))
            if step.many:
                obj.__dict__[step.name] = LinkList(obj, step, targets)
            elif targets or step.optional:
                obj.__dict__[step.name] = targets[0] if targets else None
            else:
                raise NotFound(f"{step.place} of {obj!r} is not in the record")

    def standing(self, obj: Persistent, name: str) -> int:
        """Return the verdict or the quality flags that the object had then."""
        return self._given[obj.object_id].standing[name]

    def names(self, obj: Persistent) -> tuple[str, str, int]:
        """Return owner, project and level of an object, or of the product itself."""
        own = self._own.get(obj.object_id)
        return self._given[obj.object_id].names if own is None else own

    def get(self, object_id: str) -> Persistent:
        """Return an object of the order; raise UndeclaredInput for others."""
        if object_id in self._objects:
            return self._objects[object_id]
        raise undeclared(f"asked for the object {object_id}")


class _Line:
    """The line to the process that gave the order: without it this one ends."""

    def __init__(self) -> None:
        # what recipes and their children read and print is kept away from the line
        self._out: TextIO = os.fdopen(os.dup(1), "w", buffering=1)
        self._in: TextIO = os.fdopen(os.dup(0), "r")
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, **request: Any) -> None:
        """Make a request and wait until it is granted; raise what is told instead."""
        self._out.write(json.dumps(request) + "\n")
        answer = self._answers.get()
        if "error" in answer:
            raise from_json(answer["error"])

    def _read(self) -> None:
        for line in self._in:
            self._answers.put(json.loads(line))
        os._exit(1)  # whoever gave the order is gone


class _Files:
    """What stands for a dataserver: inputs are asked for, outputs stay in the folder."""

    def __init__(self, line: _Line, folder: Path) -> None:
        self._line = line
        self._folder = folder

    def retrieve(self, name: str, to: Path, *, expect: Digests | None = None) -> Path:
        """Have an input brought to a path."""
        self._line.ask(want=name, to=str(to))
        if expect is not None and digest_file(to) != expect:
            raise Fault(f"{name} was brought with other bytes", expected=f"sha256 {expect.sha256}")
        return to

    def head(self, name: str) -> None:
        """Tell that nothing is stored under a name yet."""

    def store(self, path: Path, name: str, *, object_id: str, attempt: int = 1) -> Digests:
        """Keep an output in the folder."""
        return digest_file(Path(shutil.move(path, self._folder / name)))


class _Copyist:
    """A recorder that commits nothing and remembers what would have been."""

    begins_first = True

    def __init__(self, object_id: str) -> None:
        self._lease = Lease(object_id, 1, "again")
        self.files: tuple[FileRecord, ...] = ()
        self.activity: Activity

    def begin(self, product: DataProduct, work: str) -> Lease:
        """Give the product the identity that it has."""
        return self._lease

    def storing(self, lease: Lease, names: Sequence[str]) -> None:
        """Take note of nothing."""

    def verified(self, lease: Lease) -> None:
        """Take note of nothing."""

    def archive(
        self,
        product: DataProduct,
        lease: Lease | None,
        files: Sequence[FileRecord],
        activity: Activity,
    ) -> None:
        """Remember what was made."""
        self.files, self.activity = tuple(files), activity

    def fail(self, product: DataProduct, lease: Lease | None, activity: Activity) -> None:
        """Take note of nothing: the error is told."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

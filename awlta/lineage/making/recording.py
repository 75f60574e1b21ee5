"""How a session records what is made: intents, products, activities, files.

A product that owns files is stored under an intent, so that a kill cannot part the files from
the row; one that owns none is one transaction and needs no intent. Within
:meth:`Recording.together` what is made is committed in one unit at its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...persistent import tables
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.classes.unit import Unit
from ...persistent.engine.retry import retried
from ...persistent.session import Session
from ...storage.intent import Lease, State, begin, move
from ..calibration import standin
from ..files.filed import FileRecord
from ..product import DataProduct
from ..quality import quality
from ..recipes.packages import recipe_packages
from ..recipes.sources import running_release
from .activity import Activity, SoftwareEnvironment, environment_values
from .hearing import Listening
from .release import ensure_release
from .work import content_of, key_of, work_of


class _Pending(NamedTuple):
    """A product that is made, and is committed with others at the end of a block."""

    product: DataProduct
    lease: Lease | None
    files: Sequence[FileRecord]
    activity: Activity
    before: dict[str, Any]


class Recording(Session):
    """A session that writes what recipes make."""

    begins_first = False
    _together: list[_Pending] | None = None
    _release_key: int | None = None
    _environment: SoftwareEnvironment | None = None

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

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit everything that is made within a block in one transaction at its end.

        What is made may be linked by what is made after it. If the block raises, nothing of it
        is committed, and all of it are intentions again.

        Examples
        --------
        >>> with workspace.together():  # doctest: +SKIP
        ...     for product in products:
        ...         product.make()
        """
        if self._together is not None:  # within another block: the outer one commits
            yield
            return
        made: list[_Pending] = []
        self._together = made
        try:
            with Listening():
                yield
            self._together = None
            if made:
                self._write_all(made)
        except BaseException:
            for one in made:
                one.product.__dict__.clear()
                one.product.__dict__.update(one.before)
            raise
        finally:
            self._together = None
            for one in made:
                one.product.__dict__.pop("_pending", None)

    @retried
    def _write_all(self, made: Sequence[_Pending]) -> None:
        self.release_key()
        with self.unit() as unit:
            environment = unit.add(self._ran_in(None))
            for one in made:
                self._write(unit, one.product, one.lease, one.files, one.activity, environment)

    def archive(
        self,
        product: DataProduct,
        lease: Lease | None,
        files: Sequence[FileRecord],
        activity: Activity,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Commit product, lineage, files and activity together."""
        standin.mark(self, product)
        if self._together is not None:
            held = product.__dict__
            before = {n: v for n, v in held.items() if n != "_files"}
            self._together.append(_Pending(product, lease, files, activity, before))
            held["_pending"], held["_files"] = True, tuple(files)
            return
        self._write_one(product, lease, files, activity, environment)

    @retried
    def _write_one(
        self,
        product: DataProduct,
        lease: Lease | None,
        files: Sequence[FileRecord],
        activity: Activity,
        environment: Mapping[str, str] | None,
    ) -> None:
        self.release_key()
        # a runner is told that it is done: then it must be on the disk
        with self.unit(durable=True if activity.order_id else None) as unit:
            ran_in = unit.add(self._ran_in(environment))
            self._write(unit, product, lease, files, activity, ran_in)

    def _write(
        self,
        unit: Unit,
        product: DataProduct,
        lease: Lease | None,
        files: Sequence[FileRecord],
        activity: Activity,
        environment: int,
    ) -> None:
        """Add all rows of a product that was made to a unit of work."""
        if lease is not None:
            move(self, lease, State.ARCHIVED, connection=unit.connection)
        key = self.add_activity(
            unit,
            activity,
            product.object_id,
            release=self.release_key(),
            environment=environment,
        )
        product_key = unit.add(
            product,
            activity=key,
            content_digest=content_of(product, files),
            work=key_of(work_of(product)),
        )
        self.add_files(unit, product_key, files)
        quality.write_new(unit, product_key, product)
        standin.write_pin(unit, product_key, product)

    def _ran_in(self, values: Mapping[str, str] | None) -> SoftwareEnvironment:
        """Return the environment of a run, the one of this process if none was told."""
        if values is not None:
            return SoftwareEnvironment(**values)
        if self._environment is None:
            self._environment = SoftwareEnvironment(**environment_values())
        return self._environment

    @retried
    def fail(self, product: DataProduct, lease: Lease | None, activity: Activity) -> None:
        """Record that an attempt failed, and why."""
        with self.unit() as unit:
            if lease is not None:
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
                _raw(activity.object_id),
                _raw(subject),
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
                json.dumps(activity.facts, sort_keys=True) if activity.facts else "{}",
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


def _raw(object_id: str) -> bytes:
    """Return the 16 bytes of an object_id."""
    return bytes.fromhex(object_id.replace("-", ""))

"""The recorder of a runner: each step of making, told to the front-end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awlta.lineage import DataProduct, FileRecord
from awlta.lineage.making.activity import Activity, environment_values
from awlta.lineage.quality import quality
from awlta.persistent.classes.records import ObjectRecord, describe
from awlta.storage.intent import Lease

from .counter import Ask


class RemoteRecorder:
    """Writes intents and commits through the front-end.

    Parameters
    ----------
    ask : callable
    """

    begins_first = True  # one order is one intent, so that it is never committed twice

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.failed: Activity | None = None

    def begin(self, product: DataProduct, work: str) -> Lease:
        """Have the intent written, or taken over from an attempt before."""
        return Lease(**self._ask("begin", work=work)["lease"])

    def storing(self, lease: Lease, names: Sequence[str]) -> None:
        """Say which files are about to be stored."""
        self._ask("storing", lease=vars(lease), names=list(names))

    def verified(self, lease: Lease) -> None:
        """Say that every file is stored and its digests agree."""
        self._ask("verified", lease=vars(lease))

    def archive(
        self,
        product: DataProduct,
        lease: Lease | None,
        files: Sequence[FileRecord],
        activity: Activity,
    ) -> None:
        """Have product, lineage, files and activity committed together."""
        self._ask(
            "archive",
            lease=None if lease is None else vars(lease),
            product=_result(product).to_json(),
            files=[file.to_json() for file in files],
            activity=activity.to_json(),
            environment=environment_values(),
            flags=quality.to_json(product),
        )

    def fail(self, product: DataProduct, lease: Lease | None, activity: Activity) -> None:
        """Keep the record of the failed run; it is sent with the error, in one request."""
        self.failed = activity

    def report(self, error: dict[str, Any]) -> None:
        """Tell why there is no product."""
        activity = None if self.failed is None else self.failed.to_json()
        self._ask("fail", error=error, activity=activity)


def _result(product: DataProduct) -> ObjectRecord:
    """Return the record of a product with what its recipe has worked out."""
    record = describe(product)
    attributes = type(product).__attributes__
    values = {
        name: value
        for name, value in record.attributes.items()
        if attributes[name].init or attributes[name].source == "class"
    }
    return ObjectRecord(record.object_id, record.class_name, values, record.links)

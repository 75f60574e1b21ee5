"""The verb that makes again: reproduce."""

from __future__ import annotations

from argparse import Namespace

from ..errors import BadValue
from ..lineage import DataProduct, opened
from ..lineage.overview import named
from ..lineage.reproduction.reproduction import reproduce as make_again
from .output import print_json, progress, say


def reproduce(call: Namespace) -> int:
    """Make a product again from its record, and say what differs; 1 where anything does."""
    with opened() as workspace, progress() as bar:
        product = named(workspace, call.what)
        if not isinstance(product, DataProduct):
            raise BadValue(f"{product!r} is no data product", expected="what a recipe made")
        task = bar.add_task("read the record", total=None)
        found = make_again(
            workspace,
            product,
            keep=call.keep,
            exact=call.exact,
            chain=call.chain,
            on_step=lambda text: bar.update(task, description=text),
        )
    print_json(found.to_json()) if call.json else say(str(found))
    return 0 if found.equal else 1

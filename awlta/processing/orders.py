"""The work order: ids and a code identity as JSON. Never a pickle, never code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import config
from ..config import Profile
from ..errors import AlreadyMade, BadValue, ConfigError, NotMade
from ..lineage import DataProduct
from ..lineage.calibration.calibrations import pin
from ..lineage.product import check_category
from ..persistent import Persistent, new_object_id
from ..persistent.classes.records import ObjectRecord, describe
from ..persistent.context import Context
from ..persistent.keys import check_object_id

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class WorkOrder:
    """A request to make one product.

    Attributes
    ----------
    order_id : str
        UUID; the same order sent twice is one job.
    product : ObjectRecord
        The intention: class, object_id, the attributes it was declared with, its links.
    recipe_version, recipe_digest : str
        The code that the orderer has; a DPU with other code refuses the order.
    user, project : str
    level : int
        For whom, for which project and at which level of privilege it is made.
    pinned : str or None
        The object_id of the set from which its calibrations were chosen alone.
    """

    order_id: str
    product: ObjectRecord
    recipe_version: str
    recipe_digest: str
    user: str
    project: str
    level: int
    pinned: str | None = None

    @property
    def category(self) -> str:
        """A (minutes), B (next day) or C (final): what is urgent runs first."""
        return str(self.product.attributes["category"])

    def to_json(self) -> dict[str, Any]:
        """Return the order as JSON holds it."""
        return {
            "order_id": self.order_id,
            "product": self.product.to_json(),
            "recipe": {"version": self.recipe_version, "digest": self.recipe_digest},
            "user": self.user,
            "project": self.project,
            "level": self.level,
            "pinned": self.pinned,
        }

    @classmethod
    def from_json(cls, value: Any) -> WorkOrder:
        """Read an order from outside.

        Raises
        ------
        BadValue
            It is malformed; the place is named.
        """
        try:
            recipe, pinned = value["recipe"], value.get("pinned")
            order = cls(
                order_id=check_object_id(value["order_id"]),
                product=_checked(ObjectRecord.from_json(value["product"])),
                recipe_version=_text(recipe["version"], "recipe.version"),
                recipe_digest=_text(recipe["digest"], "recipe.digest"),
                user=_text(value["user"], "user"),
                project=_text(value["project"], "project"),
                level=value["level"],
                pinned=None if pinned is None else check_object_id(pinned),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise BadValue(
                f"{str(value)[:80]!r} is no work order: {error}",
                expected="order_id, product, recipe, user, project and level",
            ) from None
        if not _DIGEST.fullmatch(order.recipe_digest):
            raise BadValue(f"recipe.digest = {order.recipe_digest!r}", expected="a sha256")
        if type(order.level) is not int:
            raise BadValue(f"level = {order.level!r}", expected="a whole number from 1 to 5")
        try:
            config.check(Profile(Path(), order.user, order.project, order.level))
        except ConfigError as error:
            raise BadValue(error.found, expected=error.expected) from None
        return order


def _text(value: Any, place: str) -> str:
    if isinstance(value, str) and len(value) <= 200 and value.isprintable():
        return value
    raise BadValue(f"{place} = {str(value)[:80]!r}", expected="a short text")


def _checked(record: ObjectRecord) -> ObjectRecord:
    """Return the record if its ids are ids and its category is one."""
    links = {}
    for role, ids in record.links.items():
        try:
            links[role] = [check_object_id(i) for i in ids]
        except BadValue as error:
            raise BadValue(f"{role[:80]!r} links {error.found}", expected=error.expected) from None
    check_category(record.attributes.get("category"))  # type: ignore[arg-type]
    object_id = check_object_id(record.object_id)
    return ObjectRecord(object_id, record.class_name, record.attributes, links)


def order_for(product: DataProduct, context: Context) -> WorkOrder:
    """Return the order for an intention whose inputs are all committed.

    Raises
    ------
    AlreadyMade, BadValue, NotMade
    """
    if not isinstance(product, DataProduct):
        raise BadValue(f"{product!r} is no data product", expected="a product that has a recipe")
    recipe = type(product).__recipe__
    if product.is_stored:
        raise AlreadyMade(f"{product!r} is made and committed", do="Use it as it is")
    if recipe is None:
        raise NotMade(
            f"{type(product).__name__} has no recipe",
            expected="a class with a make() method under @recipe",
            do="Ingest the file with 'awlta ingest'",
        )
    if recipe.identity.interactive:
        raise BadValue(
            f"The recipe of {type(product).__name__} was typed at a prompt or in a script",
            expected="a recipe in a module of a recipes package, which the DPU has as well",
            do="Call make() here, or move the class into a recipes package",
        )
    check_category(product.category)
    current = pin()
    return WorkOrder(
        order_id=new_object_id(),
        product=intention(product),
        recipe_version=recipe.identity.version,
        recipe_digest=recipe.identity.digest,
        user=context.user,
        project=context.project,
        level=context.level,
        pinned=None if current is None else current.object_id,
    )


def intention(product: DataProduct) -> ObjectRecord:
    """Return the record of what was declared: no system attribute, nothing worked out."""
    record = describe(product)
    declared = {
        name: value
        for name, value in record.attributes.items()
        if type(product).__attributes__[name].init
    }
    return ObjectRecord(record.object_id, record.class_name, declared, record.links)


def unstored_inputs(products: Sequence[DataProduct]) -> Iterator[Persistent]:
    """Yield what the products link and is not stored, such as new parameters.

    Raises
    ------
    NotMade
        An input is a product that was never made.
    """
    for product in products:
        for role, _, target in product.linked():
            if target.is_stored:
                continue
            target._admit()
            if isinstance(target, DataProduct):
                raise NotMade(
                    f"{role} of {product!r} is {target!r}, which was never made",
                    expected="inputs that are committed",
                    do="Make it first, here or on the DPU",
                )
            yield target

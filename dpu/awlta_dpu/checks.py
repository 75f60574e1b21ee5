"""What an order must be before it is queued: checked here, so that no runner starts in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select

from awlta.errors import AlreadyMade, AwltaError, BadValue, NotMade, Refused
from awlta.lineage import DataProduct, Workspace
from awlta.lineage.ancestry.closure import rows_of
from awlta.lineage.product import Recipe
from awlta.persistent import Persistent, find_class, tables
from awlta.persistent.attributes.attributes import MISSING
from awlta.persistent.classes.records import ObjectRecord, rebuild, set_links
from awlta.processing import WorkOrder


def check_orders(workspace: Workspace, orders: Sequence[WorkOrder]) -> None:
    """Raise unless every order of one context can be carried out.

    The error is that of the first order that cannot; its fact ``faults`` names all of them.

    Raises
    ------
    NotFound, BadValue
        The class is unknown, or an attribute or link does not fit it.
    NotMade
        An input is not committed, or the class has no recipe.
    AlreadyMade
        The product is committed.
    Refused
        The DPU has other code for the recipe.
    """
    stored = _stored(workspace, {order.product.object_id for order in orders})
    inputs = find_inputs(workspace, [order.product for order in orders])
    faults: list[tuple[str, AwltaError]] = []
    for order in orders:
        try:
            if order.product.object_id in stored:
                raise AlreadyMade(
                    f"{order.product.class_name} {order.product.object_id} is made and committed",
                    do="Use it as it is",
                )
            build(order.product, inputs)
            check_recipe(order)
        except AwltaError as error:
            faults.append((order.order_id, error))
    if faults:
        first = faults[0][1]
        first.facts["faults"] = [{"order_id": i, **error.to_json()} for i, error in faults]
        raise first


def find_inputs(workspace: Workspace, records: Sequence[ObjectRecord]) -> dict[str, Persistent]:
    """Return the committed objects that some records link, as far as they are in the scope."""
    wanted = {i for record in records for ids in record.links.values() for i in ids}
    found = workspace.get_many(sorted(_stored(workspace, wanted)))
    return {obj.object_id: obj for obj in found}


def _stored(workspace: Workspace, object_ids: set[str]) -> set[str]:
    """Return those of some ids that are committed and in the read scope."""
    p = tables.product
    raw = [UUID(i).bytes for i in object_ids]
    rows = select(p.c.object_id).where(workspace.context.scope(p)).subquery()
    found = rows_of(workspace, rows, rows.c.object_id, raw)
    return {str(UUID(bytes=bytes(row.object_id))) for row in found}


def build(record: ObjectRecord, inputs: Mapping[str, Persistent]) -> DataProduct:
    """Return the intention that a record describes, with every value and link checked.

    Parameters
    ----------
    record : ObjectRecord
        What was declared, and after a run what the recipe has worked out.
    inputs : mapping
        The committed objects by object_id.

    Raises
    ------
    NotFound, BadValue, NotMade
    """
    cls = _product_class(record.class_name)
    for name in record.attributes:
        attribute = cls.__attributes__.get(name)
        if attribute is not None and not attribute.init and attribute.source != "class":
            raise BadValue(
                f"{attribute.place} is set in the order",
                expected="attributes that the class declares; the system sets this one",
            )
    _check_roles(cls, record)
    try:
        product = cast(DataProduct, rebuild(record))
    except (OverflowError, MemoryError, EOFError) as error:
        raise BadValue(f"An attribute of {record.class_name} cannot be read: {error}") from error
    for name, attribute in cls.__attributes__.items():
        if attribute.init and name not in product.__dict__:
            if attribute.default is MISSING:
                raise BadValue(
                    f"{attribute.place} is missing in the order", expected=attribute.expectation()
                )
            product.__dict__[name] = attribute.default
    set_links(product, _targets(record, inputs))
    return product


def _product_class(name: str) -> type[DataProduct]:
    cls: type[Any] = find_class(name)
    if not issubclass(cls, DataProduct):
        raise BadValue(f"{name} is no data product", expected="a class with a recipe")
    recipe_of(cls)
    return cls


def recipe_of(cls: type[Any]) -> Recipe:
    """Return the recipe of a class; raise NotMade where it has none."""
    recipe: Recipe | None = getattr(cls, "__recipe__", None)
    if recipe is None:
        raise NotMade(f"{cls.__name__} has no recipe", do="Ingest the file with 'awlta ingest'")
    return recipe


def _check_roles(cls: type[DataProduct], record: ObjectRecord) -> None:
    for role, ids in record.links.items():
        step = cls.__links__.get(role)
        if step is None:
            raise BadValue(
                f"{record.class_name} has no link {role!r}",
                expected=", ".join(cls.__links__) or "none: it has no links",
            )
        if len(ids) > 1 and not step.many:
            raise BadValue(f"{step.place} links {len(ids)} objects", expected="one")


def _targets(record: ObjectRecord, inputs: Mapping[str, Persistent]) -> dict[str, list[Persistent]]:
    missing = [(r, i) for r, ids in record.links.items() for i in ids if i not in inputs]
    if missing:
        role, object_id = missing[0]
        raise NotMade(
            f"{role} of {record.class_name} links {object_id}, which is not there",
            expected="inputs that are committed, in the read scope of the order",
            do="Make it first; parameters are committed by submit()",
            missing=[i for _, i in missing],
        )
    return {role: [inputs[i] for i in ids] for role, ids in record.links.items()}


def check_recipe(order: WorkOrder) -> None:
    """Raise Refused where the recipe here is not that of the order."""
    here = recipe_of(find_class(order.product.class_name)).identity
    if (here.version, here.digest) == (order.recipe_version, order.recipe_digest):
        return
    raise Refused(
        f"The recipe of {order.product.class_name} here is version {here.version}, digest "
        f"{here.digest[:12]}",
        expected=f"that of the order: version {order.recipe_version}, digest "
        f"{order.recipe_digest[:12]}",
        do="Restart the DPU, or this session, so that both run the same release; order it again",
        status=409,
    )

"""Floor 1: objects and tables. Attributes, links, dotted queries, session, migrations."""

from .attributes.attributes import (
    Attribute,
    Link,
    LinkList,
    Links,
    OptionalLink,
)
from .attributes.logic import Condition
from .classes.declarations import link, persistent, reference
from .classes.model import Persistent, find_class, registry
from .keys import new_object_id
from .queries.query import Query, current_store, store

__all__ = [
    "Attribute",
    "Condition",
    "Link",
    "LinkList",
    "Links",
    "OptionalLink",
    "Persistent",
    "Query",
    "current_store",
    "find_class",
    "link",
    "new_object_id",
    "persistent",
    "reference",
    "registry",
    "store",
]

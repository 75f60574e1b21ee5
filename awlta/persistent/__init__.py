"""Floor 1: objects and tables. Attributes, links, dotted queries, session, migrations."""

from .attributes import (
    Attribute,
    Link,
    LinkList,
    Links,
    OptionalLink,
)
from .declarations import link, persistent, reference
from .keys import new_object_id
from .logic import Condition
from .model import Persistent, find_class, registry
from .query import Query, current_store, store

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

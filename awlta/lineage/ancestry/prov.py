"""Lineage as W3C PROV-JSON (W3C member submission of 24 April 2013)."""

from __future__ import annotations

from typing import Any

from ..product import DataProduct
from .graph import Graph, hidden_words, title

_PREFIX = {"awlta": "urn:awlta:", "id": "urn:uuid:", "run": "urn:awlta:activity:"}


def prov_json(graph: Graph) -> dict[str, Any]:
    """Return entities, activities, agents and relations of a lineage."""
    document: dict[str, Any] = {
        "prefix": _PREFIX,
        "entity": {},
        "activity": {},
        "agent": {},
        "used": {},
        "wasGeneratedBy": {},
        "wasAssociatedWith": {},
        "wasDerivedFrom": {},
    }
    for object_id, obj in graph.objects.items():
        entity: dict[str, Any] = {
            "prov:type": _qualified(f"awlta:{type(obj).__name__}"),
            "prov:label": title(obj),
        }
        if isinstance(obj, DataProduct) and obj.files:
            entity["awlta:file"] = [f.name for f in obj.files]
            entity["awlta:sha256"] = [f.sha256 for f in obj.files]
        document["entity"][f"id:{object_id}"] = entity
    for object_id, activity in graph.activities.items():
        _add_activity(document, object_id, activity)
    for number, edge in enumerate(graph.edges):
        document["wasDerivedFrom"][f"_:d{number}"] = {
            "prov:generatedEntity": f"id:{edge.product}",
            "prov:usedEntity": f"id:{edge.target}",
        }
        if edge.product in graph.activities:
            activity = graph.activities[edge.product]
            document["used"][f"_:u{number}"] = {
                "prov:activity": f"run:{activity['activity']}",
                "prov:entity": f"id:{edge.target}",
                "prov:role": edge.role,
            }
    for number, (product, n_hidden) in enumerate(graph.hidden.items()):
        document["entity"][f"_:h{number}"] = {"prov:label": hidden_words(n_hidden)}
        document["wasDerivedFrom"][f"_:dh{number}"] = {
            "prov:generatedEntity": f"id:{product}",
            "prov:usedEntity": f"_:h{number}",
        }
    return {name: part for name, part in document.items() if part}


def _add_activity(document: dict[str, Any], object_id: str, activity: dict[str, Any]) -> None:
    run = f"run:{activity['activity']}"
    document["activity"][run] = {
        "prov:type": activity["kind"],
        "prov:startTime": activity["started"],
        "prov:endTime": activity["ended"],
        "prov:label": activity["recipe"],
        "awlta:recipe_version": activity["recipe_version"],
        "awlta:recipe_digest": activity["recipe_digest"],
        "awlta:host": activity["host"],
        "awlta:instruction_set": activity["instruction_set"],
    }
    document["wasGeneratedBy"][f"_:g-{activity['activity']}"] = {
        "prov:entity": f"id:{object_id}",
        "prov:activity": run,
        "prov:time": activity["ended"],
    }
    agent = f"awlta:user-{_local(activity['operator'])}"
    document["agent"][agent] = {
        "prov:type": _qualified("prov:Person"),
        "prov:label": activity["operator"],
    }
    document["wasAssociatedWith"][f"_:a-{activity['activity']}"] = {
        "prov:activity": run,
        "prov:agent": agent,
    }
    for role in ("release", "environment"):
        if activity[role] is not None:
            document["used"][f"_:{role}-{activity['activity']}"] = {
                "prov:activity": run,
                "prov:entity": f"id:{activity[role]}",
                "prov:role": role,
            }


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}


def _local(name: str) -> str:
    """Return a name with only the letters that a local part of PROV may have."""
    return "".join(c if c.isalnum() else f"-{ord(c):x}-" for c in name)

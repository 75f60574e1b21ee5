"""The verb that shows calibrations: which is chosen when, why, and what is wrong with them."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

from ..errors import BadValue
from ..lineage import (
    Calibration,
    Candidate,
    Conflicts,
    find_conflicts,
    freeze,
    opened,
    read_timeline,
    why_chosen,
)
from ..lineage.calibration.standin import rules_of
from ..lineage.calibration.timechart import svg, text
from ..lineage.overview import find
from ..persistent import find_class
from .ask import write_file
from .output import console, print_json, say, table

MOST = 20
"""So many candidates are printed; the others are counted."""


def calibrations(call: Namespace) -> int:
    """Show which calibrations of a class are chosen when, or why one is, or what is wrong."""
    with opened() as workspace:
        cls: Any = find_class(call.cls)
        if call.why is not None:
            return _why(call, cls, find(workspace, call.why.lower()))
        start, end = _time(call.start), _time(call.end)
        if call.conflicts:
            return _conflicts(
                call,
                find_conflicts(
                    cls, place=call.telescope, start=start, end=end, category=call.category
                ),
            )
        if call.keep is not None:
            return _keep(call, cls)
        shown = read_timeline(
            cls,
            place=call.telescope,
            start=start,
            end=end,
            at=_time(call.at),
            category=call.category,
        )
    if call.svg is not None:
        write_file(call.svg, svg(shown))
    if call.json:
        print_json(shown.to_json())
    else:
        say(text(shown, console.width if console.is_terminal else 120))
    return 0


def _time(given: str | None) -> datetime | None:
    """Return a time as typed; a date is its midnight, and a time without zone is UTC."""
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise BadValue(
            f"{given!r} is no time", expected="2026-03-01 or 2026-03-01T22:30, in UTC"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _keep(call: Namespace, cls: type[Calibration]) -> int:
    kept = freeze(call.keep, cls)
    if call.json:
        print_json({"set": kept.name, "object_id": kept.object_id, "members": len(kept.members)})
    else:
        say(f"{kept.name}: {len(kept.members)} calibrations, {kept.object_id}")
        say(f"'awlta make CLASS --pinned {kept.name}' chooses from them alone.")
    return 0


def _why(call: Namespace, cls: type[Calibration], product: Any) -> int:
    roles = [s.name for s in rules_of(type(product)) if issubclass(cls, s.target)]
    if not roles:
        raise BadValue(
            f"{product!r} has no {cls.__name__} that is chosen by validity",
            expected="a product with such a link",
        )
    told = {role: why_chosen(product, role) for role in roles}
    if call.json:
        print_json({role: [c.to_json() for c in found] for role, found in told.items()})
        return 0
    for role, found in told.items():
        title = f"{role} of {product!r}: {len(found)} candidates"
        table(title, ("", "calibration", "why"), [_row(c) for c in found[:MOST]], n_prose=1)
        if len(found) > MOST:
            say(f"and {len(found) - MOST} more, which came less near")
    return 0


def _row(candidate: Candidate) -> tuple[str, str, str]:
    chosen = "chosen" if candidate.is_chosen else ""
    used = "in use" if candidate.is_used else ""
    signs = ", ".join(sign for sign in (chosen, used) if sign)
    return signs, candidate.calibration.object_id, "; ".join(candidate.reasons)


def _conflicts(call: Namespace, found: Conflicts) -> int:
    told = found.to_json()
    if call.json:
        print_json(told)
        return 0
    if not found:
        say(f"The calibrations of {found.class_name} are without ties, gaps and bad ones in use.")
        return 0
    for name, title in (
        ("ties", "Made at one instant, so that only the object_id decides"),
        ("gaps", "Times without a calibration"),
        ("eclipsed", "Chosen at no time"),
        ("uses", "Made with a calibration that may not be chosen any more"),
    ):
        if rows := told[name]:
            table(f"\n{title}: {len(rows)}", list(rows[0]), [list(row.values()) for row in rows])
    return 0

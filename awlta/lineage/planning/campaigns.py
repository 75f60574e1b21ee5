"""A reprocessing campaign: a frozen selection made again, compared, and promoted as a whole.

A campaign is a persistent object. Its items say of each product of the selection what became of
it, so that it can be stopped anywhere, by a pause or a kill, and goes on where it was. What it
makes is proposed (verdict 2) until it is promoted, so that no rule chooses from it before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import select

from ...errors import BadValue, NotFound, Refused
from ...persistent import Attribute, Persistent, persistent, tables
from ...persistent.engine.retry import retried
from ...persistent.session import CHUNK, Session
from ..past import reading_as_of
from ..workplace import current_database
from . import campaign_items as items
from .campaign_items import Fate, Item, Upstream
from .comparing import Comparison, compare
from .costs import Cost
from .plan import Plan, Target
from .running import Maker, make_here
from .states import State

KIND = "campaign"
"""Kind of the standing rows that tell a campaign's stage."""


class Stage(Enum):
    """Where a campaign stands; the value is what its standing row holds."""

    OPEN = 0
    PAUSED = 1
    PROMOTED = 2
    ABANDONED = 3


LEGAL: dict[Stage, frozenset[Stage]] = {
    Stage.OPEN: frozenset({Stage.PAUSED, Stage.PROMOTED, Stage.ABANDONED}),
    Stage.PAUSED: frozenset({Stage.OPEN, Stage.PROMOTED, Stage.ABANDONED}),
    Stage.PROMOTED: frozenset(),
    Stage.ABANDONED: frozenset(),
}
"""Every legal move of a campaign."""


@dataclass(frozen=True)
class Progress:
    """How far a campaign is.

    Attributes
    ----------
    stage : Stage
    counts : dict
        Fate to the number of products of the selection.
    upstream : int
        Products that were made because those of the selection need them.
    cost : Cost
        Of what is still waiting, from past activities.
    """

    stage: Stage
    counts: dict[Fate, int]
    upstream: int
    cost: Cost

    @property
    def is_over(self) -> bool:
        """Whether nothing is waiting."""
        return not self.counts.get(Fate.WAITING)

    def to_json(self) -> dict[str, Any]:
        """Return the progress as JSON holds it."""
        return {
            "stage": self.stage.name.lower(),
            "counts": {fate.value: self.counts.get(fate, 0) for fate in Fate},
            "upstream": self.upstream,
            "cost": self.cost.to_json(),
        }

    def __str__(self) -> str:
        total = sum(self.counts.values())
        parts = [f"{self.counts[f]} {f.value}" for f in Fate if self.counts.get(f)]
        line = f"{self.stage.name.lower()}: {', '.join(parts) or 'nothing'} of {total}"
        if self.upstream:
            line += f", {self.upstream} upstream of them made too"
        return line if self.is_over else f"{line}; to come: {self.cost}"


class Campaign(Persistent):
    """A selection of products that is made again under one name."""

    name: Attribute[str] = persistent("name of the campaign", index=True)
    release: Attribute[str] = persistent("release that its products make up, such as DR2")
    reason: Attribute[str] = persistent("why it is done")
    as_of: Attribute[datetime | None] = persistent(
        "calibrations and inputs are chosen as on this date", default=None
    )
    n_products: Attribute[int] = persistent("products of the selection", low=1)

    @classmethod
    def begin(
        cls,
        name: str,
        selection: Any,
        *,
        reason: str,
        release: str = "",
        as_of: datetime | None = None,
    ) -> Campaign:
        """Freeze a selection and commit the campaign; nothing is made yet.

        Parameters
        ----------
        name : str
            New in this database.
        selection : Query or iterable of DataProduct
            Committed products; what fits the query later is not part of it.
        reason : str
        release : str, optional
            By default the name.
        as_of : datetime, optional

        Raises
        ------
        BadValue, Refused
        """
        session = current_database()
        products = list(selection)
        if not products or not all(getattr(p, "is_stored", False) for p in products):
            raise BadValue(
                f"The selection of the campaign {name!r} holds {len(products)} products",
                expected="one committed product at least, and none that was never made",
            )
        if not reason.strip():
            raise BadValue("A campaign has no reason", do="Say in a few words what it is for")
        if _find(name) is not None:
            raise Refused(f"There is a campaign {name!r} already", do="Give it another name")
        campaign = cls(
            name=name,
            release=release or name,
            reason=reason,
            as_of=as_of,
            n_products=len(products),
        )
        campaign._store_items(session, list(dict.fromkeys(p.__dict__["_key"] for p in products)))
        return campaign

    @retried
    def _store_items(self, session: Session, keys: Sequence[int]) -> None:
        """Commit the campaign with the products that it is about."""
        with session.unit(durable=True) as unit:
            key = unit.add(self)
            for position, old in enumerate(keys):
                row = (key, position, old, None, "waiting", "", unit.now)
                unit.row(tables.campaign_item, row)
            _note(unit, key, Stage.OPEN, self.reason)

    @classmethod
    def find(cls, name: str) -> Campaign:
        """Return the campaign of a name; raise NotFound with those there are."""
        found = _find(name)
        if found is None:
            there = sorted(value for (value,) in cls.select_all().values("name"))
            raise NotFound(f"There is no campaign {name!r}", expected=", ".join(there) or "none")
        return found

    @property
    def stage(self) -> Stage:
        """Where the campaign stands now."""
        s = tables.standing
        statement = (
            select(s.c.value)
            .where(s.c.product == self.__dict__["_key"], s.c.kind == KIND)
            .order_by(s.c.id.desc())
            .limit(1)
        )
        with current_database().database.read() as connection:
            return Stage(connection.execute(statement).scalar_one())

    def pause(self, reason: str = "") -> None:
        """Have every process that runs the campaign stop after what it is making."""
        self._move(Stage.PAUSED, reason)

    def resume(self, reason: str = "") -> None:
        """Let the campaign be run again."""
        self._move(Stage.OPEN, reason)

    def abandon(self, reason: str) -> None:
        """End the campaign; what it made is judged bad, with the reason, in one transaction."""
        self._end(Stage.ABANDONED, 0, reason)

    def promote(self, reason: str) -> int:
        """Make everything that the campaign made valid, in one transaction; return how many.

        Raises
        ------
        Refused
            Products are waiting or failed: what is promoted is the whole, or nothing.
        """
        progress = self.progress()
        failed = progress.counts.get(Fate.FAILED, 0)
        if not progress.is_over or failed:
            waiting = progress.counts.get(Fate.WAITING, 0)
            raise Refused(
                f"The campaign {self.name!r} has {waiting} products waiting and {failed} failed",
                expected="a campaign of which everything is made",
                do="Run it to its end ('awlta campaign run'), or begin another without these",
            )
        return self._end(Stage.PROMOTED, 1, reason)

    def run(
        self,
        make: Maker = make_here,
        *,
        batch: int = 200,
        on_batch: Callable[[Progress], None] | None = None,
    ) -> Progress:
        """Make what is waiting, batch by batch, until it is over or paused.

        Parameters
        ----------
        make : Maker
            ``Dpu.make`` has the products of a level made side by side.
        batch : int
            Products of the selection that are planned together.
        on_batch : callable, optional
            Told the progress after each.
        """
        session = current_database()
        while self.stage is Stage.OPEN:
            waiting = items.first(session, self.__dict__["_key"], Fate.WAITING, batch)
            if not waiting:
                break
            self._carry_out(session, waiting, make)
            if on_batch is not None:
                on_batch(self.progress())
        return self.progress()

    def retry(self) -> int:
        """Let what failed wait again; return how many products that are."""
        return items.wait_again(current_database(), self.__dict__["_key"])

    def progress(self) -> Progress:
        """Return how far it is, and what is still to come."""
        session = current_database()
        counts, upstream = items.counts(session, self.__dict__["_key"], self.n_products)
        return Progress(self.stage, counts, upstream, self._cost(session))

    def compare(self) -> Comparison:
        """Compare what was made with what it replaces: content, and attribute by attribute."""
        session = current_database()
        pairs = items.pairs(session, self.__dict__["_key"])
        objects = session.load([(k, n) for pair in pairs for k, n in pair])
        by_key = {o.__dict__["_key"]: o for o in objects}
        return compare([(by_key[a], by_key[b]) for (a, _), (b, _) in pairs])

    def products(self) -> list[Any]:
        """Return the products that the campaign stands for: new ones, and old that are current."""
        session = current_database()
        stands = items.products(session, self.__dict__["_key"], self.n_products)
        return list(session.load(stands))

    @retried
    def _move(self, stage: Stage, reason: str) -> None:
        """Write that the campaign stands elsewhere, if it may."""
        session = current_database()
        with session.unit(durable=True) as unit:
            self._note(unit, stage, reason)

    def _note(self, unit: Any, stage: Stage, reason: str) -> None:
        session = current_database()
        session.database.serialise(unit.connection, f"campaign {self.object_id}")
        now = self.stage
        if stage not in LEGAL[now]:
            raise Refused(
                f"The campaign {self.name!r} is {now.name.lower()} and cannot be "
                f"{stage.name.lower()}",
                expected=", ".join(s.name.lower() for s in LEGAL[now]) or "nothing: it has ended",
            )
        _note(unit, self.__dict__["_key"], stage, reason)

    @retried
    def _end(self, stage: Stage, value: int, reason: str) -> int:
        """End the campaign and give everything that it made one verdict."""
        if not reason.strip():
            raise BadValue(f"The campaign {self.name!r} is to end without a reason", do="Give one")
        session = current_database()
        keys = items.made(session, self.__dict__["_key"])
        with session.unit(durable=True) as unit:
            self._note(unit, stage, reason)
            why = f"campaign {self.name} {stage.name.lower()}: {reason}"
            items.judge(unit, session, keys, value, why)
        return len(keys)

    def _carry_out(
        self, session: Session, waiting: Sequence[tuple[int, int, str]], make: Maker
    ) -> None:
        """Plan a batch, make it, and write what became of each product and what it needed."""
        past = nullcontext() if self.as_of is None else reading_as_of(session, self.as_of)
        with past:
            olds = session.load([(key, name) for _, key, name in waiting])
            plan = Plan.of(olds)
            planned = [plan.target_of(old) for old in olds]
            own = {id(t) for t in planned}
            others = [t for t in plan.targets if id(t) not in own]
            outcome = plan.run(make)
        made = {p.object_id: p for p in (*outcome.made, *outcome.existing)}
        errors = {p.object_id: str(e) for p, e in (*outcome.failed, *outcome.blocked)}
        fates = [
            _fate(position, old, target, made, errors)
            for (position, _, _), old, target in zip(waiting, olds, planned, strict=True)
        ]
        upstream = [
            Upstream(t.replaces, made[t.product.object_id].__dict__["_key"])
            for t in others
            if t.state is not State.EXISTS and t.product.object_id in made
        ]
        why = f"proposed by the campaign {self.name}"
        items.write(session, self.__dict__["_key"], fates, upstream, why)

    def _cost(self, session: Session) -> Cost:
        """Return what is to come, as far as it is known now."""
        waiting = items.first(session, self.__dict__["_key"], Fate.WAITING, CHUNK)
        if not waiting:
            return Cost()
        past = nullcontext() if self.as_of is None else reading_as_of(session, self.as_of)
        with past:
            return Plan.of(session.load([(key, name) for _, key, name in waiting])).cost()


def _find(name: str) -> Campaign | None:
    found: Campaign | None = Campaign.select(Campaign.name == name).first()
    return found


def _note(unit: Any, key: int, stage: Stage, reason: str) -> None:
    """Write the stage of a campaign."""
    author = unit.context.user
    row = (key, KIND, stage.value, "", reason, author, unit.now)
    unit.row(tables.standing, (unit.key(), *row))


def _fate(
    position: int, old: Any, target: Target, made: dict[str, Any], errors: dict[str, str]
) -> Item:
    """Return what became of one product of the selection."""
    if target.product is old:
        return Item(position, Fate.CURRENT)
    new = target.product if target.state is State.EXISTS else made.get(target.product.object_id)
    if new is not None:
        return Item(position, Fate.MADE, new.__dict__["_key"])
    reason = errors.get(target.product.object_id) or str(target.error or "it was not made")
    return Item(position, Fate.FAILED, None, reason)

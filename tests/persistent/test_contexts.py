"""No sequence of calls, direct SQL included, reads a row outside the scope.

Three people work on one database in any order: they switch, make, link, judge, publish. A model
in plain Python says what each may read; every way of reading is compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from factories import Merged, Node
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from observatory import PEOPLE, NewObservatory, Observatory

from awlta.errors import NotFound, Refused
from awlta.lineage import Workspace
from awlta.lineage.ancestry.publishing import publish
from awlta.persistent.context import CONTEXT_COLUMNS

USERS = sorted(PEOPLE.users)
PROJECTS = sorted(PEOPLE.projects)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
MICROSECONDS = int(FAR.timestamp()) * 1_000_000


@dataclass
class Made:
    """What the model knows of an object."""

    object_id: str
    kind: type
    number: int
    user: str
    project: str
    level: int
    is_held: bool = False
    is_bad: bool = False
    roles: dict[str, list[Made]] = field(default_factory=dict)

    @property
    def inputs(self) -> list[Made]:
        return [target for targets in self.roles.values() for target in targets]

    def is_seen_by(self, user: str, *projects: str) -> bool:
        """The rule, said once more."""
        is_public = self.level >= 3 and not self.is_held
        is_ours = self.level >= 2 and self.project in projects
        return self.user == user or is_ours or is_public


def may_raise(user: str, made: Made, level: int) -> bool:
    """Whether a user may raise an object of somebody to a level."""
    project = PEOPLE.projects[made.project]
    is_own = made.user == user and (level <= 2 or not project.managers)
    return level <= project.max_level and (user in project.managers or is_own)


def projects_of(user: str) -> list[str]:
    return [n for n, p in PEOPLE.projects.items() if p.is_open or user in p.members]


class Contexts(RuleBasedStateMachine):
    """People who work, and what each of them may see."""

    new_observatory: Callable[[], Observatory]

    def __init__(self) -> None:
        super().__init__()
        self.observatory = type(self).new_observatory()
        self.made: list[Made] = []
        self.workspaces: dict[str, Workspace] = {}

    @initialize()
    def everybody_comes_in(self) -> None:
        for user in USERS:
            self.workspaces[user] = self.observatory.open(user, projects_of(user)[0])
        # to begin with: what is seen was made from what is hidden, that from what is held back
        for level, inputs in ((2, []), (1, [0]), (2, [1])):
            self.switch("ada", "CRAB", level)
            self.make("ada", inputs)
        self.commit("ada", 1, [], [])
        for pick in (0, 3):
            self.publish("ada", pick, 3, is_held=True)

    def teardown(self) -> None:
        self.observatory.close()

    def visible(self, user: str) -> list[Made]:
        project = self.workspaces[user].context.project
        return [made for made in self.made if made.is_seen_by(user, project)]

    def some(self, user: str, picks: list[int]) -> list[Made]:
        """Return some of what a user sees, each once."""
        seen = self.visible(user)
        picked = [seen[pick % len(seen)] for pick in picks] if seen else []
        return list({made.object_id: made for made in picked}.values())

    def keep(self, user: str, obj: Any, number: int, roles: dict[str, list[Made]]) -> None:
        context = self.workspaces[user].context
        made = Made(obj.object_id, type(obj), number, user, context.project, context.level)
        made.roles = {role: targets for role, targets in roles.items() if targets}
        self.made.append(made)

    # what people do ------------------------------------------------------------------------

    @rule(user=st.sampled_from(USERS), project=st.sampled_from(PROJECTS), level=st.integers(0, 6))
    def switch(self, user: str, project: str, level: int) -> None:
        place = PEOPLE.projects[project]
        highest = place.max_level if user in place.managers or not place.managers else 2
        may = project in projects_of(user) and 1 <= level <= min(highest, place.max_level)
        try:
            self.workspaces[user].switch(project=project, level=level)
        except Refused:
            assert not may
        else:
            assert may

    @rule(
        user=st.sampled_from(USERS),
        number=st.integers(0, 2),
        before=st.lists(st.integers(0, 99), max_size=1),
        others=st.lists(st.integers(0, 99), max_size=2),
    )
    def commit(self, user: str, number: int, before: list[int], others: list[int]) -> None:
        roles = {
            "before": [m for m in self.some(user, before) if m.kind is Node],
            "others": [m for m in self.some(user, others) if m.kind is Node],
        }
        workspace = self.workspaces[user]
        with workspace.use():
            found = {r: [workspace.get(m.object_id) for m in ms] for r, ms in roles.items()}
            node = Node(number=number, before=next(iter(found["before"]), None))
            node.others.extend(found["others"])
            workspace.commit(node)
        self.keep(user, node, number, roles)

    @rule(user=st.sampled_from(USERS), inputs=st.lists(st.integers(0, 99), max_size=3))
    def make(self, user: str, inputs: list[int]) -> None:
        roles = {"inputs": [m for m in self.some(user, inputs) if m.kind is Merged]}
        workspace = self.workspaces[user]
        with workspace.use():
            product = Merged(
                inputs=[workspace.get(m.object_id) for m in roles["inputs"]],
                number=len(self.made),
            )
            product.make()
        self.keep(user, product, len(self.made), roles)

    @precondition(lambda self: self.made)
    @rule(
        user=st.sampled_from(USERS),
        pick=st.integers(0, 99),
        level=st.integers(2, 5),
        is_held=st.booleans(),
    )
    def publish(self, user: str, pick: int, level: int, is_held: bool) -> None:
        seen = self.visible(user)
        if not seen:
            return
        made, is_held = seen[pick % len(seen)], is_held and level >= 3
        whole, hidden = self.reached(user, made)
        rising = [m for m in whole if self.widened(m, level, is_held) != (m.level, m.is_held)]
        may = not hidden and all(
            may_raise(user, m, self.widened(m, level, is_held)[0]) for m in rising
        )
        may = may and not (level >= 3 and any(m.is_bad for m in whole))
        may = may and not any(self.conflict(m, level, is_held) for m in whole)
        workspace = self.workspaces[user]
        with workspace.use():
            try:
                publish(workspace, workspace.get(made.object_id), level, FAR if is_held else None)
            except Refused:
                assert not may
                return
        assert may
        for m in rising:
            m.level, m.is_held = self.widened(m, level, is_held)

    def reached(self, user: str, made: Made) -> tuple[list[Made], set[str]]:
        """Return an object with the ancestors that a user can reach, and those that are hidden."""
        project = self.workspaces[user].context.project
        found, hidden, pending = {made.object_id: made}, set(), [made]
        while pending:
            for target in pending.pop().inputs:
                if not target.is_seen_by(user, project):
                    hidden.add(target.object_id)
                elif target.object_id not in found:
                    found[target.object_id] = target
                    pending.append(target)
        return list(found.values()), hidden

    @staticmethod
    def widened(made: Made, level: int, is_held: bool) -> tuple[int, bool]:
        if level < 3 or made.level < 3:
            return (made.level, made.is_held) if made.level >= level else (level, is_held)
        return max(level, made.level), made.is_held and is_held

    @staticmethod
    def conflict(made: Made, level: int, is_held: bool) -> bool:
        if min(level, made.level) < 3:
            return False
        would_close = is_held and not made.is_held and made.level < level
        would_open = made.is_held and not is_held and made.level > level
        return would_close or would_open

    @precondition(lambda self: any(m.kind is Merged for m in self.made))
    @rule(user=st.sampled_from(USERS), pick=st.integers(0, 99), value=st.sampled_from([0, 1]))
    def judge(self, user: str, pick: int, value: int) -> None:
        seen = [m for m in self.visible(user) if m.kind is Merged]
        if not seen:
            return
        made, workspace = seen[pick % len(seen)], self.workspaces[user]
        with workspace.use():
            try:
                workspace.judge(workspace.get(made.object_id), value)
            except Refused:
                assert made.user != user or made.level >= 3
                return
        made.is_bad = value == 0

    @precondition(lambda self: any(m.is_held for m in self.made))
    @rule()
    def the_embargo_ends(self) -> None:
        """Time goes on: what had an end in the future has one in the past."""
        names = ("product", "node", "merged", "dep", "file", "activity", "software_release")
        for name in (*names, "software_environment"):
            self.observatory.run(f"UPDATE {name} SET embargo = 1 WHERE embargo = {MICROSECONDS}")
        for made in self.made:
            made.is_held = False

    # what people see -----------------------------------------------------------------------

    @rule(user=st.sampled_from(USERS), number=st.integers(0, 2))
    def queries(self, user: str, number: int) -> None:
        seen = [m for m in self.visible(user) if m.kind is Node]
        ids = {m.object_id for m in seen}

        def found(role: str) -> set[str]:
            """Those with an input in a role that is seen too, and has the number."""
            return {
                m.object_id
                for m in seen
                if any(t.number == number and t.object_id in ids for t in m.roles.get(role, ()))
            }

        products = {m.object_id for m in self.visible(user) if m.kind is Merged}
        with self.workspaces[user].use():
            assert {n.object_id for n in Node.select_all()} == ids
            assert len(Node.select_all()) == len(ids)
            assert {o for (o,) in Merged.select_all().values("object_id")} == products
            same = [m for m in seen if m.number == number]
            assert len(Node.number == number) == len(same)
            assert {i for (i,) in Node.select_all().values("object_id")} == ids
            assert sorted(Node.select_all().values("number")) == sorted((m.number,) for m in seen)
            assert {n.object_id for n in (Node.before.number == number)} == found("before")
            assert {n.object_id for n in (Node.others.number == number)} == found("others")
            table = Node.select_all().to_table(["object_id", "number"])
            assert set(table["object_id"]) == ids

    @rule(user=st.sampled_from(USERS))
    def ids_and_links(self, user: str) -> None:
        workspace, seen = self.workspaces[user], {m.object_id for m in self.visible(user)}
        with workspace.use():
            for made in self.made:
                if made.object_id not in seen:
                    with pytest.raises(NotFound):
                        workspace.get(made.object_id)
                    continue
                obj = workspace.get(made.object_id)
                assert (obj.number, obj._creator, obj._privileges) == (
                    made.number,
                    made.user,
                    made.level,
                )
                obj.__dict__.pop("before", None)  # what was read in another context is kept
                for role, targets in made.roles.items():
                    obj.__dict__.pop(role, None)
                    if not all(t.object_id in seen for t in targets):
                        with pytest.raises(Refused):
                            getattr(obj, role)
                    else:
                        linked = getattr(obj, role)
                        linked = [linked] if role == "before" else list(linked)
                        assert [o.object_id for o in linked] == [t.object_id for t in targets]

    @precondition(lambda self: any(m.kind is Merged for m in self.made))
    @rule(user=st.sampled_from(USERS), pick=st.integers(0, 99))
    def lineage(self, user: str, pick: int) -> None:
        seen = [m for m in self.visible(user) if m.kind is Merged]
        if not seen:
            return
        made, workspace = seen[pick % len(seen)], self.workspaces[user]
        whole, hidden = self.reached(user, made)
        with workspace.use():
            product = workspace.get(made.object_id)
            above = {o.object_id for o in product.ancestors()}
            graph = product.lineage()
            below = {o.object_id for o in product.descendants()}
            told = graph.tree() + graph.to_svg() + graph.to_prov() + json.dumps(graph.to_json())
        assert above == {m.object_id for m in whole} - {made.object_id}
        assert graph.n_hidden == len(hidden)
        assert not any(m.object_id[-12:] in told for m in self.made if m.object_id in hidden)
        assert {o for o in graph.objects if o in {m.object_id for m in self.made}} == {
            m.object_id for m in whole
        }
        expected = {
            m.object_id
            for m in self.visible(user)
            if m is not made and made in self.reached(user, m)[0]
        }
        assert below == expected

    @rule(user=st.sampled_from(USERS))
    def direct_sql(self, user: str) -> None:
        """Every table, by a connection of the user's own, against all that there is."""
        if not self.observatory.is_served:
            return
        names = dict(self.observatory.run("SELECT id, name FROM account"))
        projects = dict(self.observatory.run("SELECT id, name FROM project"))
        products: set[int] = set()
        tables = self.observatory.run(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND column_name = 'embargo' ORDER BY table_name <> 'product', table_name"
        )
        with psycopg.connect(self.observatory.url_of(user), autocommit=True) as connection:
            for (table,) in tables:
                columns = f"{', '.join(CONTEXT_COLUMNS)}, {table}::text"
                asked = f"SELECT {columns}{', product' * (table == 'standing')} FROM {table}"
                rows = self.observatory.run(asked)
                if table == "standing":
                    expected = {r[5] for r in rows if r[6] in products}
                else:
                    expected = {r[5] for r in rows if self.may_read(user, names, projects, r)}
                assert {r[5] for r in connection.execute(asked)} == expected, table
                if table == "product":
                    ids = connection.execute("SELECT id FROM product").fetchall()
                    products = {key for (key,) in ids}
            shared = self.observatory.run("SELECT product, shared::text FROM shared")
            found = {row for (row,) in connection.execute("SELECT shared::text FROM shared")}
            assert found == {row for product, row in shared if product in products}

    @staticmethod
    def may_read(user: str, names: dict, projects: dict, row: tuple) -> bool:
        _, owner, project, level, embargo, *_ = row
        is_held = embargo == MICROSECONDS
        made = Made("", Node, 0, names[owner], projects[project], level, is_held)
        return made.is_seen_by(user, *projects_of(user))

    @invariant()
    def nothing_is_lost(self) -> None:
        """Whoever owns an object sees it."""
        for user, workspace in self.workspaces.items():
            own = sum(made.user == user for made in self.made if made.kind is Node)
            with workspace.use():
                assert len(Node.select_all()) >= own


def test_no_sequence_of_calls_reads_a_row_outside_the_scope(
    new_observatory: NewObservatory, database_kind: str
) -> None:
    class Machine(Contexts):
        pass

    Machine.new_observatory = staticmethod(new_observatory)
    # what a connection of one's own sees is asked of PostgreSQL alone, and takes its time
    n_examples = 3 if database_kind == "postgresql" else 6
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=n_examples,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],  # to make an example smaller takes minutes
        ),
    )

"""Verdicts: who said what of a product, when and why, and what was made from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from factories import Exposure, ExposureFactory, Merged, Summed, Thresholds
from sqlalchemy import select

from awlta.errors import BadValue, NotMade, Refused
from awlta.lineage import Verdict, Workspace, because, judge
from awlta.lineage.quality.verdicts import asker, question
from awlta.persistent import tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every test runs on both databases."""
    return str(request.param)


def exposure(**values: int) -> Exposure:
    made = Exposure(**values)
    made.make()
    return made


def merged(*inputs: object, number: int = 0) -> Merged:
    made = Merged(inputs=list(inputs), number=number)
    made.make()
    return made


def enter(workspace: Workspace, name: str, *, is_open: bool = False, **members: bool) -> None:
    """Give a project members, each a manager or not, and say whether it is open to all."""
    with workspace.database.write() as connection:
        project = connection.execute(
            select(tables.project.c.id).where(tables.project.c.name == name)
        ).scalar_one()
        connection.execute(
            tables.project.update().where(tables.project.c.id == project).values(is_open=is_open)
        )
        for member, manages in members.items():
            account = connection.execute(
                select(tables.account.c.id).where(tables.account.c.name == member)
            ).scalar_one()
            values = {"home": 0, "project": project, "account": account, "is_manager": manages}
            connection.execute(tables.member.insert().values(**values))


def test_nothing_was_said_of_a_new_product_which_is_good(workspace: Workspace) -> None:
    made = exposure()
    assert made.verdicts() == []
    assert made.is_valid == 1


def test_a_verdict_has_author_time_and_reason(workspace: Workspace) -> None:
    made = exposure()
    verdict = made.judge(0, " moon in the field ")
    assert (verdict.value, verdict.author, verdict.reason) == (0, "ada", "moon in the field")
    assert str(verdict).startswith("0 (bad) by ada at 20")
    assert str(verdict).endswith(": moon in the field")
    assert made.is_valid == 0


def test_the_history_keeps_every_verdict(workspace: Workspace) -> None:
    made = exposure()
    for value, reason in ((0, "moon in the field"), (1, "it was another run"), (2, "")):
        made.judge(value, reason)
    assert [v.value for v in made.verdicts()] == [0, 1, 2]
    assert made.verdicts()[0].reason == "moon in the field"
    assert str(made.verdicts()[-1]).endswith("no reason given")
    written = [v.written for v in made.verdicts()]
    assert written == sorted(written)


def test_is_valid_can_be_assigned(workspace: Workspace) -> None:
    made = exposure()
    made.is_valid = 0
    assert (made.is_valid, made.verdicts()[-1].reason) == (0, "")
    with because("it was another run"):
        made.is_valid = 1
    assert made.verdicts()[-1].reason == "it was another run"
    made.is_valid = 2
    assert made.verdicts()[-1].reason == ""


@pytest.mark.parametrize("value", [3, -1, None, "bad", True])
def test_a_verdict_is_one_of_three_numbers(workspace: Workspace, value: object) -> None:
    with pytest.raises(BadValue, match="is_valid = "):
        exposure().judge(value, "")  # type: ignore[arg-type]


def test_a_reason_is_a_text(workspace: Workspace) -> None:
    made = exposure()
    with pytest.raises(BadValue, match="The reason is None"):
        made.judge(0, None)  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="The reason is"):
        made.judge(0, "a\0b")


def test_what_is_not_made_cannot_be_judged(workspace: Workspace) -> None:
    with pytest.raises(NotMade, match="cannot be judged yet"):
        ExposureFactory().is_valid = 0
    with pytest.raises(BadValue, match="Expected: a data product"):
        judge(workspace, [Thresholds()], 0)
    with pytest.raises(BadValue, match="was judged"):
        judge(workspace, "Exposure", 0)


# many at once ------------------------------------------------------------------------------


def test_many_are_judged_together(workspace: Workspace) -> None:
    several = [exposure(n=n) for n in range(4)]
    verdict = judge(workspace, Exposure.n >= 2, 0, "lid on")
    assert len(verdict.keys) == 2
    assert [made.is_valid for made in several] == [1, 1, 0, 0]
    judge(workspace, Exposure.select_all(), 1, "lid off")
    judge(workspace, several[:1], 0, "moon")
    assert [made.is_valid for made in several] == [0, 1, 1, 1]


def test_a_verdict_on_nothing_writes_nothing(workspace: Workspace) -> None:
    assert judge(workspace, Exposure.select_all(), 0, "lid on").keys == ()


def test_if_one_is_not_yours_none_is_judged(new_workspace: Callable[..., Workspace]) -> None:
    with new_workspace("ada", "CRAB", level=3).use():
        other = exposure(n=1)
    with new_workspace("bob").use() as bobs:
        mine = exposure(n=2)
        with pytest.raises(Refused, match="Exposure of level 3 in project CRAB is not yours"):
            judge(bobs, Exposure.select_all(), 0, "lid on")
        assert mine.verdicts() == []
    assert other.object_id != mine.object_id


# what was made from it ---------------------------------------------------------------------


def test_a_verdict_tells_how_many_products_used_it(workspace: Workspace) -> None:
    first, other = exposure(n=1), exposure(n=2)
    both = merged(first, other)
    top = merged(both, first, number=1)
    assert first.judge(0, "lid on").used_by == {"Merged": 2}
    assert top.judge(0, "lid on").used_by == {}
    verdict = judge(workspace, [first, both], 0, "lid on")
    assert verdict.used_by == {"Merged": 1}


def test_the_question_is_asked_in_words(workspace: Workspace) -> None:
    first = exposure(n=1)
    assert question(first.judge(0, "lid on")) == ""
    merged(first)
    words = "1 product used this (1 Merged), out of date now. Mark as bad too?"
    assert question(first.judge(0, "lid on")) == words


def test_dependents_are_out_of_date_marked_or_not(workspace: Workspace) -> None:
    first = exposure(n=1)
    below = merged(first)
    verdict = first.judge(0, "lid on")
    assert not below.uptodate()
    assert below.is_valid == 1
    assert verdict.mark_dependents() == (1, 0)
    assert below.verdicts()[-1].reason == "made from a product judged bad: lid on"
    assert verdict.mark_dependents() == (0, 0)


def test_dependents_of_others_are_left(new_workspace: Callable[..., Workspace]) -> None:
    with new_workspace("ada", "CRAB", level=3).use():
        first = exposure(n=1)
    with new_workspace("bob", "CRAB", level=3).use():
        theirs = merged(first)
    with new_workspace("ada", "CRAB", level=3).use() as adas:
        mine = merged(adas.get(first.object_id), number=1)
        verdict = adas.get(first.object_id).judge(0, "lid on")  # type: ignore[attr-defined]
        assert verdict.used_by == {"Merged": 2}
        assert verdict.mark_dependents() == (1, 1)
        assert (mine.is_valid, theirs.verdicts()) == (0, [])


def test_only_a_bad_verdict_asks(workspace: Workspace) -> None:
    asked: list[Verdict] = []
    token = asker.set(asked.append)
    try:
        made = exposure()
        made.is_valid = 2
        made.is_valid = 1
        assert asked == []
        made.is_valid = 0
        assert [verdict.value for verdict in asked] == [0]
    finally:
        asker.reset(token)


# rights ------------------------------------------------------------------------------------


def test_a_project_s_product_is_judged_by_its_members(
    new_workspace: Callable[..., Workspace],
) -> None:
    adas, bobs = new_workspace("ada", level=2), new_workspace("bob", level=2)
    with adas.use():
        exposure()
    with bobs.use():
        seen = Exposure.select_all().first()
        assert seen is not None
        enter(adas, "CRAB", ada=True)
        with pytest.raises(Refused, match=r"its owner, or a member of CRAB. Ask ada."):
            seen.judge(0, "lid on")
        enter(adas, "CRAB", bob=False)
        seen.judge(0, "lid on")
        enter(adas, "CRAB", is_open=True)
        seen.judge(1, "lid off")
        assert [v.author for v in seen.verdicts()] == ["bob", "bob"]


def test_what_is_published_is_judged_by_managers(new_workspace: Callable[..., Workspace]) -> None:
    adas, eves = new_workspace("ada", level=3), new_workspace("eve", level=1)
    with adas.use():
        mine = exposure()
        mine.judge(0, "nobody manages the project, so its owner may")
        enter(adas, "CRAB", eve=True)
        with pytest.raises(Refused, match=r"those who manage the project\. Ask eve\."):
            mine.judge(1, "lid off")
        mine.judge(2, "for all who observe")
    with eves.use():
        seen = eves.get(mine.object_id)
        assert isinstance(seen, Exposure)
        seen.judge(1, "lid off")
    with adas.use():
        assert [v.value for v in mine.verdicts()] == [0, 2, 1]


def test_a_verdict_is_seen_by_all_who_see_the_product(
    new_workspace: Callable[..., Workspace],
) -> None:
    with new_workspace("ada", level=2).use():
        made = exposure()
    with new_workspace("ada", level=1).use() as lower:
        lower.get(made.object_id).is_valid = 0  # type: ignore[attr-defined]
        with lower.database.read() as connection:
            row = connection.execute(tables.standing.select()).one()
    assert row.level == 2


def test_the_newest_verdict_counts_whoever_wrote_it(
    new_workspace: Callable[..., Workspace],
) -> None:
    """Connections take keys in advance; the later row has the larger key all the same."""
    adas, bobs = new_workspace("ada", level=2), new_workspace("bob", level=2)
    with adas.use():
        made = exposure()
    with bobs.use():
        seen = bobs.get(made.object_id)
        assert isinstance(seen, Exposure)
        for turn in range(3):
            with bobs.use():
                seen.judge(0, f"bob {turn}")
            with adas.use():
                made.judge(1, f"ada {turn}")
                assert made.is_valid == 1
        reasons = [v.reason for v in seen.verdicts()]
    assert reasons == [f"{name} {turn}" for turn in range(3) for name in ("bob", "ada")]


def test_a_sum_of_what_is_bad_is_no_target(workspace: Workspace) -> None:
    first = exposure(n=3)
    values = {"exposure": first, "zero": None, "thresholds": Thresholds()}
    made = Summed.get_target(**values)
    made.make()
    assert Summed.get_target(**values) is made
    made.judge(0, "clouds")
    assert not Summed.get_target(**values).is_made()

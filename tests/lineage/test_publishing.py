"""Publishing raises an object with its ancestors, or tells every reason why not."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from factories import Merged, Node, Sensor, SensorFactory
from observatory import Observatory

from awlta.errors import BadValue, NotFound, NotMade, Refused
from awlta.lineage import Workspace
from awlta.lineage.ancestry.publishing import publish
from awlta.lineage.making.activity import SoftwareEnvironment
from awlta.lineage.making.release import SoftwareRelease
from awlta.lineage.reproduction.recorded import activity_of

FAR = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def merged(workspace, *inputs, number: int = 0) -> Merged:
    with workspace.use():
        made = Merged(inputs=list(inputs), number=number)
        made.make()
    return made


def sees(workspace, obj) -> bool:
    """Whether a user gets an object by its id and finds it by a query."""
    with workspace.use():
        found = len(type(obj).object_id == obj.object_id)
        try:
            workspace.get(obj.object_id)
        except NotFound:
            assert found == 0
            return False
        assert found == 1
        return True


def test_the_ancestors_are_raised_with_the_object(observatory: Observatory) -> None:
    ada, eve = observatory.open("ada"), observatory.open("eve", "VELA")
    raw = merged(ada)
    middle = merged(ada, raw)
    top, other = merged(ada, raw, middle), merged(ada, raw)
    with ada.use():
        done = publish(ada, top, 3, reason="paper I")
    assert done.is_done
    levels = [
        (one.class_name, one.old, one.new) for one in done.raised if one.class_name == "Merged"
    ]
    assert levels == [("Merged", 1, 3)] * 3
    assert [sees(eve, o) for o in (raw, middle, top, other)] == [True, True, True, False]
    with eve.use():
        found = eve.get(top.object_id)
        assert [o.object_id for o in found.inputs] == [raw.object_id, middle.object_id]
        assert found._privileges == 3
        graph = found.lineage()
        assert graph.n_hidden == 0
        activity = graph.activities[top.object_id]
        assert None not in (activity["release"], activity["environment"])


def software(workspace: Workspace, product: object) -> list[str]:
    """Return the classes of what a product was made with, of a release if its files are seen."""
    with workspace.use():
        activity = activity_of(workspace, product)
        keys = {activity.release, activity.environment}
        found = [*SoftwareRelease.select_all(), *SoftwareEnvironment.select_all()]
        seen = [obj for obj in found if obj.__dict__["_key"] in keys]
        return [type(obj).__name__ for obj in seen if getattr(obj, "files", True)]


BOTH = ["SoftwareRelease", "SoftwareEnvironment"]


def test_who_reads_a_product_reads_what_it_was_made_with(observatory: Observatory) -> None:
    bob, ada = observatory.open("bob"), observatory.open("ada")
    private = merged(bob)
    bob.switch(level=2)
    ours = merged(bob, private)
    assert software(bob, private) == software(bob, ours) == BOTH
    assert software(ada, ours) == BOTH


def test_what_a_product_was_made_with_is_published_with_it(observatory: Observatory) -> None:
    bob, ada, eve = (observatory.open(*who) for who in (("bob",), ("ada",), ("eve", "VELA")))
    merged(bob)
    bob.switch(level=2)
    top = merged(bob, number=3)
    with ada.use():
        told = publish(ada, top, 3, dry_run=True)
        assert sorted(one.class_name for one in told.raised) == ["Merged", *sorted(BOTH)]
        assert (told.n_left, told.reasons) == (0, ())
        publish(ada, top, 3)
    assert software(eve, top) == BOTH


def test_what_a_product_was_made_with_serves_all_projects_that_read_it(
    observatory: Observatory,
) -> None:
    ada, eve = observatory.open("ada"), observatory.open("eve", "VELA")
    ada.switch(level=2)
    merged(ada)
    ada.switch(project="VELA")
    assert software(eve, merged(ada, number=3)) == BOTH


def test_records_of_a_run_that_cannot_be_raised_are_counted(observatory: Observatory) -> None:
    bob, ada = observatory.open("bob", "CRAB", 2), observatory.open("ada")
    top = merged(bob)
    for name in BOTH:
        observatory.run(f"UPDATE product SET level = 1 WHERE class_name = '{name}'")
    with ada.use():
        told = publish(ada, top, 3, dry_run=True)
    assert told.n_left == 2
    assert "2 release(s) or environment(s) of others stay as they are" in str(told)


def test_who_raised_a_level_when_and_why_is_kept(observatory: Observatory) -> None:
    ada = observatory.open("ada", level=2)
    made = merged(ada)
    with ada.use():
        publish(ada, made, 4, FAR, reason="paper I")
    (row,) = observatory.run(
        "SELECT s.value, s.detail, s.reason, s.author FROM standing s JOIN product p "
        "ON p.id = s.product WHERE s.kind = 'level' AND p.class_name = 'Merged'"
    )
    assert row[0] == 4
    assert json.loads(row[1]) == {"embargo": "2100-01-01T00:00:00+00:00"}
    assert row[2:] == ("paper I", "ada")


def test_a_dry_run_lists_what_would_be_raised_and_does_nothing(observatory: Observatory) -> None:
    ada, eve = observatory.open("ada"), observatory.open("eve", "VELA")
    made = merged(ada, merged(ada))
    with ada.use():
        told = publish(ada, made, 3, dry_run=True)
    assert not told.is_done
    assert str(told).startswith("To be published at level 3 (observatory):")
    assert str(told).count("Merged [") == 2
    assert "of ada in CRAB: 1 (MyDB) to 3 (observatory)" in str(told)
    assert not sees(eve, made)


def test_every_reason_against_it_is_told_and_nothing_is_done(observatory: Observatory) -> None:
    ada, bob = observatory.open("ada", level=2), observatory.open("bob")
    hidden, bad, typed = merged(bob), merged(ada), merged(ada)
    bobs = merged(bob, hidden, bad, typed)
    with ada.use():
        ada.judge(bad, 0, "moon")
    raw_id = typed.__dict__["_key"]
    observatory.run(
        "UPDATE activity SET interactive = true "
        f"WHERE id = (SELECT activity FROM product WHERE id = {raw_id})"
    )
    with bob.use():
        publish(bob, bobs, 2)
    observatory.run(f"UPDATE product SET level = 1 WHERE id = {hidden.__dict__['_key']}")
    with ada.use():
        top = merged(ada, ada.get(bobs.object_id))
        with pytest.raises(Refused) as refused:
            publish(ada, top, 3)
        assert top._privileges == 2
    reasons = refused.value.facts["reasons"]
    assert sorted(r.split("] ")[-1] for r in reasons) == [
        "1 hidden ancestor, not yours to read",
        "was judged bad",
        "was made by code that was typed at a prompt",
    ]
    assert all(reason in str(refused.value) for reason in reasons)


def test_level_3_is_for_those_who_manage_the_project(observatory: Observatory) -> None:
    ada, bob = observatory.open("ada", level=2), observatory.open("bob")
    made = merged(bob)
    with bob.use():
        publish(bob, made, 2)
        with pytest.raises(Refused, match=r"CRAB, which you do not manage: ask its managers \(ada"):
            publish(bob, made, 3)
    with ada.use():
        assert publish(ada, ada.get(made.object_id), 3).is_done
    assert sees(observatory.open("eve", "VELA"), made)


def test_a_project_has_a_highest_level(observatory: Observatory) -> None:
    eve = observatory.open("eve", "VELA")
    made = merged(eve)
    with eve.use(), pytest.raises(Refused, match="belongs to VELA, up to level 4"):
        publish(eve, made, 5)


def test_who_owns_an_object_of_a_project_that_nobody_manages_publishes_it(
    observatory: Observatory,
) -> None:
    bob, ada = observatory.open("bob", "POOL"), observatory.open("ada", "POOL", 2)
    made = merged(bob)
    with bob.use():
        publish(bob, made, 2)
    with ada.use(), pytest.raises(Refused, match="belongs to bob in POOL"):
        publish(ada, ada.get(made.object_id), 3)
    with bob.use():
        publish(bob, made, 5)
    assert sees(observatory.open("eve", "VELA"), made)


def test_an_embargo_holds_the_level_back_and_ends_by_itself(observatory: Observatory) -> None:
    ada, bob = observatory.open("ada", level=2), observatory.open("bob")
    eve = observatory.open("eve", "VELA")
    raw = merged(ada)
    made = merged(ada, raw)
    with ada.use():
        publish(ada, made, 3, FAR)
    assert [sees(w, o) for w in (ada, bob, eve) for o in (raw, made)] == [True] * 4 + [False] * 2
    with ada.use():
        publish(ada, made, 3, datetime.now(UTC) + timedelta(seconds=1))
    deadline = time.monotonic() + 20
    with eve.use():
        while not len(Merged.object_id == made.object_id):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert sees(eve, made)
    assert sees(eve, raw)


def test_levels_are_never_lowered_and_an_embargo_is_not_put_on_what_is_open(
    observatory: Observatory,
) -> None:
    ada = observatory.open("ada")
    raw = merged(ada)
    with ada.use():
        publish(ada, raw, 4)
        assert "level 3 (observatory) or above already" in str(publish(ada, raw, 3))
        assert raw._privileges == 4
        top = merged(ada, raw)
        with pytest.raises(Refused, match="is open at level 4 already, which an embargo"):
            publish(ada, top, 5, FAR)
        assert publish(ada, top, 4, FAR).is_done  # the ancestor is as wide as that
        assert publish(ada, top, 4, "2090-01-01").is_done
        assert publish(ada, top, 4).raised[0].new == 4
    assert sees(observatory.open("eve", "VELA"), top)


def test_objects_without_recipe_are_published_as_well(observatory: Observatory) -> None:
    ada, eve = observatory.open("ada"), observatory.open("eve", "VELA")
    sensor, node = SensorFactory(), Node(before=Node(number=1), number=2)
    with ada.use():
        ada.commit(sensor, node)
        publish(ada, sensor, 3)
        publish(ada, node, 3)
    with eve.use():
        assert Sensor.select_all().values("name") == [(sensor.name,)]
        assert len(Node.before.number == 1) == 1


@pytest.mark.parametrize(
    ("level", "embargo", "message"),
    [
        (1, None, "2 \\(project\\) to 5"),
        (6, None, "at level 6"),
        (True, None, "at level True"),
        (2, FAR, "which the project reads at once"),
        (3, "2020-01-01", "a date to come"),
        (3, "soon", "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused(observatory: Observatory, level, embargo, message) -> None:
    ada = observatory.open("ada")
    made = merged(ada)
    with ada.use():
        with pytest.raises(BadValue, match=message):
            publish(ada, made, level, embargo)
        with pytest.raises(NotMade):
            publish(ada, Merged(), 3)


def test_of_hidden_ancestors_it_is_told_that_they_exist_and_nothing_else(
    observatory: Observatory,
) -> None:
    ada, bob = observatory.open("ada"), observatory.open("bob")
    source = merged(ada, number=777)
    secret = merged(ada, source, number=8_888_888)
    seen = merged(ada, secret, source, number=1)
    top = merged(ada, seen, secret, number=2)
    for made in (source, seen, top):
        key = made.__dict__["_key"]
        for table, column in (("product", "id"), ("merged", "id"), ("dep", "product")):
            observatory.run(f"UPDATE {table} SET level = 2 WHERE {column} = {key}")
    with bob.use():
        found = bob.get(top.object_id)
        assert [o.object_id for o in found.ancestors()] == [source.object_id, seen.object_id]
        graph = found.lineage()
        told = [graph.tree(), graph.to_svg(), graph.to_prov(), json.dumps(graph.to_json())]
        assert graph.n_hidden == 1
        assert graph.hidden == {seen.object_id: 1, top.object_id: 1}
        assert graph.to_json()["hidden_ancestors"] == 1
        assert graph.tree().count("1 hidden ancestor") == 2
        for text in told:
            assert secret.object_id[-12:] not in text
            assert "8888888" not in text  # too long a row of digits to be in an id or a digest
            assert "hidden" in text
        assert [o.object_id for o in bob.get(source.object_id).descendants()] == [
            seen.object_id,
            top.object_id,
        ]


def test_the_walk_does_not_go_on_behind_what_is_hidden(observatory: Observatory) -> None:
    ada, bob = observatory.open("ada"), observatory.open("bob")
    source = merged(ada)
    top = merged(ada, merged(ada, source))
    for made in (source, top):
        key = made.__dict__["_key"]
        for table, column in (("product", "id"), ("merged", "id"), ("dep", "product")):
            observatory.run(f"UPDATE {table} SET level = 3 WHERE {column} = {key}")
    with bob.use():
        assert bob.get(top.object_id).ancestors() == []
        assert bob.get(source.object_id).descendants() == []
        lines = bob.get(top.object_id).lineage().tree().splitlines()
        assert lines[1:] == ["  1 hidden ancestor"]

"""What a retention policy lets expire, by class, category and age, and what it never does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from deletions import DAY, LATER, chain, give, made, policy_of
from factories import Merged
from sqlalchemy import update

from awlta.errors import ConfigError
from awlta.lineage.retention.policies import read_policy
from awlta.persistent import tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What is deleted is so on both databases."""
    return str(request.param)


def test_a_policy_expires_by_class_category_and_age(workspace):
    quick, final = made(n=5, category="A"), made(n=5, category="C")
    soon = datetime.now(UTC) + 29 * DAY
    assert policy_of(workspace, "Exposure.A", "30 d", now=soon)[0][1].objects == ()
    ((_, planned),) = policy_of(workspace, "Exposure.A", "30 d", now=LATER, dry_run=True)
    assert planned.objects == (("Exposure", quick.object_id),)
    assert not quick.is_deleted
    policy_of(workspace, "Exposure.A", "30 d", now=LATER)
    assert (quick.is_deleted, final.is_deleted) == (True, False)
    assert quick.tombstone.reason == "retention Exposure.A 30 d"


def test_what_was_made_from_the_expired_lives_on(workspace):
    exposure, summed, _ = chain()
    policy_of(workspace, "Exposure", "1 h", now=LATER)
    assert exposure.is_deleted
    assert not summed.is_deleted
    assert summed.exposure is exposure


def test_what_cannot_be_made_again_never_expires(workspace):
    raw = made(n=5)
    with workspace.database.write() as connection:
        connection.execute(update(tables.activity).values(kind="ingest"))
    assert policy_of(workspace, "Exposure", "1 h", now=LATER)[0][1].objects == ()
    assert not raw.is_deleted


def test_neither_the_published_nor_what_others_use_expires(new_workspace):
    ada, eve = new_workspace("ada", level=2), new_workspace("eve", level=2)
    with ada.use():
        published, used = made(n=5), made(n=6)
        give(ada, published, level=3)
    with eve.use():
        Merged(inputs=[eve.get(used.object_id)]).make()
    with ada.use():
        assert policy_of(ada, "Exposure", "1 h", now=LATER)[0][1].objects == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Exposure = '30 d'", "no retention policy"),
        ("[retention]\nExposur = '30 d'", "such as Exposure"),
        ("[retention]\nThresholds = '30 d'", "a class of data products"),
        ("[retention]\nExposure.D = '30 d'", "Exposure.A, .B or .C"),
        ("[retention]\nExposure = '30 days'", "such as '12 h'"),
        ("[retention]\nExposure = 30", "such as '12 h'"),
        ("[retention", "no retention policy"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_told(tmp_path, text, told):
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_policy(tmp_path / "policy.toml")

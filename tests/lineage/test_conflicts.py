"""What PostgreSQL takes back for the sake of another unit of work is done again."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from deliveries import deliver
from factories import ExposureFactory, Merged

from awlta.archive import ingest, tickets
from awlta.errors import Conflict
from awlta.lineage import DataProduct, QCFlag, recipe
from awlta.lineage.ancestry.publishing import publish
from awlta.lineage.planning.campaigns import Campaign, Stage
from awlta.lineage.planning.refill import write_work
from awlta.lineage.retention.policies import expire, read_policy
from awlta.lineage.retention.purging import purge
from awlta.lineage.retention.retention import delete, undelete
from awlta.persistent import tables
from awlta.persistent.engine.retry import ATTEMPTS
from awlta.storage.intent import State

LATER = datetime.now(UTC) + timedelta(days=60)


@pytest.fixture
def database_kind():
    """SQLite has one writer, who waits."""
    return "postgresql"


class Loud(DataProduct):
    """A product that says how loud it is."""

    LOUD = QCFlag(0, "loudness above limit")
    limit = 1

    @recipe
    def make(self):
        """Nothing to do."""

    def verify(self):
        """Flag it."""
        self.LOUD.above(2, type(self).limit)


def made(product):
    product.make()
    return product


@pytest.fixture
def meet(workspace):
    """Let the server take back the first units of work that write to a table."""

    def let(table: str, *, times: int = 1) -> None:
        with workspace.database.write() as connection:
            for statement in (
                "CREATE SEQUENCE met",
                "CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"IF nextval('met') <= {times} THEN "
                "RAISE EXCEPTION 'another was first' USING ERRCODE = '40001'; END IF; "
                "RETURN NEW; END $$",
                f"CREATE TRIGGER meet BEFORE INSERT OR UPDATE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION meet()",
            ):
                connection.exec_driver_sql(statement)

    return let


def n_met(workspace) -> int:
    """Return how often the table was written to."""
    with workspace.database.read() as connection:
        return connection.exec_driver_sql("SELECT last_value FROM met").scalar_one()


def test_a_verdict_is_written_once(workspace, meet):
    product = made(Merged())
    meet("standing")
    product.judge(0, "clouds")
    assert [v.reason for v in product.verdicts()] == ["clouds"]
    assert n_met(workspace) == 2


def test_flags_are_written_once(workspace, meet, monkeypatch):
    product = made(Loud())
    monkeypatch.setattr(Loud, "limit", 3)
    meet("standing")
    product.verify()
    assert product.quality_flags == 0
    assert n_met(workspace) == 2


def test_a_deletion_is_written_once_and_taken_back_once(workspace, meet):
    product = made(ExposureFactory())
    meet("standing")
    delete(workspace, [product], "not needed")
    with workspace.database.write() as connection:
        connection.exec_driver_sql("ALTER SEQUENCE met RESTART")
    assert undelete(workspace, iter([product])) == 1
    assert n_met(workspace) == 2


def test_what_expires_is_deleted_and_purged(workspace, meet, tmp_path):
    made(ExposureFactory())
    path = tmp_path / "policy.toml"
    path.write_text('[retention]\nExposure = "1 h"\n')
    meet("standing")
    ((_, deletion),) = expire(workspace, read_policy(path), now=LATER)
    assert len(deletion.objects) == 1
    with workspace.database.write() as connection:
        connection.exec_driver_sql("ALTER SEQUENCE met RESTART")
    assert len(purge(workspace, now=LATER + timedelta(days=60)).objects) == 1


def test_a_campaign_begins_and_moves_once(workspace, meet):
    meet("standing")
    campaign = Campaign.begin("DR2", [made(Merged())], reason="new recipe")
    with workspace.database.write() as connection:
        connection.exec_driver_sql("ALTER SEQUENCE met RESTART")
    campaign.pause("lunch")
    assert campaign.stage is Stage.PAUSED
    with workspace.database.write() as connection:
        connection.exec_driver_sql("ALTER SEQUENCE met RESTART")
    campaign.abandon("no time")
    assert campaign.stage is Stage.ABANDONED


@pytest.mark.parametrize("table", ["ticket", "ticket_event", "intent", "product", "file"])
def test_a_file_comes_in_once(workspace, meet, tmp_path, table):
    workspace.release_key()
    meet(table)
    ingest(workspace, deliver(tmp_path))
    (ticket,) = tickets(workspace, State.ARCHIVED)
    assert [event.state.value for event in ticket.history] == [
        "requested",
        "transferring",
        "verified",
        "archived",
    ]


def test_the_release_is_stored_once(workspace, meet):
    meet("file")
    assert workspace.release_key() == workspace.release_key()
    assert n_met(workspace) == 2


def test_digests_of_work_are_written(workspace, meet):
    made(Merged())
    with workspace.database.write() as connection:
        connection.execute(tables.product.update().values(work=None))
    meet("product")
    assert write_work(workspace) == 1


def test_what_is_taken_back_each_time_is_told(workspace, meet):
    product = made(Merged())
    meet("standing", times=ATTEMPTS)
    with pytest.raises(Conflict, match="another was first"):
        product.judge(0, "clouds")
    assert product.verdicts() == []


def test_two_who_wait_for_each_other_both_come_through(workspace, new_workspace):
    """A file row is held by one, the product by ``publish``; then the one wants the product."""
    product = made(ExposureFactory())
    other = new_workspace("ben")
    done: list[object] = []

    def act() -> None:
        with workspace.use():
            done.append(publish(workspace, product, 3))

    thread = threading.Thread(target=act)
    with other.unit() as unit:
        # of the two that wait, the other one looks for the knot
        unit.connection.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
        unit.connection.exec_driver_sql("SELECT id FROM file FOR UPDATE")
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not unit.connection.exec_driver_sql(waiting).scalar():
            time.sleep(0.01)
        unit.connection.exec_driver_sql("SELECT id FROM product FOR UPDATE")
    thread.join()
    (publication,) = done
    assert publication.is_done
    assert workspace.names(product)[2] == 3

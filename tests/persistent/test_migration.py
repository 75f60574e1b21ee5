"""A migration is done whole or not at all, of databases of any age, by their owner."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import strace
from alembic import command
from alembic.config import Config
from changing import FIRST, SECOND, contents, differences

import awlta.persistent
from awlta.errors import ConfigError, Refused
from awlta.persistent import registry
from awlta.persistent.database import HEAD, Database
from awlta.persistent.evolution.revisions import migrate
from awlta.persistent.keys import new_object_id
from awlta.persistent.session import Session

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import changing_recipes.recipes
from awlta.persistent.database import Database
from awlta.persistent.evolution.revisions import migrate
migrate(Database(sys.argv[2]), 0, {})
"""


@pytest.mark.skipif(bool(strace.why_not()), reason=strace.why_not())
def test_a_migration_that_is_killed_leaves_all_or_nothing(populated, url, tmp_path, database_kind):
    populated.becomes(SECOND)
    before = contents(url)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), url]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    syscall = "sendto" if database_kind == "postgresql" else "pwrite64"
    ends = []
    for number in (1, 25, 50):
        killed = strace.kill_at(command, environment, syscall, number)
        ends.append(killed.returncode)
        found = contents(url)
        if found["frame"][0] == before["frame"][0]:
            assert found == before
        else:
            assert {"gain", "note"} <= set(found["frame"][0])
            assert len(found["album"][2]) == 10
            assert {"deep_frame", "catalogue"} <= found.keys()
            break
    assert ends[0] != 0
    migrate(Database(url), 0, populated.folders)
    database = Database(url)
    assert differences(database, populated) == {}
    database.close()


# older databases ---------------------------------------------------------------------------


@pytest.fixture
def first_database(database_kind, tmp_path, request):
    """A database as the first version made it, with one object in it: URL and object_id."""
    if database_kind == "postgresql":
        cluster = request.getfixturevalue("cluster")
        cluster.sql("CREATE DATABASE first_version")
        url = cluster.url("first_version")
    else:
        url = f"sqlite:///{tmp_path}/first.db"
    folder = Path(awlta.persistent.__file__).parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    object_id = new_object_id()
    database = Database(url)
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        rows = [
            "INSERT INTO counter VALUES ('key', 100)",
            "INSERT INTO account (id, home, name) VALUES (1, 0, 'ada')",
            "INSERT INTO project (id, home, name, description) VALUES (2, 0, 'CRAB', '')",
            "CREATE TABLE tower (id BIGINT PRIMARY KEY, home BIGINT NOT NULL, "
            "owner BIGINT NOT NULL, project BIGINT NOT NULL, level SMALLINT NOT NULL, name TEXT)",
            "INSERT INTO tower VALUES (3, 0, 1, 2, 1, 'old tower')",
        ]
        for row in rows:
            connection.exec_driver_sql(row)
        product = {"id": 3, "home": 0, "owner": 1, "project": 2, "level": 1, "creation_date": 0}
        product |= {"object_id": bytes.fromhex(object_id.replace("-", "")), "class_name": "Tower"}
        table = sa.table("product", *map(sa.column, product))
        connection.execute(table.insert().values(product))
    database.close()
    yield url, object_id
    if database_kind == "postgresql":
        request.getfixturevalue("cluster").drop("first_version")


def test_a_database_of_the_first_version_is_named_and_migrated(package, first_database):
    url, object_id = first_database
    recipes = package.becomes(FIRST)
    with pytest.raises(ConfigError, match=r"at version 0001.*awlta migrate"):
        Session(url, "ada", "CRAB")
    database = Database(url)
    said = [s.what for s in migrate(database, 0, package.folders).stages]
    assert said[0].startswith("the system, revision 0002: Embargo on every row")
    assert database.version() == HEAD
    database.close()
    session = Session(url, "ada", "CRAB")
    with session.use():
        assert session.get(object_id).name == "old tower"
        later = recipes.Tower(name="new tower")
        session.commit(later)
        assert later.__dict__["_key"] >= 100
        assert len(recipes.Tower.select_all()) == 2
    session.close()


def test_a_table_that_lacks_the_embargo_gets_it(populated, database, url):
    with database.write() as connection:
        policies = " CASCADE" if database.dialect == "postgresql" else ""
        connection.exec_driver_sql(f"ALTER TABLE tower DROP COLUMN embargo{policies}")
    session = Session(url, "ada", "CRAB")
    with session.use(), pytest.raises(ConfigError, match=r"lacks the columns embargo.*migrate"):
        len(registry["Tower"].select_all())
    session.close()
    migrate(database, 0, populated.folders)
    assert "embargo" in contents(url)["tower"][0]


def test_a_user_who_does_not_own_the_tables_is_told_who_does(cluster):
    name = cluster.new_database()
    cluster.sql("DROP ROLE IF EXISTS guest_of_b", "CREATE ROLE guest_of_b LOGIN")
    cluster.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest_of_b", database=name)
    database = Database(cluster.url(name, "guest_of_b"))
    with pytest.raises(Refused, match=r"belong to owner, and you are guest_of_b.*Ask owner"):
        migrate(database, 0, {})
    database.close()
    cluster.drop(name)
    cluster.sql("DROP ROLE guest_of_b")

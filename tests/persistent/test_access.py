"""Row security on PostgreSQL: a connection of a user's own sees and writes what the user may."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest
from factories import Dish, DishFactory, MirrorDish, Node, Sensor, SensorFactory, Thresholds
from observatory import CLASSES, PEOPLE, Observatory

from awlta.errors import ConfigError, Refused
from awlta.persistent import tables
from awlta.persistent.database import Database, create
from awlta.persistent.engine.access import secure_all
from awlta.persistent.evolution.revisions import migrate
from awlta.persistent.people.enrolment import apply_people
from awlta.persistent.people.entry import prepare
from awlta.persistent.people.people import People, Project
from awlta.persistent.session import Session


@pytest.fixture
def database_kind() -> str:
    return "postgresql"


def ask(observatory: Observatory, user: str, statement: str) -> list[tuple]:
    """Run a statement on a connection of a user's own, by no code of ours."""
    with psycopg.connect(observatory.url_of(user), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def refused(observatory: Observatory, user: str, statement: str) -> str:
    """Return what the server says to a user whose statement it refuses."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
        ask(observatory, user, statement)
    return str(error.value).splitlines()[0]


def session(observatory: Observatory, user: str, project: str = "CRAB", level: int = 1) -> Session:
    return observatory.open(user, project, level)


def test_every_table_with_owners_is_secured_and_so_is_one_made_later(
    observatory: Observatory,
) -> None:
    with closing(Database(observatory.url)) as database:
        database.ensure(MirrorDish)
    found = observatory.run(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relkind = 'r' AND a.attname = 'embargo' AND NOT c.relrowsecurity"
    )
    assert found == []
    assert {"mirror_dish", "node", "product"} <= {
        name for (name,) in observatory.run("SELECT DISTINCT tablename FROM pg_policies")
    }


def test_a_connection_of_ones_own_sees_no_row_of_others_in_any_table(
    observatory: Observatory,
) -> None:
    ada = session(observatory, "ada")
    with ada.use():
        ada.commit(*(DishFactory() for _ in range(3)))
    for name in sorted(tables.SYSTEM.tables.keys() | {"sensor", "dish"}):
        expected = ask(observatory, "ada", f"SELECT count(*) FROM {name}")
        found = ask(observatory, "bob", f"SELECT count(*) FROM {name}")
        if name in ("account", "project", "member", "counter"):
            assert found == expected != [(0,)]
        else:
            assert found == [(0,)]
    assert ask(observatory, "ada", "SELECT count(*) FROM product") == [(6,)]
    assert ask(observatory, "ada", "SELECT count(*) FROM dep") == [(3,)]


@pytest.mark.parametrize(
    ("level", "embargo", "sees"),
    [
        (1, "NULL", {"ada"}),
        (2, "NULL", {"ada", "bob"}),
        (3, "NULL", {"ada", "bob", "eve"}),
        (3, "4102444800000000", {"ada", "bob"}),
        (4, "NULL", {"ada", "bob", "eve", "guest"}),
    ],
)
def test_the_levels_hold_for_direct_sql(observatory: Observatory, level, embargo, sees) -> None:
    ada = session(observatory, "ada")
    with ada.use():
        ada.commit(SensorFactory())
    ((group,),) = observatory.run("SELECT 'awlta_' || current_database()")
    observatory.run("DROP ROLE IF EXISTS guest")
    observatory.run("CREATE ROLE guest LOGIN")  # of the group, but no user of this database
    observatory.run(f'GRANT "{group}" TO guest')
    for table in ("product", "sensor"):
        observatory.run(f"UPDATE {table} SET level = {level}, embargo = {embargo}")
    for table in ("product", "sensor"):
        found = {
            user
            for user in ("ada", "bob", "eve", "guest")
            if ask(observatory, user, f"SELECT id FROM {table}")
        }
        assert found == sees
    observatory.run(f'REVOKE "{group}" FROM guest')


def test_a_setting_or_a_table_of_ones_own_does_not_widen_the_scope(
    observatory: Observatory,
) -> None:
    ada = session(observatory, "ada")
    with ada.use():
        ada.commit(SensorFactory())
    with psycopg.connect(observatory.url_of("eve"), autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE account AS SELECT * FROM public.account")
        connection.execute("UPDATE pg_temp.account SET role = 'eve'")
        connection.execute("SET search_path = pg_temp, public")
        connection.execute("SET SESSION awlta.login = 'ada'")
        assert connection.execute("SELECT count(*) FROM product").fetchone() == (0,)
        for forbidden in ("SET ROLE ada", "SET SESSION AUTHORIZATION ada"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
        connection.execute("SET row_security = off")  # then the server refuses what it would filter
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM product")


def test_nobody_writes_in_the_name_of_others_or_above_the_own_level(
    observatory: Observatory,
) -> None:
    ada, bob = session(observatory, "ada", level=2), session(observatory, "bob")
    with ada.use():
        ada.commit(SensorFactory(name="hers"))
    with bob.use():
        bob.commit(SensorFactory(name="his"))
    keys = {
        n: (k, o, j)
        for n, k, o, j in observatory.run("SELECT name, id, owner, project FROM sensor")
    }
    hers, ada_key, crab = keys["hers"]
    his, bob_key, _ = keys["his"]
    ((vela,),) = observatory.run("SELECT id FROM project WHERE name = 'VELA'")
    row = "INSERT INTO sensor (id, home, owner, project, level) VALUES (1, 0, {}, {}, {})"
    for owner, project, level in (
        (ada_key, crab, 1),
        (bob_key, vela, 1),
        (bob_key, crab, 3),
    ):
        said = refused(observatory, "bob", row.format(owner, project, level))
        assert "violates row-level security" in said
    edge = f"INSERT INTO dep VALUES ({hers}, 'x', 0, {his}, true, 0, {bob_key}, {crab}, 2, NULL)"
    assert "violates row-level security" in refused(observatory, "bob", edge)
    said = (
        "INSERT INTO standing (id, home, owner, project, level, product, kind, value, detail, "
        f"reason, author, written) VALUES (1, 0, {bob_key}, {crab}, {{}}, {{}}, 'verdict', 0, '', "
        "'', 'bob', 0)"
    )
    assert "violates row-level security" in refused(observatory, "bob", said.format(1, hers))
    assert "violates row-level security" in refused(observatory, "eve", said.format(2, hers))
    ask(observatory, "bob", said.format(2, hers))
    assert "violates" in refused(observatory, "bob", "UPDATE sensor SET level = 5")


def test_what_is_written_stays(observatory: Observatory) -> None:
    bob = session(observatory, "bob")
    with bob.use():
        bob.commit(SensorFactory())
    for statement in (
        "DELETE FROM product",
        "TRUNCATE product",
        "UPDATE product SET owner = 1",
        "UPDATE sensor SET name = 'other'",
        "UPDATE standing SET value = 1",
        "DELETE FROM standing",
        "INSERT INTO account VALUES (1, 0, 'mallory', 'bob')",
        "UPDATE member SET is_manager = true",
        "UPDATE project SET is_open = true",
        "UPDATE counter SET next = 1",
        "CREATE TABLE public.own (a int)",
    ):
        assert "permission denied" in refused(observatory, "bob", statement)
    said = refused(observatory, "bob", "ALTER TABLE product DISABLE ROW LEVEL SECURITY")
    assert "must be owner" in said


def test_a_manager_does_not_raise_what_a_manager_does_not_see(observatory: Observatory) -> None:
    bob = session(observatory, "bob")
    with bob.use():
        bob.commit(SensorFactory())
    ask(observatory, "ada", "UPDATE product SET level = 5")
    ask(observatory, "ada", "UPDATE sensor SET level = 5")
    assert observatory.run("SELECT level FROM product UNION SELECT level FROM sensor") == [(1,)]


def test_many_objects_are_written_by_a_user_in_one_go(observatory: Observatory) -> None:
    bob, ada = session(observatory, "bob", level=2), session(observatory, "ada")
    with bob.use():
        nodes = [Node(number=number) for number in range(500)]
        bob.commit(*nodes)
        bob.commit(*(Node(number=-1, before=node) for node in nodes))
    with ada.use():
        assert len(Node.before.number >= 250) == 250


def test_a_service_acts_for_a_user_in_every_transaction(observatory: Observatory) -> None:
    ada = session(observatory, "ada")
    with ada.use():
        ada.commit(SensorFactory(name="hers"))
    with closing(Session(observatory.url, "bob", "CRAB", role="bob")) as acting, acting.use():
        acting.commit(*(DishFactory() for _ in range(10)))
        assert len(Sensor.select_all()) == 10
        assert [dish.sensor.name for dish in Dish.select_all()]
        with acting.database.read() as connection:
            asked = "SELECT current_user, count(*) FROM product"
            assert connection.exec_driver_sql(asked).one() == ("bob", 20)
            with acting.database.read() as inner:
                assert inner.exec_driver_sql("SELECT current_user").scalar() == "bob"
            assert connection.exec_driver_sql("SELECT current_user").scalar() == "bob"
    assert len(ask(observatory, "bob", "SELECT * FROM product")) == 20
    assert len(ask(observatory, "ada", "SELECT * FROM product")) == 1


def test_a_shared_object_of_another_is_not_found_by_its_digest(observatory: Observatory) -> None:
    ada, bob = session(observatory, "ada"), session(observatory, "bob")
    with ada.use():
        ada.commit(Thresholds(weight=3.0))
    with bob.use():
        bob.commit(Thresholds(weight=3.0))
    assert ask(observatory, "bob", "SELECT count(*) FROM shared") == [(1,)]
    assert observatory.run("SELECT count(*) FROM shared") == [(2,)]


def test_a_user_cannot_make_the_table_of_a_class(observatory: Observatory) -> None:
    bob = session(observatory, "bob")
    observatory.run("DROP TABLE dish")
    with bob.use(), pytest.raises(Refused, match=r"no table dish.*bob.*owner.*'awlta migrate'"):
        bob.commit(DishFactory())
    with bob.use(), pytest.raises(Refused, match="no table dish"):
        len(Dish.select_all())
    with closing(Database(observatory.url)) as database:
        prepare(database)
    with bob.use():
        bob.commit(DishFactory())
        assert len(Dish.select_all()) == 1


def test_a_login_is_one_user(observatory: Observatory) -> None:
    with pytest.raises(Refused, match=r"login bob belongs to the user bob, not to ada.*--user bob"):
        Session(observatory.url_of("bob"), "ada", "CRAB")
    observatory.run("DROP ROLE IF EXISTS stranger")
    observatory.run("CREATE ROLE stranger LOGIN")
    with pytest.raises(Refused, match="permission denied"):
        Session(observatory.url_of("stranger"), "stranger", "CRAB")
    ((group,),) = observatory.run("SELECT 'awlta_' || current_database()")
    observatory.run(f'GRANT "{group}" TO stranger')
    with pytest.raises(Refused, match="login stranger belongs to no user"):
        Session(observatory.url_of("stranger"), "stranger", "CRAB")
    observatory.run(f'REVOKE "{group}" FROM stranger')


def test_who_is_no_longer_in_the_list_is_shut_out(observatory: Observatory) -> None:
    fewer = People({"CRAB": PEOPLE.projects["CRAB"]}, {"ada": "ada", "bob": None})
    with closing(Database(observatory.url)) as database:
        changes = apply_people(database, fewer, 0)
    assert "login eve: shut out" in changes
    assert "user bob: no login" in changes
    for user in ("bob", "eve"):
        assert "permission denied" in refused(observatory, user, "SELECT * FROM product")


def test_only_the_owner_keeps_the_list(observatory: Observatory) -> None:
    with (
        closing(Database(observatory.url_of("bob"))) as database,
        pytest.raises(Refused, match="belong to owner, and you are bob"),
    ):
        apply_people(database, PEOPLE, 0)


def test_a_login_above_row_security_cannot_be_a_users(observatory: Observatory) -> None:
    above = People({"CRAB": Project("CRAB", is_open=True)}, {"ada": "owner"})
    with (
        closing(Database(observatory.url)) as database,
        pytest.raises(ConfigError, match="owner is above row security"),
    ):
        apply_people(database, above, 0)


def test_securing_again_changes_nothing(observatory: Observatory) -> None:
    asked = "SELECT oid, polname FROM pg_policy ORDER BY oid"
    before = observatory.run(asked)
    create(observatory.url, 0)
    with closing(Database(observatory.url)) as database, database.write() as connection:
        secure_all(connection)
    assert observatory.run(asked) == before
    assert len(before) >= 3 * len(CLASSES)


def test_a_table_that_a_migration_makes_is_secured_too(observatory: Observatory) -> None:
    observatory.run("DROP TABLE dish")
    with closing(Database(observatory.url)) as database:
        migrate(database, 0, {})
    ada, bob = session(observatory, "ada"), session(observatory, "bob")
    with ada.use():
        ada.commit(DishFactory())
    assert len(ask(observatory, "ada", "SELECT * FROM dish")) == 1
    assert ask(observatory, "bob", "SELECT * FROM dish") == []
    with bob.use():
        bob.commit(DishFactory())

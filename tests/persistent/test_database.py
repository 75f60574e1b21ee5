"""The database: units of work, many processes on one file, migrations."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from factories import Dish, DishFactory, ExposureFactory, Sensor, SensorFactory

import awlta.persistent
from awlta.errors import BadValue, ConfigError, Fault, NotFound, NotMade, Unreachable
from awlta.persistent import Attribute, Persistent, persistent
from awlta.persistent.database import HEAD, create, open_engine
from awlta.persistent.session import Session
from awlta.persistent.tables import SYSTEM


def fail_with(session, obj):
    """Add an object to a unit of work that fails after its rows were written."""
    with session.unit() as unit:
        unit.add(obj)
        unit.flush()
        raise ZeroDivisionError


def test_a_unit_is_kept_whole_or_not_at_all(session):
    with pytest.raises(ZeroDivisionError):
        fail_with(session, SensorFactory())
    assert len(Sensor.select_all()) == 0
    session.commit(SensorFactory())
    assert len(Sensor.select_all()) == 1


def test_an_object_of_a_unit_that_failed_is_still_new(session):
    sensor = SensorFactory()
    with pytest.raises(ZeroDivisionError):
        fail_with(session, sensor)
    assert not sensor.is_stored
    assert "creation_date" not in sensor.__dict__
    sensor.name = "changed"
    session.commit(sensor)
    assert Sensor.select_all().first().name == "changed"


def test_a_table_that_was_made_in_a_failed_unit_is_made_again(session):
    class NeverSeen(Persistent):
        number: Attribute[int] = persistent("number")

    with pytest.raises(ZeroDivisionError):
        fail_with(session, NeverSeen(number=1))
    assert len(NeverSeen.select_all()) == 0
    session.commit(NeverSeen(number=2))
    assert len(NeverSeen.number == 2) == 1


def test_reading_while_a_unit_is_open_sees_what_was_before(session, new_session):
    other = new_session()
    session.commit(SensorFactory())
    with session.unit() as unit:
        unit.add(SensorFactory())
        unit.flush()
        assert len(Sensor.select_all()) == 1
        with other.use():
            assert len(Sensor.select_all()) == 1
    assert len(Sensor.select_all()) == 2


def test_a_unit_within_a_unit_is_refused_at_once(session):
    with session.unit(), pytest.raises(Fault, match=r"begun within another"):
        session.commit(SensorFactory())
    session.commit(SensorFactory())
    assert len(Sensor.select_all()) == 1


def test_an_object_twice_in_a_unit_is_one_row(session):
    sensor = SensorFactory()
    session.commit(DishFactory(sensor=sensor), DishFactory(sensor=sensor), sensor)
    assert (len(Sensor.select_all()), len(Dish.select_all())) == (1, 2)


def test_an_object_without_a_value_that_it_must_have_is_not_committed(session):
    sensor = SensorFactory()
    del sensor.__dict__["name"]
    with pytest.raises(NotFound, match=r"Sensor.name of .* has no value"):
        session.commit(sensor)
    assert len(Sensor.select_all()) == 0


def test_a_product_is_committed_by_its_recipe_only(session):
    with pytest.raises(NotMade, match=r"was never made"):
        session.commit(ExposureFactory())


def test_the_baseline_makes_the_tables_that_are_declared(tmp_path):
    url = f"sqlite:///{tmp_path}/awlta.db"
    create(url, 0)
    engine = open_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), SYSTEM
        )
    engine.dispose()
    assert differences == []


def test_the_newest_migration_is_the_one_that_is_expected():
    config = Config()
    folder = Path(awlta.persistent.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_database_of_another_version_is_refused(new_session):
    session = new_session()
    with session.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=rf"9999.*Expected: {HEAD}.*migrates"):
        new_session()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "cannot be used"),
        ("oracle9://x/y", "cannot be used"),
        ("sqlite:////nowhere/awlta.db", "There is no database"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url, why):
    with pytest.raises(ConfigError, match=why):
        Session(url, "ada", "CRAB")


def test_an_empty_file_is_no_database(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(ConfigError, match=r"holds no awlta tables.*awlta init"):
        Session(f"sqlite:///{path}", "ada", "CRAB")


def test_a_folder_that_is_not_there_is_said_to_be_unreachable(tmp_path):
    with pytest.raises(Unreachable, match=r"unable to open database file"):
        create(f"sqlite:///{tmp_path}/nowhere/awlta.db", 0)


def test_a_row_that_breaks_a_constraint_is_a_fault(session):
    sensor = SensorFactory()
    session.commit(sensor)
    del sensor.__dict__["_store"]
    with pytest.raises(Fault, match=r"The database refused a change"):
        session.commit(sensor)


def test_a_class_that_was_changed_after_its_table_was_made_is_refused(new_session):
    def thing(**attributes):
        annotations = dict.fromkeys(attributes, Attribute[int])
        body = {"__annotations__": annotations, **attributes}
        return type("ThingThatChanges", (Persistent,), body)

    new_session().commit(thing(a=persistent("a"))(a=1))
    later = thing(a=persistent("a"), b=persistent("b"))
    with new_session().use(), pytest.raises(ConfigError, match=r"lacks the columns b"):
        later.select_all().all()


def test_a_class_named_like_a_table_of_the_system_is_refused(session):
    annotations = {"name": Attribute[str]}
    project = type(
        "Project", (Persistent,), {"__annotations__": annotations, "name": persistent("x")}
    )
    with pytest.raises(BadValue, match=r"the system's table project"):
        session.commit(project(name="x"))
    del awlta.persistent.registry["Project"]


def test_a_name_is_one_class_in_the_whole_system():
    with pytest.raises(BadValue, match=r"Two persistent classes are named Sensor"):
        type("Sensor", (Persistent,), {})
    with pytest.raises(BadValue, match=r"SENSOR and Sensor would have one table"):
        type("SENSOR", (Persistent,), {})

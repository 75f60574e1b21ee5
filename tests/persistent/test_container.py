"""A parcel is SQLite, tells what it is, and is refused when it is damaged or changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parcels import altered
from transfers import observatory, send

from awlta.errors import BadInput, NameTaken, NotFound, StorageFault
from awlta.persistent.database import create
from awlta.persistent.session import Session
from awlta.persistent.transfer.checking import check_classes, check_parcel
from awlta.persistent.transfer.container import Parcel


@pytest.fixture(scope="module")
def parcel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parcel with an observatory in it."""
    folder = tmp_path_factory.mktemp("parcel")
    create(f"sqlite:///{folder / 'a.db'}", 0)
    session = Session(f"sqlite:///{folder / 'a.db'}", "ada", "CRAB")
    observatory(session)
    send(session, folder / "parcel")
    session.close()
    return folder / "parcel"


def check(path: Path) -> None:
    found = Parcel(path)
    try:
        check_parcel(found, lambda obj, files: None)
    finally:
        found.close()


def test_a_parcel_is_sqlite_and_tells_what_it_is(parcel):
    check(parcel)
    with sqlite3.connect(parcel) as connection:
        assert connection.execute("SELECT count(*) FROM dish").fetchone() == (2,)
    found = Parcel(parcel)
    assert (found.facts["format"], found.facts["user"]) == (1, "ada")
    assert found.facts["classes"]["MirrorDish"]["tables"] == {
        "dish": {"name": "str", "height": "float"},
        "mirror_dish": {"n_mirrors": "int"},
    }
    found.close()


@settings(max_examples=60)
@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_changes_nothing(parcel, tmp_path_factory, place, bit):
    content = bytearray(parcel.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / "parcel"
    path.write_bytes(content)
    try:
        check(path)
    except BadInput:
        return
    whole, flipped = Parcel(parcel), Parcel(path)
    assert whole.name == flipped.name
    for table in whole.facts["tables"]:
        statement = f"SELECT * FROM {table}"
        rows = whole.connection.execute(statement).fetchall()
        assert flipped.connection.execute(statement).fetchall() == rows
    whole.close()
    flipped.close()


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind", b"SQLite format 3\0" + b"\0" * 99]
)
def test_another_file_is_no_parcel(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadInput, match="is no parcel, or damaged"):
        Parcel(tmp_path / "file")


def test_a_file_that_is_there_is_not_written_over(session, tmp_path):
    (tmp_path / "parcel").write_text("mine")
    with pytest.raises(NameTaken):
        send(session, tmp_path / "parcel")
    assert (tmp_path / "parcel").read_text() == "mine"


def test_an_export_that_fails_leaves_no_file(session, tmp_path):
    with pytest.raises(NotFound):
        send(session, tmp_path / "parcel", ["0190163d-8694-739b-aea5-966c26f8ad91"])
    with pytest.raises(StorageFault):
        send(session, tmp_path / "nowhere" / "parcel")
    assert list(tmp_path.glob("*parcel*")) == []


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM sensor WHERE id IN (SELECT id FROM sensor LIMIT 1)", "have no row in sensor"),
        ("UPDATE dep SET target = 999 WHERE role = 'centre'", "have a target that leads nowhere"),
        ("UPDATE product SET activity = 7", "have an activity that is not there"),
        ("UPDATE thresholds SET weight = 3.5", "has another digest than stored"),
        ("UPDATE product SET class_name = 'Node'", "not of the classes"),
        ("UPDATE sensor SET light = 'green'", "Sensor.light of the object"),
        ("UPDATE sensor SET gains = x'00'", "Sensor.gains of the object"),
        ("CREATE VIEW product2 AS SELECT * FROM product", "view product2"),
        (
            "CREATE TRIGGER t AFTER INSERT ON product BEGIN SELECT 1; END",
            "trigger t, which no parcel does",
        ),
    ],
)
def test_a_parcel_that_somebody_changed_is_refused(parcel, tmp_path, statement, told):
    with pytest.raises(BadInput, match=told):
        check(altered(parcel, tmp_path / "altered", statement))


def test_classes_that_differ_are_all_named(parcel):
    found = Parcel(parcel)
    classes = found.facts["classes"]
    classes["Blimp"] = {"tables": {}, "links": {}, "is_shared": False}
    classes["Dish"]["tables"]["dish"]["height"] = "int"
    classes["Layout"]["tables"]["layout"]["age"] = "float"
    with pytest.raises(BadInput) as refused:
        check_classes(found)
    found.close()
    for told in (
        "Blimp is not known here",
        "Dish differs in height (int there, float here)",
        "Layout differs in age (float there, absent here)",
    ):
        assert told in str(refused.value)


def test_a_format_of_the_future_is_refused(parcel, tmp_path):
    path = altered(
        parcel, tmp_path / "altered", "UPDATE _manifest SET value='2' WHERE name='format'"
    )
    with pytest.raises(BadInput, match="a parcel of format 2"):
        Parcel(path)

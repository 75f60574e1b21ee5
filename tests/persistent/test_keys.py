"""The two keys of an object."""

import threading
from uuid import UUID

import pytest
from factories import SensorFactory

from awlta.errors import BadValue
from awlta.persistent import new_object_id
from awlta.persistent.database import create
from awlta.persistent.keys import check_object_id, first_key
from awlta.persistent.session import Session


def test_an_object_id_is_a_uuid_of_version_7():
    one = UUID(new_object_id())
    assert (one.version, one.variant) == (7, "specified in RFC 4122")


def test_object_ids_rise_also_from_several_threads():
    taken = []

    def take():
        for _ in range(2000):
            taken.append(new_object_id())

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 8000
    mine = [new_object_id() for _ in range(2000)]
    assert mine == sorted(mine)
    assert mine[0] > max(taken)


def test_an_object_id_is_read_in_any_usual_form():
    one = new_object_id()
    for form in (one.upper(), one.replace("-", ""), f"urn:uuid:{one}", f"{{{one}}}"):
        assert check_object_id(form) == one


@pytest.mark.parametrize("wrong", ["", "12", None, 5, b"x", "g" * 32])
def test_what_is_no_object_id_is_refused(wrong):
    with pytest.raises(BadValue, match=r"is no object_id"):
        check_object_id(wrong)


@pytest.mark.parametrize("node", [0, 1, 32767])
def test_integer_keys_begin_with_the_node(tmp_path, node):
    url = f"sqlite:///{tmp_path}/awlta.db"
    create(url, node)
    session = Session(url, "ada", "CRAB", 1, node)
    sensors = SensorFactory.build_batch(100)
    session.commit(*sensors)
    keys = [s.__dict__["_key"] for s in sensors]
    assert keys == sorted(set(keys))
    assert {key >> 48 for key in keys} == {node}
    assert first_key(node) <= keys[0]
    assert keys[-1] < 1 << 63
    session.close()


def test_making_the_tables_twice_does_not_give_a_key_twice(tmp_path):
    url = f"sqlite:///{tmp_path}/awlta.db"
    create(url, 3)
    session = Session(url, "ada", "CRAB")
    session.commit(first := SensorFactory())
    create(url, 3)
    session.commit(second := SensorFactory())
    assert second.__dict__["_key"] > first.__dict__["_key"]
    session.close()

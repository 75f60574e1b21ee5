from __future__ import annotations

import hashlib
import os
import time
import zlib

import pytest

from awlta.digest import Digests
from awlta.errors import (
    BadValue,
    DigestMismatch,
    LeaseLost,
    NameTaken,
    NotFound,
    Refused,
    StorageFault,
)
from awlta_dataserver.store import GRACE, Shelf

OBJECT = "01934b1c-0000-7000-8000-000000000001"


def digests(content):
    return Digests(
        len(content), hashlib.sha256(content).hexdigest(), f"{zlib.adler32(content):08x}"
    )


def send(shelf, name, content, attempt=1):
    part = shelf.begin(name, OBJECT, attempt, len(content))
    part.append([content])
    return shelf.finish(part)


def store(shelf, name, content, attempt=1):
    send(shelf, name, content, attempt)
    return shelf.publish(name, OBJECT, attempt, digests(content))


def read(shelf, name):
    with shelf.open(name, shelf.known(name)) as file:
        return file.read()


def cut_off_before_the_index(shelf, name, content):
    """Leave what a kill between link and commit leaves."""
    send(shelf, name, content)
    os.link(shelf.root / ".part" / f"{OBJECT}.1.{name}", path_of(shelf, name))


def path_of(shelf, name):
    return shelf.root / "data" / hashlib.sha256(name.encode()).hexdigest()[:2] / name


@pytest.fixture
def shelf(tmp_path):
    shelf = Shelf(tmp_path / "root")
    yield shelf
    shelf.close()


def test_a_stored_file_is_read_back_and_counted(shelf):
    assert store(shelf, "a.fits", b"12345") is True
    assert read(shelf, "a.fits") == b"12345"
    assert shelf.known("a.fits") == digests(b"12345")
    assert (shelf.totals()["n_files"], shelf.totals()["bytes"]) == (1, 5)
    assert os.listdir(shelf.root / ".part") == []


def test_a_stored_file_is_read_only_on_the_disk(shelf):
    store(shelf, "a.fits", b"12345")
    assert path_of(shelf, "a.fits").stat().st_mode & 0o777 == 0o444


def test_the_same_content_under_a_name_is_no_fault_and_counted_once(shelf):
    store(shelf, "a.fits", b"12345")
    assert store(shelf, "a.fits", b"12345", attempt=2) is False
    assert shelf.totals()["n_files"] == 1
    assert os.listdir(shelf.root / ".part") == []


def test_other_content_under_a_name_is_refused_and_the_first_stays(shelf):
    store(shelf, "a.fits", b"first")
    with pytest.raises(NameTaken, match="another sha256"):
        store(shelf, "a.fits", b"other", attempt=2)
    assert read(shelf, "a.fits") == b"first"


def test_other_content_is_refused_even_before_the_index_knows_the_first(shelf):
    cut_off_before_the_index(shelf, "a.fits", b"first")
    with pytest.raises(NameTaken):
        store(shelf, "a.fits", b"other", attempt=2)
    assert read(shelf, "a.fits") == b"first"


def test_a_part_that_differs_from_the_promise_is_removed(shelf):
    send(shelf, "a.fits", b"12345")
    with pytest.raises(DigestMismatch, match="sha256 and adler32"):
        shelf.publish("a.fits", OBJECT, 1, digests(b"12346"))
    assert shelf.find("a.fits") is None
    assert os.listdir(shelf.root / ".part") == []


def test_a_part_that_changed_on_the_disk_after_it_was_finished_is_not_published(shelf):
    send(shelf, "a.fits", b"12345")
    part = shelf.root / ".part" / f"{OBJECT}.1.a.fits"
    part.chmod(0o644)
    part.write_bytes(b"1234X")
    with pytest.raises(DigestMismatch):
        shelf.publish("a.fits", OBJECT, 1, digests(b"12345"))


def test_a_part_without_a_sender_is_not_found(shelf):
    with pytest.raises(NotFound, match="no part of attempt 7"):
        shelf.publish("a.fits", OBJECT, 7, digests(b""))


def test_a_part_in_the_writing_cannot_be_published(shelf):
    part = shelf.begin("a.fits", OBJECT, 1)
    part.append([b"12345"])
    with pytest.raises(Refused, match="still being written"):
        shelf.publish("a.fits", OBJECT, 1, digests(b"12345"))
    part.discard()


def test_a_second_transfer_of_one_part_takes_over_and_the_first_one_loses(shelf):
    first = shelf.begin("a.fits", OBJECT, 1)
    first.append([b"wrong so far"])
    second = shelf.begin("a.fits", OBJECT, 1)
    with pytest.raises(LeaseLost, match="taken over"):
        shelf.finish(first)
    first.discard()
    second.append([b"12345"])
    shelf.finish(second)
    assert shelf.publish("a.fits", OBJECT, 1, digests(b"12345")) is True


def test_a_discarded_part_leaves_nothing_and_takes_nothing_more(shelf):
    part = shelf.begin("a.fits", OBJECT, 1)
    part.discard()
    part.append([b"late"])
    with pytest.raises(LeaseLost):
        shelf.finish(part)
    assert os.listdir(shelf.root / ".part") == []


def test_a_retry_after_a_kill_between_link_and_unlink_leaves_the_file_whole(shelf):
    cut_off_before_the_index(shelf, "a.fits", b"12345")
    # The part is now a second name of the published file: truncating it would destroy both.
    part = shelf.begin("a.fits", OBJECT, 1)
    part.append([b"x"])
    assert path_of(shelf, "a.fits").read_bytes() == b"12345"
    part.discard()


def test_a_file_under_its_final_name_but_not_in_the_index_is_entered_when_asked_for(shelf):
    cut_off_before_the_index(shelf, "a.fits", b"12345")
    assert shelf.known("a.fits") is None
    assert shelf.find("a.fits") == digests(b"12345")
    assert shelf.known("a.fits") == digests(b"12345")


def test_a_file_under_its_final_name_but_not_in_the_index_is_entered_when_published(shelf):
    cut_off_before_the_index(shelf, "a.fits", b"12345")
    assert shelf.publish("a.fits", OBJECT, 1, digests(b"12345")) is False
    assert shelf.totals()["n_files"] == 1


def test_the_sweep_enters_what_a_kill_kept_from_the_index(shelf):
    cut_off_before_the_index(shelf, "a.fits", b"12345")
    path_of(shelf, "a.fits").with_name(".hidden").write_bytes(b"not ours")
    assert shelf.sweep() == (1, 0)
    assert shelf.known("a.fits") == digests(b"12345")
    assert shelf.sweep() == (0, 0)


def test_a_lost_index_is_rebuilt_from_the_files_alone(tmp_path):
    shelf = Shelf(tmp_path / "root")
    contents = {f"run-{n}.fits": b"%d" % n for n in range(20)}
    for name, content in contents.items():
        store(shelf, name, content)
    before = (shelf.names("", 100), shelf.totals()["bytes"])
    shelf.close()
    for path in (tmp_path / "root").glob("index.db*"):
        path.unlink()

    rebuilt = Shelf(tmp_path / "root")
    assert rebuilt.sweep() == (20, 0)
    assert (rebuilt.names("", 100), rebuilt.totals()["bytes"]) == before
    rebuilt.close()


def test_the_sweep_sets_old_parts_aside_and_leaves_young_and_busy_ones(shelf):
    for name in ("old", "young", "busy"):
        send(shelf, name, name.encode())
    busy = shelf.begin("busy", OBJECT, 1)
    long_ago = time.time() - GRACE - 60
    for name in ("old", "busy"):
        os.utime(shelf.root / ".part" / f"{OBJECT}.1.{name}", (long_ago, long_ago))

    assert shelf.sweep() == (0, 1)
    assert sorted(os.listdir(shelf.root / ".part")) == [f"{OBJECT}.1.busy", f"{OBJECT}.1.young"]
    (kept,) = (shelf.root / ".quarantine").glob("*/*")
    assert (kept.name, kept.read_bytes()) == (f"{OBJECT}.1.old", b"old")
    busy.discard()


def test_two_shelves_on_one_root_see_the_same_files(shelf):
    other = Shelf(shelf.root)
    send(shelf, "a.fits", b"12345")
    # The other one did not take the part in, so it reads it again before it believes.
    assert other.publish("a.fits", OBJECT, 1, digests(b"12345")) is True
    assert read(shelf, "a.fits") == read(other, "a.fits") == b"12345"
    assert shelf.totals() | {"free": 0} == other.totals() | {"free": 0}
    other.close()


def test_a_file_that_the_disk_lost_is_a_fault_until_it_is_sent_again(shelf):
    store(shelf, "a.fits", b"12345")
    path_of(shelf, "a.fits").unlink()
    with pytest.raises(StorageFault, match="is gone from the disk"):
        shelf.open("a.fits", shelf.known("a.fits"))
    with pytest.raises(NameTaken):
        store(shelf, "a.fits", b"other")
    store(shelf, "a.fits", b"12345")
    assert read(shelf, "a.fits") == b"12345"
    assert shelf.totals()["n_files"] == 1


def test_a_file_that_lost_bytes_is_a_fault(shelf):
    store(shelf, "a.fits", b"12345")
    path_of(shelf, "a.fits").chmod(0o644)
    os.truncate(path_of(shelf, "a.fits"), 3)
    with pytest.raises(StorageFault, match="has 3 bytes on the disk"):
        shelf.open("a.fits", shelf.known("a.fits"))


@pytest.mark.parametrize(("object_id", "attempt"), [("", 1), ("a.b", 1), ("x" * 37, 1), ("a", 0)])
def test_a_part_needs_a_right_object_and_attempt(shelf, object_id, attempt):
    with pytest.raises(BadValue):
        shelf.begin("a.fits", object_id, attempt)


def test_the_longest_part_name_fits_on_the_disk(shelf):
    part = shelf.begin("n" * 200, "o" * 36, 999_999)
    part.append([b"x"])
    shelf.finish(part)
    assert shelf.publish("n" * 200, "o" * 36, 999_999, digests(b"x")) is True


def test_a_file_set_aside_is_kept_in_quarantine_and_its_name_forgotten(shelf):
    store(shelf, "a.fits", b"12345")
    store(shelf, "b.fits", b"678")
    shelf.set_aside("a.fits")
    assert shelf.find("a.fits") is None
    assert (shelf.totals()["n_files"], shelf.totals()["bytes"]) == (1, 3)
    (kept,) = (shelf.root / ".quarantine").glob("*/a.fits")
    assert kept.read_bytes() == b"12345"
    with pytest.raises(NotFound, match=r"no file a\.fits"):
        shelf.set_aside("a.fits")


def test_a_name_set_aside_twice_keeps_both_contents(shelf):
    for content in (b"one", b"two"):
        store(shelf, "a.fits", content)
        shelf.set_aside("a.fits")
    kept = [p.read_bytes() for p in (shelf.root / ".quarantine").glob("*/a.fits")]
    assert sorted(kept) == [b"one", b"two"]


def test_a_kill_between_the_move_and_the_index_is_mended_by_the_same_call(shelf):
    store(shelf, "a.fits", b"12345")
    # what the kill leaves: the file moved, the name still known
    place = shelf.root / ".quarantine" / "earlier"
    place.mkdir(parents=True)
    path_of(shelf, "a.fits").rename(place / "a.fits")
    assert shelf.known("a.fits") == digests(b"12345")
    shelf.set_aside("a.fits")
    assert shelf.names("", 10) == []
    assert (place / "a.fits").read_bytes() == b"12345"


def test_a_part_is_set_aside_unless_it_is_being_written(shelf):
    send(shelf, "quiet", b"quiet")
    busy = shelf.begin("busy", OBJECT, 1)
    assert shelf.parts() == [f"{OBJECT}.1.busy", f"{OBJECT}.1.quiet"]
    shelf.set_part_aside(f"{OBJECT}.1.quiet")
    assert os.listdir(shelf.root / ".part") == [f"{OBJECT}.1.busy"]
    (kept,) = (shelf.root / ".quarantine").glob("*/*")
    assert kept.read_bytes() == b"quiet"
    with pytest.raises(Refused, match="still being written"):
        shelf.set_part_aside(f"{OBJECT}.1.busy")
    for part in (f"{OBJECT}.1.quiet", "../index.db", ""):
        with pytest.raises(NotFound):
            shelf.set_part_aside(part)
    busy.discard()


def test_a_removed_file_and_its_bytes_are_gone_and_its_name_is_free(shelf):
    store(shelf, "a.fits", b"12345")
    assert shelf.remove("a.fits", digests(b"12345").sha256) is True
    assert (shelf.find("a.fits"), path_of(shelf, "a.fits").exists()) == (None, False)
    assert os.listdir(shelf.root / ".removed") == []
    assert (shelf.totals()["n_files"], shelf.totals()["bytes"]) == (0, 0)
    assert shelf.remove("a.fits", digests(b"12345").sha256) is False
    assert store(shelf, "a.fits", b"another") is True


def test_only_the_content_that_is_meant_is_removed(shelf):
    store(shelf, "a.fits", b"12345")
    with pytest.raises(NameTaken, match="other content than is to be removed"):
        shelf.remove("a.fits", digests(b"1234X").sha256)
    assert read(shelf, "a.fits") == b"12345"


def test_a_file_that_the_index_does_not_know_yet_is_removed_too(shelf):
    cut_off_before_the_index(shelf, "a.fits", b"12345")
    assert shelf.remove("a.fits", digests(b"12345").sha256) is True
    assert (shelf.find("a.fits"), path_of(shelf, "a.fits").exists()) == (None, False)


def test_the_sweep_completes_a_removal_that_was_cut_off(shelf):
    for name in ("a.fits", "b.fits"):
        store(shelf, name, b"12345")
        path_of(shelf, name).rename(shelf.root / ".removed" / name)
    store(shelf, "b.fits", b"12345", attempt=2)  # stored again meanwhile
    shelf.sweep()
    assert os.listdir(shelf.root / ".removed") == []
    assert shelf.find("a.fits") is None
    assert read(shelf, "b.fits") == b"12345"
    assert shelf.totals()["n_files"] == 1


def test_a_file_removed_while_it_is_hashed_does_not_come_back(shelf, monkeypatch):
    cut_off_before_the_index(shelf, "a.fits", b"12345")
    enter = shelf._index.enter

    def removed_meanwhile(name, found):
        path_of(shelf, name).rename(shelf.root / ".removed" / name)
        return enter(name, found)

    monkeypatch.setattr(shelf._index, "enter", removed_meanwhile)
    shelf.find("a.fits")
    assert shelf.known("a.fits") is None

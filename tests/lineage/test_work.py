"""What digests of work and content are taken of: stored ones must stay true for ever."""

import hashlib
from datetime import timedelta

from factories import NOON, Exposure, Merged, Zero

from awlta.digest import digest_text
from awlta.lineage.files.filed import FileRecord
from awlta.lineage.making.work import content_of, work_of

NIGHT = NOON + timedelta(hours=12)


def digest_of(*parts: str) -> str:
    """Join texts, each behind its length, and take the sha256."""
    return hashlib.sha256("".join(f"{len(p)}:{p}" for p in parts).encode()).hexdigest()


def test_the_work_digest_is_of_class_category_settings_and_inputs_in_order():
    first, second = Exposure(n=1), Exposure(n=2)
    merged = Merged(number=7, inputs=[first, second], category="A")
    one, two = (str(e.object_id) for e in (first, second))

    told = digest_of("Merged", "A", "number", "7", "inputs", "0", one, "inputs", "1", two)
    assert work_of(merged) == told


def test_the_content_digest_is_of_all_attributes_by_name_and_of_the_files_by_role():
    product = Zero(value=-0.5, since=NOON, until=NIGHT)
    files = [
        FileRecord("data", "z.h5", 3, "0" * 64, "1" * 8, "a" * 64, "x-hdf5"),
        FileRecord("aux", "y.h5", 3, "0" * 64, "1" * 8, "b" * 64, "x-hdf5"),
    ]
    before = ["content", "Zero", "since", "2026-03-01T12:00:00+00:00"]
    before += ["timestamp_end", "none", "timestamp_start", "none"]
    until, after = ["until", "2026-03-02T00:00:00+00:00"], ["value", "-0.5"]

    told = [*before, *until, *after]
    assert content_of(product, []) == digest_text(*told)
    assert content_of(product, files) == digest_text(*told, "aux", "b" * 64, "data", "a" * 64)
    assert content_of(product, [], later=["until"]) == digest_text(*before, *after)


def test_what_has_no_value_is_told_as_none():
    told = ("content", "Exposure", "n", "4", "start", "2026-03-01T12:00:00+00:00")
    assert content_of(Exposure(n=4), []) == digest_text(*told, "total", "none")

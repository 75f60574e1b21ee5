"""Quality flags: declared in a class, set by verify(), kept with value and threshold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import h5py
import pytest
from factories import NOON, Exposure, Summed, SummedFactory, Thresholds
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue, NotMade, RecipeFailed, Refused, UndeclaredInput
from awlta.lineage import Calibration, DataProduct, QCFlag, Workspace, new_hdf5, recipe
from awlta.lineage.quality import quality
from awlta.persistent import Attribute, Link, link, persistent, tables

LIMIT = 2.0


class Reading(DataProduct):
    """A number and a file, with flags."""

    number: Attribute[float] = persistent("number", default=1.0)
    twice: Attribute[float] = persistent("twice the number", init=False)

    TOO_LARGE = QCFlag(0, "number above limit")
    ODD = QCFlag(3, "number is odd", blocking=False)
    EMPTY = QCFlag(7, "nothing in the file")

    @recipe
    def make(self) -> None:
        """Write the number into a file, twice."""
        with new_hdf5(self.create(".h5")) as file:
            file["numbers"] = [self.number] * int(abs(self.number))
        self.twice = 2 * self.number

    def verify(self) -> None:
        """Compare the number with its limit, and look into the file."""
        self.TOO_LARGE.above(self.twice / 2, LIMIT)
        self.ODD = self.number % 2 == 1
        with h5py.File(self.retrieve()) as file:
            self.EMPTY.below(len(file["numbers"]), 1)


class FineReading(Reading):
    """A reading that is verified more closely."""

    NEGATIVE = QCFlag(1, "number below 0")

    def verify(self) -> None:
        """Look at the sign too."""
        super().verify()
        if self.number < 0:
            self.NEGATIVE.set(self.number, 0)


class Level(Calibration):
    """A calibration that is flagged if its value is negative."""

    value: Attribute[float] = persistent("value", default=1.0)

    NEGATIVE = QCFlag(0, "value below 0")

    @recipe
    def make(self) -> None:
        """Take the day."""
        self.timestamp_start, self.timestamp_end = NOON, NOON.replace(day=2)

    def verify(self) -> None:
        """Look at the sign."""
        self.NEGATIVE.below(self.value, 0)


class Levelled(DataProduct):
    """A product with a level."""

    start: Attribute[datetime] = persistent("time", default=NOON)
    base: Link[Level] = link("level", valid_at="start")

    @recipe
    def make(self) -> None:
        """Nothing to do."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every test runs on both databases."""
    return str(request.param)


def made(cls: type[Reading] = Reading, **values: float) -> Reading:
    reading = cls(**values)
    reading.make()
    return reading


def usable(workspace: Workspace, *products: DataProduct) -> list[bool]:
    keys = [product.__dict__["_key"] for product in products]
    found = quality.usable_keys(workspace, keys)
    return [key in found for key in keys]


def test_a_product_is_verified_when_it_is_made(workspace: Workspace) -> None:
    good, bad = made(number=2.0), made(number=5.0)
    assert good.is_verified()
    assert bad.is_verified()
    assert (good.quality_flags, good.get_qcflags_set()) == (0, [])
    assert bad.quality_flags == 0b1001
    assert bad.get_qcflags_set() == ["TOO_LARGE", "ODD"]
    flag = bad.quality_report()[0]
    assert (flag.value, flag.threshold, flag.doc) == (5.0, 2.0, "number above limit")
    assert bad.TOO_LARGE
    assert not bad.EMPTY


def test_flags_are_asked_for_like_any_attribute(workspace: Workspace) -> None:
    good, bad = made(number=2.0), made(number=5.0)
    assert Reading.select(Reading.quality_flags == 9).all() == [bad]
    assert Reading.select(Reading.quality_flags == 0).all() == [good]


def test_verify_reads_the_file_before_it_is_stored(workspace: Workspace) -> None:
    assert made(number=0.5).get_qcflags_set() == ["EMPTY"]


def test_a_subclass_verifies_more(workspace: Workspace) -> None:
    reading = made(FineReading, number=-3.0)
    assert reading.get_qcflags_set() == ["NEGATIVE", "ODD"]


def test_a_class_without_verify_writes_no_row(workspace: Workspace) -> None:
    summed = SummedFactory()
    summed.make()
    assert not summed.is_verified()
    assert summed.get_qcflags_set() == []
    with workspace.database.read() as connection:
        assert connection.execute(tables.standing.select()).all() == []


def test_flags_survive_the_process(
    workspace: Workspace, new_workspace: Callable[..., Workspace]
) -> None:
    bad = made(number=5.0)
    with new_workspace().use():
        again = Reading.select_all().first()
        assert again is not None
        assert again.get_qcflags_set() == bad.get_qcflags_set()


def test_flags_are_set_by_verify_alone(workspace: Workspace) -> None:
    reading = made(number=2.0)
    for product in (reading, Reading()):
        with pytest.raises(Refused, match=r"TOO_LARGE of .* was set outside verify"):
            product.TOO_LARGE = 1
        with pytest.raises(Refused, match=r"quality_flags of .* was set"):
            product.quality_flags = 3
    assert reading.quality_flags == 0


def test_a_flag_is_set_or_cleared_by_a_bit(workspace: Workspace) -> None:
    with pytest.raises(BadValue, match="ODD = 2"):
        Reading().ODD = 2


@pytest.mark.parametrize("value", [float("nan"), 3.0])
def test_no_number_is_beyond_every_limit(value: float) -> None:
    reading = Reading()
    found: dict[str, quality.Raised] = {}
    reading.__dict__["_verifying"] = found
    reading.TOO_LARGE.above(value, 2)
    assert list(found) == ["TOO_LARGE"]
    reading.TOO_LARGE.above(2.0, 2)
    assert not found
    reading.EMPTY.below(-value, -2)
    assert list(found) == ["EMPTY"]


@pytest.mark.parametrize(
    ("bit", "words"),
    [(0, "FINE and TOO_LARGE both have bit 0"), (48, "has bit 48"), (-1, "has bit -1")],
)
def test_a_bit_is_one_flag_of_a_class_and_its_bases(bit: int, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        type("Finer", (Reading,), {"FINE": QCFlag(bit, "something"), "__module__": __name__})


def test_a_flag_says_what_it_means() -> None:
    with pytest.raises(BadValue, match="no documentation"):
        QCFlag(0, " ")
    with pytest.raises(BadValue, match="the bit True"):
        QCFlag(True, "something")
    assert repr(Reading.ODD) == "<QCFlag ODD, bit 3, not blocking: number is odd>"


def test_what_verify_raises_keeps_the_product_from_being_made(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Reading) -> None:
        raise ValueError("no idea")

    monkeypatch.setattr(Reading, "verify", fail)
    reading = Reading()
    with pytest.raises(RecipeFailed, match=r"Reading.verify raised ValueError: no idea"):
        reading.make()
    assert not reading.is_made()
    assert len(Reading.select_all()) == 0


def test_verify_does_not_change_the_product(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(self: Reading) -> None:
        self.twice = 7.0

    monkeypatch.setattr(Reading, "verify", change)
    with pytest.raises(RecipeFailed, match="verify set twice"):
        Reading().make()


def test_verify_reads_what_is_linked_and_no_more(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = made(number=2.0)

    def peep(self: Reading) -> None:
        self.TOO_LARGE.above(other.number, LIMIT)

    monkeypatch.setattr(Reading, "verify", peep)
    with pytest.raises(UndeclaredInput):
        Reading().make()


# again, on a committed product -------------------------------------------------------------


def test_verifying_again_writes_only_what_differs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = made(number=2.0)
    reading.verify()
    assert len(reading._flag_rows()) == 1
    monkeypatch.setattr(f"{__name__}.LIMIT", 1.5)
    reading.verify()
    reading.verify()
    assert reading.get_qcflags_set() == ["TOO_LARGE"]
    assert reading.quality_report()[0].threshold == 1.5
    assert [row.value for row in reading._flag_rows()] == [0, -1]
    monkeypatch.setattr(f"{__name__}.LIMIT", 2.0)
    reading.verify()
    assert reading.quality_flags == 0


def test_verifying_again_keeps_the_flags_of_the_system(workspace: Workspace) -> None:
    reading = Reading(number=5.0)
    quality.note(reading, quality.FALLBACK_CALIBRATION)
    reading.make()
    reading.verify()
    assert reading.get_qcflags_set() == ["TOO_LARGE", "ODD", "FALLBACK_CALIBRATION"]
    assert reading.quality_flags == 1 << 48 | 0b1001


def test_the_flag_of_a_fallback_does_not_block(workspace: Workspace) -> None:
    reading = Reading(number=2.0)
    quality.note(reading, quality.FALLBACK_CALIBRATION)
    reading.make()
    assert usable(workspace, reading) == [True]


def test_what_is_not_made_is_not_verified(workspace: Workspace) -> None:
    with pytest.raises(NotMade, match="which verifies it too"):
        Reading().verify()


def test_who_may_not_judge_may_not_verify(new_workspace: Callable[..., Workspace]) -> None:
    with new_workspace("ada", level=3).use():
        made(number=2.0)
    with new_workspace("bob").use():
        reading = Reading.select_all().first()
        assert reading is not None
        with pytest.raises(Refused, match="not yours to judge"):
            reading.verify()


# what is selected --------------------------------------------------------------------------


def test_a_blocking_flag_keeps_from_selection_and_people_overrule_it(workspace: Workspace) -> None:
    good, odd, bad = made(number=2.0), made(number=1.0), made(number=5.0)
    assert usable(workspace, good, odd, bad) == [True, True, False]
    bad.judge(1)
    assert usable(workspace, bad) == [False]
    bad.judge(1, "the limit is for another site")
    assert usable(workspace, bad) == [True]
    good.judge(0, "taken with the lid on")
    odd.judge(2)
    assert usable(workspace, good, odd) == [False, False]


def test_flags_that_are_newer_than_the_verdict_block_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = made(number=2.0)
    reading.judge(1, "looked at it")
    monkeypatch.setattr(f"{__name__}.LIMIT", 1.0)
    reading.verify()
    assert usable(workspace, reading) == [False]
    reading.judge(1, "looked at it again")
    assert usable(workspace, reading) == [True]


def test_what_was_usable_on_a_date_is_known(workspace: Workspace) -> None:
    reading = made(number=2.0)
    key = reading.__dict__["_key"]
    before = datetime.now(UTC)
    reading.judge(0, "taken with the lid on")
    assert quality.usable_keys(workspace, [key]) == set()
    assert quality.usable_keys(workspace, [key], as_of=before) == {key}


def test_a_flagged_calibration_is_not_chosen(workspace: Workspace) -> None:
    plain, flagged = Level(value=1.0), Level(value=-1.0)
    plain.make()
    flagged.make()
    assert Levelled().base.object_id == plain.object_id
    flagged.judge(1, "the sign is by convention")
    assert Levelled().base.object_id == flagged.object_id


NUMBERS = st.none() | st.floats(allow_nan=False)


@given(
    st.dictionaries(
        st.sampled_from(["TOO_LARGE", "ODD", "EMPTY"]), st.tuples(NUMBERS, NUMBERS), max_size=3
    )
)
def test_flags_cross_the_wire_unchanged(
    found: dict[str, tuple[float | None, float | None]],
) -> None:
    sent, received = Reading(), Reading()
    sent.__dict__["_flags"], sent.__dict__["_is_verified"] = {}, True
    for name, (value, threshold) in found.items():
        quality.note(sent, quality.flags_of(Reading)[name], value, threshold)
    quality.take(received, quality.to_json(sent))
    assert quality.noted(received) == quality.noted(sent)
    value, detail = quality.encode(quality.noted(sent).values())
    assert {raised.flag for raised in quality.decode(detail)} == set(found)
    blocks = {"TOO_LARGE", "EMPTY"} & set(found)
    assert (value < 0) == bool(blocks)
    assert abs(value) & quality.blocking_bits(Reading) > 0 or not blocks


@pytest.mark.parametrize(
    "told",
    [
        "TOO_LARGE",
        [{}],
        [{"flag": "BAD_MOOD", "bit": 0, "blocking": 1, "value": 0, "threshold": 0}],
    ],
)
def test_a_runner_cannot_set_flags_that_the_class_has_not(told: object) -> None:
    with pytest.raises(BadValue):
        quality.take(Reading(), told)


def test_a_runner_that_verified_nothing_says_nothing() -> None:
    assert quality.to_json(Summed(exposure=Exposure(), zero=None, thresholds=Thresholds())) is None

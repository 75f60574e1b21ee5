"""Why a calibration is chosen, what is wrong with those there are, and how they look."""

from __future__ import annotations

import json
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from factories import HOUR, NOON, Exposure, SummedFactory, Zero
from tares import HERE, Patient, Tare, Tared, tare, tared

from awlta.errors import BadValue, NotFound
from awlta.lineage import (
    Calibration,
    CalibrationSet,
    find_conflicts,
    freeze,
    pinned,
    read_timeline,
    why_chosen,
)
from awlta.lineage.calibration.sets import pinned_as, pinned_by
from awlta.lineage.calibration.timechart import svg, text, ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    """Run on both databases."""
    return request.param


def at_one_instant(workspace, *spans):
    """Make tares in one transaction, so that only their object_ids tell them apart."""
    with workspace.together():
        return [tare(*span) for span in spans]


# why -------------------------------------------------------------------------------------


def test_each_candidate_says_why_it_won_or_lost(workspace):
    old = tare(-1, 1)
    low = tare(-1, 1, category="A")
    bad = tare(-1, 1)
    workspace.judge(bad, 0, "clouds")
    hopeful = tare(-1, 1)
    workspace.judge(hopeful, 2, "try it")
    noisy = tare(-1, 1, noise=3.0)
    elsewhere = tare(-1, 1, spot="there")
    early, late = tare(-5, -2), tare(3, 4)
    best = tare(-1, 1)
    product = tared()
    found = why_chosen(product, "tare")
    assert (found[0].calibration, found[0].is_chosen, found[0].is_used) == (best, True, True)
    assert [c for c in found if c.is_chosen or c.is_used] == found[:1]
    told = {c.calibration: "; ".join(c.reasons) for c in found}
    assert told[best] == "the newest of those that fit"
    assert told[old].startswith("eclipsed: the chosen one was made ")
    assert told[low] == "category A is below B"
    assert told[bad].startswith("judged bad by ada on 20")
    assert told[bad].endswith(": clouds")
    assert told[hopeful].startswith("proposed, not accepted yet by ada on 20")
    assert told[noisy] == "flagged NOISY"
    assert told[elsewhere] == "its spot is another"
    assert told[early] == "ended before the time, by 2 h"
    assert told[late] == "begins after the time, by 3 h"
    assert len(told) == 9
    answer = json.loads(json.dumps([c.to_json() for c in found]))
    assert answer[0]["object_id"] == best.object_id
    assert [a["chosen"] for a in answer] == [True] + 8 * [False]
    assert str(found[0]).startswith("chosen <Tare ")


def test_among_equals_the_object_id_is_said_to_decide(workspace):
    first, second = sorted(at_one_instant(workspace, (-1, 1), (-1, 1)), key=lambda t: t.object_id)
    found = why_chosen(tared(), "tare")
    assert [c.calibration for c in found] == [first, second]
    assert "made at the same instant as the chosen one" in found[1].reasons[0]


def test_several_reasons_are_all_told(workspace):
    other = tare(2, 3, category="A", spot="there")
    (found,) = why_chosen(Tared(spot=other.spot.__class__(name=HERE)), "tare")
    assert found.reasons == (
        "its spot is another",
        "begins after the time, by 2 h",
        "category A is below B",
    )
    assert not found.is_chosen


def test_a_fallback_and_a_pinned_set_are_told(workspace):
    near, far = tare(2, 3), tare(5, 6)
    found = why_chosen(tared(cls=Patient), "tare")
    assert found[0].calibration is near
    assert found[0].reasons == (
        "fallback (lower-category or nearest): begins after the time, by 2 h",
    )
    some = CalibrationSet(name="DR1", members=[far])
    workspace.commit(some)
    with pinned(some):
        product = tared(cls=Patient)
    told = {c.calibration: c for c in why_chosen(product, "tare")}
    assert told[far].is_chosen
    assert "not in the pinned set" in told[near].reasons


def test_a_link_without_a_rule_has_no_candidates(workspace):
    summed = SummedFactory()
    with pytest.raises(BadValue, match=r"Summed.exposure is not chosen by validity.* zero"):
        why_chosen(summed, "exposure")
    with pytest.raises(BadValue, match="a class with a link that has valid_at"):
        why_chosen(summed.exposure, "source")


def test_the_lineage_tells_that_a_calibration_stands_in(workspace):
    tare(2, 3)
    product = tared(cls=Patient)
    tree = product.lineage().tree()
    assert "FALLBACK_CALIBRATION: 7200, limit 0 (tare: it begins 2 h after the time)" in tree
    assert "begins 2 h after" in product.lineage().to_svg()
    assert "begins 2 h after" in json.dumps(product.lineage().to_json())


# conflicts -------------------------------------------------------------------------------


def test_ties_gaps_eclipsed_and_bad_ones_in_use_are_found(workspace):
    hidden = tare(0, 2)
    product = tared(1)
    final = tare(0, 3, category="C")
    quick = tare(1, 4, category="A")
    one, two = sorted(
        at_one_instant(workspace, (5, 7), (6, 8), (8, 9))[:2], key=lambda t: t.object_id
    )
    bad = tare(10, 12)
    other = tared(11)
    workspace.judge(bad, 0, "clouds")
    found = find_conflicts(Tare)
    assert [(place, s.object_id) for place, s in found.eclipsed] == [(HERE, hidden.object_id)]
    (tie,) = found.ties
    assert (tie.chosen.object_id, tie.other.object_id) == (one.object_id, two.object_id)
    told = found.to_json()
    hours = [(NOON + n * HOUR).isoformat() for n in range(13)]
    assert (told["ties"][0]["start"], told["ties"][0]["end"]) == (hours[6], hours[7])
    gaps = [(gap["start"], gap["end"]) for gap in told["gaps"]]
    assert gaps == [(hours[3], hours[5]), (hours[9], hours[12])]
    (use,) = told["uses"]
    assert use["object_id"] == other.object_id
    assert (use["role"], use["calibration"]) == ("tare", bad.object_id)
    assert (product.tare, final.category, quick.category) == (hidden, "C", "A")

    within = find_conflicts(Tare, start=NOON - HOUR, end=NOON + 5 * HOUR, category="A")
    starts = [(gap["start"], gap["end"]) for gap in within.to_json()["gaps"]]
    assert starts == [((NOON - HOUR).isoformat(), hours[0]), (hours[4], hours[5])]


def test_calibrations_that_follow_each_other_are_without_conflict(workspace):
    tare(0, 1)
    tare(1, 2)
    assert not find_conflicts(Tare)


def test_conflicts_are_asked_of_calibrations_that_are_there(workspace):
    with pytest.raises(NotFound, match="There is no Tare in your read scope"):
        find_conflicts(Tare)
    tare(0, 1)
    with pytest.raises(NotFound, match=r"There is no Tare of there .*Expected: one of here"):
        find_conflicts(Tare, place="there")
    with pytest.raises(BadValue, match="Exposure has no validity"):
        find_conflicts(Exposure)


# timeline --------------------------------------------------------------------------------


def test_a_timeline_tells_which_part_of_each_calibration_is_chosen(workspace):
    old, new = tare(0, 4), tare(2, 3)
    bad = tare(0, 4)
    workspace.judge(bad, 0, "clouds")
    low, elsewhere = tare(4, 5, category="A"), tare(0, 1, spot="there")
    shown = read_timeline(Tare, at=NOON + HOUR)
    here, there = shown.lanes
    assert [b.span.object_id for b in here.bars] == [t.object_id for t in (old, new, bad, low)]
    assert [b.state for b in here.bars] == ["good", "good", "bad", "lower category"]
    told = shown.to_json()["places"][0]
    hours = [(NOON + n * HOUR).isoformat() for n in range(6)]
    assert told["calibrations"][0]["parts"] == [
        {"start": hours[0], "end": hours[2], "chosen": old.object_id},
        {"start": hours[2], "end": hours[3], "chosen": new.object_id},
        {"start": hours[3], "end": hours[4], "chosen": old.object_id},
    ]
    assert told["calibrations"][0]["author"] == "ada"
    assert told["gaps"] == [{"start": hours[4], "end": hours[5]}]
    assert (told["place"], told["chosen"]) == (HERE, old.object_id)
    assert there.place == "there"
    assert there.at(shown.at) is None
    assert there.bars[0].span.object_id == elsewhere.object_id

    quick = read_timeline(Tare, place=HERE, category="A").lanes[0]
    assert quick.bars[3].state == "good"
    some = freeze("no new one", Tare)
    assert {m.object_id for m in some.members} == {t.object_id for t in (old, new, low, elsewhere)}
    with pytest.raises(BadValue, match="There is a set of calibrations 'no new one' already"):
        freeze("no new one", Tare)


def test_a_timeline_shows_the_time_that_is_asked_for(workspace):
    tare(-30 * 365 * 24, 70 * 365 * 24)
    for n in range(5):
        tare(n, n + 1)
    usual = read_timeline(Tare)
    hours = [(NOON + n * HOUR).isoformat() for n in range(6)]
    assert (usual.to_json()["start"], usual.to_json()["end"]) == (hours[0], hours[5])
    part = read_timeline(Tare, start=NOON + HOUR, end=NOON + 2 * HOUR)
    assert len(part.lanes[0].bars) == 2
    with pytest.raises(BadValue, match="an end after the start"):
        read_timeline(Tare, start=NOON, end=NOON)
    with pytest.raises(BadValue, match="category = 'D'"):
        read_timeline(Tare, category="D")


def test_of_a_base_class_each_class_that_is_chosen_has_lanes_of_its_own(workspace):
    tare(0, 1)
    zero = Zero(since=NOON, until=NOON + HOUR)
    zero.make()
    assert [lane.place for lane in read_timeline(Calibration).lanes] == ["Tare here", "Zero"]
    assert len(freeze("both", Calibration).members) == 2


def test_the_text_has_a_bar_for_each_calibration_the_newest_on_top(workspace):
    old, new = tare(0, 4), tare(1, 2)
    bad = tare(3, 6)
    workspace.judge(bad, 0, "clouds")
    lines = text(read_timeline(Tare, at=NOON + 5 * HOUR), width=34 + 60).split("\n")
    rows = {line[:12]: line[34:] for line in lines}
    assert [line[:12] for line in lines[3:6]] == [t.object_id[-12:] for t in (bad, new, old)]
    assert rows[old.object_id[-12:]] == 10 * "█" + 10 * "░" + 20 * "█" + 10 * " " + "┊"
    assert rows[new.object_id[-12:]].rstrip("┊ ") == 10 * " " + 10 * "█"
    assert rows[bad.object_id[-12:]] == 30 * " " + 30 * "×"
    assert rows["nothing is c"] == 40 * " " + 20 * "·"
    assert "at 2026-03-01 17:00: nothing" in lines
    assert "b judged bad" in lines


def test_the_picture_has_every_part_and_tells_why(workspace):
    old, new = tare(0, 4), tare(1, 2, spot=HERE)
    bad = tare(3, 6)
    workspace.judge(bad, 0, "clouds <&>")
    long = tare(-9, 1.5)
    tare(0, 1, spot="<there> & \x07")
    drawn = svg(read_timeline(Tare, start=NOON, end=NOON + 6 * HOUR, at=NOON + HOUR))
    root = ElementTree.fromstring(drawn)
    titles = [t.text for t in root.iter(f"{SVG}title")]
    assert titles[0] == "Tare: validity against creation"
    (told,) = (t for t in titles if t.startswith(f"Tare {old.object_id}"))
    assert f"eclipsed 2026-03-01 12:00 to 2026-03-01 13:30 by {long.object_id}" in told
    assert f"eclipsed 2026-03-01 13:30 to 2026-03-01 14:00 by {new.object_id}" in told
    assert "chosen 2026-03-01 14:00 to 2026-03-01 16:00: the newest that fits" in told
    assert "by ada, category B" in told
    assert any("not chosen: judged bad" in t for t in titles)
    words = [t.text for t in root.iter(f"{SVG}text")]
    assert "<there> & ?" in words
    assert old.object_id[-12:] in words
    rects = list(root.iter(f"{SVG}rect"))
    hatched = [r for r in rects if r.get("fill") == "url(#hatch)" and r.get("height") == "13"]
    assert len(hatched) == 2  # one bad calibration, and the legend
    assert all(0 <= float(r.get("x", 0)) <= 1100 for r in rects)


def test_marks_of_the_axis_are_round_times_and_not_too_many():
    start = 0
    for hours, label in ((0.01, "00:00:00"), (5, "01-01 00:00"), (5000, "1970-01-01")):
        end = int(timedelta(hours=hours).total_seconds() * 1e6)
        marks = ticks(start, end, 8)
        assert 2 <= len(marks) <= 8
        assert marks[0] == (0, label)


# sets ------------------------------------------------------------------------------------


def test_a_set_is_pinned_by_its_name_or_its_object_id(workspace):
    kept = tare(-1, 1)
    some = freeze("DR1", Tare, description="first release")
    newer = tare(-1, 1)
    for context in (pinned_by("DR1"), pinned_as(some.object_id)):
        with context:
            assert tared().tare is kept
    for context in (pinned_by(None), pinned_as(None)):
        with context:
            assert tared().tare is newer
    with pytest.raises(NotFound, match="no set of calibrations 'DR2'"), pinned_by("DR2"):
        pass
    with pytest.raises(BadValue, match="was pinned"), pinned_as(kept.object_id):
        pass


def test_what_was_made_together_carries_the_set_of_its_time(workspace):
    kept = tare(-1, 1)
    some = freeze("DR1", Tare)
    with workspace.together():
        with pinned(some):
            inside = tared()
        outside = tared()
    newer = tare(-1, 1)
    assert (inside.tare, outside.tare) == (kept, kept)
    assert inside.uptodate()
    assert [r.new for r in outside.uptodate(explain=True)] == [repr(newer)]

"""Which calibration stands in where none fits, and that it is flagged and told."""

from __future__ import annotations

import pytest
from factories import key
from tares import Careful, Patient, tare, tared, told

from awlta.errors import BadValue, NotFound
from awlta.persistent import link


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    """Run on both databases."""
    return request.param


def test_a_fallback_is_one_of_those_there_are():
    for wrong in ("latest", ("nearest", "latest")):
        with pytest.raises(BadValue, match=r"fallback='latest'. Expected: one of lower-category"):
            link("tare", valid_at="at", fallback=wrong)
    with pytest.raises(BadValue, match="a fallback and no valid_at"):
        link("tare", fallback="nearest")


def test_where_none_fits_the_fallbacks_are_tried_in_order_and_flagged(workspace):
    quick, usual = tare(0, 2, category="A"), tare(4, 5)
    tare(-9, 9, spot="elsewhere")
    for hour, category, chosen, why in (
        (1, "B", quick, "tare: its category A is below B"),
        (2, "B", usual, "tare: it begins 2 h after the time"),
        (8, "B", usual, "tare: it ended 3 h before the time"),
    ):
        product = tared(hour, category, cls=Patient)
        assert product.tare is chosen
        assert product.quality_flags == 1 << 48
        (raised,) = product.quality_report()
        assert (raised.flag, raised.blocking) == ("FALLBACK_CALIBRATION", False)
        assert why in raised.doc
    fitting = tared(4, cls=Patient)
    assert (fitting.tare, fitting.quality_flags) == (usual, 0)
    assert tared(3, "C", cls=Patient).tare is None


def test_earlier_looks_back_alone(workspace):
    tare(5, 6)
    with pytest.raises(NotFound, match="No valid Tare covers"):
        tared(4, cls=Careful)
    tare(0, 1)
    last = tare(0, 2)
    tare(-3, -2)
    product = tared(4, cls=Careful)
    assert product.tare is last
    assert "it ended 2 h before the time" in product.quality_report()[0].doc


def test_a_bad_or_flagged_calibration_is_no_fallback_either(workspace):
    workspace.judge(tare(0, 1), 0, "cold")
    tare(2, 3, noise=5.0)
    far = tare(9, 10)
    assert tared(1, cls=Patient).tare is far


def test_what_has_a_fallback_is_out_of_date_when_one_comes_that_fits(workspace):
    near = tare(4, 5)
    product = tared(2, cls=Patient)
    assert (product.tare, product.uptodate()) == (near, True)
    nearer = tare(3, 4)
    assert told(workspace, product) == {(key(product), "tare", key(near), key(nearer))}
    fits = tare(2, 3)
    assert told(workspace, product) == {(key(product), "tare", key(near), key(fits))}
    assert not product.uptodate()
    again = tared(2, cls=Patient)
    assert (again.tare, again.quality_flags, again.uptodate()) == (fits, 0, True)


def test_a_calibration_that_does_not_fit_is_flagged_though_it_was_given_by_hand(workspace):
    other = tare(0, 1, spot="elsewhere")
    product = tared(0, tare=other)
    assert "its spot is another" in product.quality_report()[0].doc
    assert told(workspace, product) == set()
    fits = tare(0, 1)
    assert told(workspace, product) == {(key(product), "tare", key(other), key(fits))}

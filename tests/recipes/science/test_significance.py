"""The significance of an excess, on counts that can be reckoned by hand."""

import numpy as np
import pytest

from awlta.errors import BadValue
from awlta_recipes.science import excess, li_ma


def test_li_ma_agrees_with_the_likelihood_ratio_written_out():
    # 20 on, 40 off at alpha 1/4: 2 (20 ln(5 x 20 / 60) + 40 ln(1.25 x 40 / 60)) = 5.847
    assert li_ma(20, 40, 0.25) == pytest.approx(np.sqrt(5.847), abs=1e-3)


def test_without_excess_there_is_no_significance():
    assert li_ma(10, 20, 0.5) == pytest.approx(0.0, abs=1e-6)
    assert li_ma(0, 0, 0.5) == 0.0


def test_a_deficit_is_negative_and_zeros_are_no_fault():
    assert li_ma(0, 100, 0.1) == pytest.approx(-np.sqrt(200 * np.log(1.1)))
    assert li_ma(5, 0, 1.0) == pytest.approx(np.sqrt(10 * np.log(2.0)))
    assert excess(12, 40, 0.1) == 8.0


def test_significance_keeps_the_shape():
    assert li_ma(np.ones((2, 3)), np.ones(3), 0.5).shape == (2, 3)


@pytest.mark.parametrize("counts", [(-1, 5, 0.1), (1, 5, 0.0), (1, 5, np.nan), (np.nan, 5, 0.1)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(BadValue):
        li_ma(*counts)

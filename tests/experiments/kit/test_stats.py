import math
import random
import statistics

import pytest

from experiments.kit.stats import Estimate, estimate, interval, median, quantile, ratio_interval, theil_sen


def test_the_median_is_the_middle_one():
    assert median([3, 1, 2]) == 2.0
    assert median([4, 1, 2, 3]) == 2.5


@pytest.mark.parametrize(("p", "value"), [(0, 10), (0.5, 30), (1, 50), (0.25, 20), (0.9, 46)])
def test_a_quantile_lies_between_its_neighbours(p, value):
    assert quantile([50, 10, 40, 20, 30], p) == pytest.approx(value)


def test_no_values_have_no_quantile():
    with pytest.raises(statistics.StatisticsError, match="no quantile"):
        quantile([], 0.5)


def test_an_interval_lies_around_its_median_and_inside_its_values():
    values = [1.0, 1.1, 1.2, 1.3, 9.0]
    low, high = interval(values)
    assert 1.0 <= low <= 1.2 <= high <= 9.0


def test_the_same_values_have_the_same_interval():
    values = [0.9, 1.4, 1.1, 1.0, 1.3, 1.2]
    assert interval(values) == interval(values)


def test_two_values_say_nothing_about_their_spread():
    assert interval([1.0, 1.0]) == (-math.inf, math.inf)
    assert estimate([1.0, 1.0]).beyond(5.0) is None


def test_intervals_cover_the_truth_about_as_often_as_they_promise():
    dice = random.Random(1)
    samples = [[dice.gauss(10, 1) for _ in range(15)] for _ in range(100)]
    covered = sum(low <= 10 <= high for low, high in map(interval, samples))
    assert 88 <= covered <= 100


@pytest.mark.parametrize(("low", "high", "answer"), [(1.2, 1.9, True), (0.8, 1.1, False), (1.1, 1.3, None)])
def test_an_estimate_is_beyond_a_limit_only_with_its_whole_interval(low, high, answer):
    assert Estimate(1.2, low, high).beyond(1.15) is answer


def test_paired_ratios_do_not_mind_a_clock_that_changes_its_speed():
    alone = [1.0, 1.8, 1.0, 1.8, 1.0]
    both = [2.0, 3.6, 2.0, 3.6, 2.0]
    assert ratio_interval(both, alone) == (2.0, 2.0, 2.0)


def test_pairs_need_a_partner_each():
    with pytest.raises(ValueError, match="zip"):
        ratio_interval([1.0, 2.0], [1.0])


def test_an_outlier_does_not_tilt_the_slope():
    xs = list(range(10))
    ys = [2.0 * x for x in xs]
    ys[3] = 500.0
    slope = theil_sen(xs, ys)
    assert slope.value == pytest.approx(2.0)
    assert slope.low <= 2.0 <= slope.high


def test_a_slope_needs_two_different_places():
    with pytest.raises(statistics.StatisticsError, match="no slope"):
        theil_sen([1, 1], [1, 2])

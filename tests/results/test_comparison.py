"""The verdict on theory against simulation, on data whose answer is known: alarms, power, extrapolation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dmft.results.comparison import AGREES, DEVIATES, FALSE_ALARM, UNDECIDED, compare_solutions
from dmft.results.curve import Observable
from dmft.results.solution import Solution
from dmft.results.statistics import Moments
from dmft.results.status import CONVERGED, Status

POINTS = 20
DONE = Status(CONVERGED, "")
CURVE = Observable("curve", "x", "a curve")
MATRIX = Observable("matrix", "X", "a two-time kernel", ("t", "t_prime"))
SCALAR = Observable("scalar", "s", "a number", ())


def solution(observable, samples) -> Solution:
    """What a solver would return for these samples (first axis)."""
    moments = Moments()
    for sample in samples:
        moments.add({"x": sample})
    curve = observable.curve(moments.mean("x"), moments.stderr("x"))
    return Solution({observable.name: curve}, {}, DONE, samples=len(samples))


def exact(observable, values) -> Solution:
    return Solution({observable.name: observable.curve(values)}, {}, DONE)


def judge(theory, simulations):
    return compare_solutions(theory, simulations)


@pytest.mark.parametrize("sizes", [(500,), (250, 500, 1000)], ids=["one size", "extrapolated"])
@pytest.mark.parametrize(("batches", "replicas"), [(0, 4), (0, 30), (8, 8), (8, 30)])
def test_false_alarms_of_a_correct_theory(sizes, batches, replicas):
    rng = np.random.default_rng(replicas + batches)
    trials, alarms = 1000, 0
    truth = np.linspace(1.0, 2.0, POINTS)
    for _ in range(trials):
        theory = solution(CURVE, truth + 0.5 * rng.normal(size=(batches, POINTS))) if batches else exact(CURVE, truth)
        runs = {
            size: solution(CURVE, truth + 20.0 / np.sqrt(size) * rng.normal(size=(replicas, POINTS))) for size in sizes
        }
        alarms += judge(theory, runs).verdict == DEVIATES
    # Independent points make the correction for their number exact: alarms are Poisson with this mean.
    # Half as many more for Welch's approximation (measured 0.9 to 1.4 %), four standard deviations for chance.
    mean = FALSE_ALARM * trials
    assert alarms <= 1.5 * mean + 4.0 * np.sqrt(mean)
    assert batches or len(sizes) > 1 or alarms >= 1, "never an alarm: the test could not fail"


@pytest.mark.parametrize("observable", [CURVE, MATRIX], ids=["curve", "two-time"])
def test_a_wrong_theory_is_found(observable):
    rng = np.random.default_rng(1)
    shape = (POINTS,) * len(observable.dims)
    truth = np.ones(shape)
    found = 0
    for _ in range(50):
        theory = solution(observable, truth + 0.01 * rng.normal(size=(8, *shape)))
        wrong = truth.copy()
        wrong[(POINTS // 2,) * len(shape)] += 1.0  # ten standard errors at one point
        measured = solution(observable, wrong + 0.4 * rng.normal(size=(16, *shape)))
        found += judge(theory, {500: measured}).verdict == DEVIATES
    assert found >= 45


def test_corrections_of_order_one_over_size_are_extrapolated_away():
    rng = np.random.default_rng(2)
    truth, slope = np.full(POINTS, 2.0), np.linspace(20.0, 40.0, POINTS)
    sizes = (250, 500, 1000, 2000)
    runs = {size: solution(CURVE, truth + slope / size + 1e-3 * rng.normal(size=(16, POINTS))) for size in sizes}
    together = judge(exact(CURVE, truth), runs)
    assert together.verdict == AGREES
    item = together.observables["curve"]
    # deviation c/N exactly; its error at the largest size is 1e-3/4/√20 on .015, that is .4 %
    assert item.exponent == pytest.approx(1.0, abs=0.02)
    assert np.all(np.diff(item.deviation) < 0.0)
    alone = judge(exact(CURVE, truth), {2000: runs[2000]})
    assert alone.verdict == DEVIATES
    assert "--size" in alone.message
    shifted = judge(exact(CURVE, truth + 0.02), runs)  # a constant error is not of order 1/N
    assert shifted.verdict == DEVIATES


@pytest.mark.parametrize("wild", [1e3, 1e9, 1e90])
@pytest.mark.parametrize("sizes", [(250, 500), (250, 500, 1000)], ids=str)
def test_a_size_at_which_a_replica_runs_away_says_nothing(sizes, wild):
    """As ``sgd/ridge`` near the edge of stability: the fit to three sizes becomes that to the other two."""
    rng = np.random.default_rng(6)
    truth = np.full(POINTS, 2.0)
    runs = {size: solution(CURVE, truth + 1e-2 * rng.normal(size=(16, POINTS))) for size in sizes}
    gone = truth + 1e-2 * rng.normal(size=(16, POINTS))
    gone[0] += wild * np.linspace(0.0, 1.0, POINTS)
    item = judge(exact(CURVE, truth), {**runs, sizes[0]: solution(CURVE, gone)}).observables["curve"]
    assert item.agrees
    if len(sizes) == 3 and wild > 1e6:
        rest = judge(exact(CURVE, truth), {size: runs[size] for size in sizes[1:]}).observables["curve"]
        assert item.max_z <= rest.max_z * (1.0 + 1e-9)
        shifted = judge(exact(CURVE, truth + 0.2), {**runs, sizes[0]: solution(CURVE, gone)})
        assert shifted.verdict == DEVIATES


def test_relative_error_and_noise():
    truth = np.full(POINTS, 4.0)
    runs = {500: solution(CURVE, np.array([truth + 0.5, truth + 0.3]))}
    item = judge(exact(CURVE, truth), runs).observables["curve"]
    assert item.relative_error == pytest.approx(0.1)
    assert item.deviation == pytest.approx((0.4,))
    assert item.noise[0] > 0.0
    assert np.isnan(item.exponent)


def test_points_without_noise_prove_nothing():
    rng = np.random.default_rng(3)
    truth = np.ones((POINTS, POINTS))
    data = truth + 0.1 * rng.normal(size=(8, POINTS, POINTS))
    data[:, 0, 0] = 5.0  # fixed by the start: no noise, whatever the value
    data += np.triu(np.full_like(truth, 9.0), 1)  # the upper triangle mirrors the lower one and is not looked at
    assert judge(exact(MATRIX, truth), {100: solution(MATRIX, data)}).verdict == AGREES


def test_curves_of_different_length_are_compared_where_both_are():
    rng = np.random.default_rng(4)
    short = solution(CURVE, 1.0 + 0.1 * rng.normal(size=(8, POINTS // 2)))
    long = solution(CURVE, np.vstack([np.ones(POINTS)] * 8) + 0.1 * rng.normal(size=(8, POINTS)))
    assert judge(short, {100: long}).observables["curve"].max_z < 5.0
    assert judge(long, {100: short}).observables["curve"].max_z < 5.0


@pytest.mark.parametrize(
    ("theory", "simulation", "reason"),
    [
        (exact(SCALAR, np.array(1.0)), solution(SCALAR, np.array([1.0, 2.0])), "the simulation reports no curves"),
        (exact(CURVE, np.ones(3)), solution(CURVE, np.ones((1, 3))), "one replica has no error bars"),
        (exact(CURVE, np.ones(3)), solution(CURVE, np.ones((4, 3))), "the common curves do not fluctuate"),
        (
            exact(CURVE, np.full(3, np.nan)),
            solution(CURVE, np.random.default_rng(0).normal(size=(4, 3))),
            "the common curves do not fluctuate",
        ),
        (exact(MATRIX, np.ones((3, 3))), solution(CURVE, np.ones((4, 3))), "the theory makes no prediction of what"),
    ],
    ids=["scalars only", "one replica", "no noise", "nan", "nothing in common"],
)
def test_nothing_to_compare_is_no_agreement(theory, simulation, reason):
    comparison = judge(theory, {100: simulation})
    assert comparison.observables == {}
    assert comparison.verdict == UNDECIDED
    assert comparison.message.startswith(f"nothing to compare: {reason}")


def test_one_replica_that_is_left_of_several():
    left = dataclasses.replace(solution(CURVE, np.ones((1, 3))), method={"replicas": 4})
    assert "only one of 4 replicas gave a result" in judge(exact(CURVE, np.ones(3)), {100: left}).message


def test_an_exact_simulation_is_judged_by_its_round_off():
    """Neither samples nor errors: equal up to the last digits agrees, a part in 10⁹ deviates."""
    values = 5e-3 * np.linspace(0.5, 1.0, 20)

    def made(factor):
        return Solution({"curve": CURVE.curve(factor * values)}, {}, DONE, 0)

    assert made(1.0).exact
    assert compare_solutions(made(1.0), {10: made(1.0 + 1e-15)}).verdict == AGREES
    assert compare_solutions(made(1.0), {10: made(1.0 + 1e-9)}).verdict == DEVIATES


def test_a_deterministic_simulation_is_judged_by_the_error_that_it_states():
    """No samples, but an error bar on every point: a deviation of one bar agrees, of ten deviates."""
    t = np.linspace(0.0, 1.0, 50)
    observable = Observable("norm", "C", "norm")

    def solution(shift, error):
        curve = observable.curve(t + shift, None if error is None else np.full_like(t, error))
        return Solution({"norm": curve}, {}, Status(CONVERGED, ""), 0)

    theory = solution(0.0, None)
    assert compare_solutions(theory, {10: solution(0.01, 0.01)}).verdict == "agrees"
    assert compare_solutions(theory, {10: solution(0.1, 0.01)}).verdict == "deviates"
    halved = {10: solution(0.1, 0.1), 20: solution(0.05, 0.05), 40: solution(0.025, 0.025)}
    comparison = compare_solutions(theory, halved)
    assert comparison.verdict == "agrees"
    assert comparison.observables["norm"].max_z < 1e-6  # 1/N, so nothing is left at N → ∞

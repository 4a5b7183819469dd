"""Every check on numbers that are known: what it must pass, what it must refuse, what it says."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import ParameterError
from dmft.results.checks import Agrees, Between, Bounded, Equals, Monotone, Ordered, Peaks, Slope
from dmft.results.claims import CONFIRMED, NOT_CONFIRMED, PARTLY, Outcome, Pick, verdict
from dmft.results.comparison import Comparison, ObservableComparison
from dmft.results.curve import Coordinate, Curve
from dmft.results.run import Run
from dmft.results.solution import Solution
from dmft.results.status import Status

X = np.array([1.0, 2.0, 4.0, 8.0])


def run(comparison=None, samples=10**6, **curves):
    """A run with scalars and curves over x, each values or (values, stderr); a name in capitals is simulated."""
    parts = {"theory": {}, "simulation": {}}
    for name, given in curves.items():
        values, error = given if isinstance(given, tuple) else (given, None)
        values = np.array(values, dtype=float)
        error = None if error is None else np.broadcast_to(np.array(error, dtype=float), values.shape).copy()
        side = "simulation" if name.isupper() else "theory"
        parts[side][name.lower()] = Curve(name.lower(), values, error, ("x",) * values.ndim, name, name)
    axes = {"x": Coordinate("x", X, "x", "x"), "step": Coordinate("step", X * 10, "s", "step", dim="x")}
    solutions = {
        side: Solution(found, axes, Status("converged", "done"), samples=samples) if found else None
        for side, found in parts.items()
    }
    return {"": Run("toy", {}, comparison=comparison, **solutions)}


def passed(check, results):
    return check.judge(results).passed


def test_picks_a_point_an_end_a_part_and_a_second_scale():
    results = run(y=(X**2, 0.1), Y=(X**3, 0.2))
    assert Pick("y", {"x": 4.0}).get(results).values == 16.0
    assert Pick("y", {"step": 40}).get(results).values == 16.0
    assert Pick("y", {"x": "last"}, side="simulation").get(results).values == 512.0
    part = Pick("y", {"x": (2, 4)}, factor=-2.0).get(results)
    assert part.values.tolist() == [-8.0, -32.0]
    assert part.stderr.tolist() == [0.2, 0.2]
    assert part.axis.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (Pick("z"), "not among the results"),
        (Pick("y", {"t": 1.0}), "has no axis 't': it has x"),
        (Pick("y", {"x": 3.0}), "not a point of that axis: the nearest is 2.0"),
    ],
)
def test_what_is_not_there_is_told(pick, message):
    with pytest.raises(ParameterError, match=message):
        pick.get(run(y=X))


def test_published_digits_and_standard_errors_decide():
    assert passed(Equals(Pick("a"), "0.1235"), run(a=0.12346))
    assert not passed(Equals(Pick("a"), "0.1234"), run(a=0.12346))
    assert passed(Equals(Pick("a"), "0.1235"), run(a=(0.15, 0.009)))  # 2.9 standard errors
    assert not passed(Equals(Pick("a"), "0.1235"), run(a=(0.15, 0.008)))
    assert passed(Equals(Pick("a"), (1.0, 0.05)), run(a=1.1))
    assert not passed(Equals(Pick("a"), (1.0, 0.03)), run(a=1.1))
    assert passed(Equals(Pick("a"), "100", within=0.04), run(a=104.4))
    assert not passed(Equals(Pick("a"), "100", within=0.04), run(a=104.6))
    outcome = Equals(Pick("a"), (2.0, 0.0)).judge(run(a=(2.2, 0.1)))
    assert outcome.z == pytest.approx(2.0)
    assert outcome.relative_error == pytest.approx(0.1)


def test_curves_are_equal_up_to_chance_for_their_points():
    same = Equals(Pick("y"), Pick("w"))
    assert passed(same, run(y=X, w=X + 1e-13))
    assert not passed(same, run(y=X, w=X + 1e-10))
    assert passed(same, run(y=(X, 1.0), w=X + 3.0))  # 3.02 are allowed for four points
    assert not passed(same, run(y=(X, 1.0), w=X + 3.1))
    assert passed(same, run(y=(X, 1.0), w=X + 3.1, samples=4))  # few samples have Student tails


def test_ranges_and_ratios():
    assert passed(Between(Pick("a"), 0.9, 1.0), run(a=0.95))
    assert not passed(Between(Pick("a"), 0.9, 1.0), run(a=1.001))
    assert not passed(Between(Pick("y"), low=1.5), run(y=X))
    assert not passed(Between(Pick("a"), low=0.0), run(a=float("nan")))
    assert passed(Between(Pick("a"), 1.9, 2.1, over=Pick("b")), run(a=4.0, b=2.0))
    assert not passed(Between(Pick("a"), 1.9, 2.1, over=Pick("b")), run(a=4.0, b=1.0))


def test_bounds_allow_for_noise_only():
    assert passed(Bounded(Pick("y"), Pick("w")), run(y=X, w=X))
    assert not passed(Bounded(Pick("y"), Pick("w")), run(y=X * 1.001, w=X))
    assert passed(Bounded(Pick("y"), Pick("w")), run(y=(X + 2.0, 1.0), w=X))
    assert not passed(Bounded(Pick("y"), Pick("w")), run(y=(X + 3.0, 1.0), w=X))


def test_order_needs_two_standard_errors():
    order = Ordered((Pick("a"), Pick("b")))
    assert passed(order, run(a=1.0, b=1.1))
    assert not passed(order, run(a=1.1, b=1.0))
    assert not passed(order, run(a=1.0, b=1.0))
    assert passed(order, run(a=(1.0, 0.03), b=(1.1, 0.03)))
    assert not passed(order, run(a=(1.0, 0.04), b=(1.1, 0.04)))
    assert passed(order, run(a=1.0, b=float("inf")))


def test_exponents():
    assert passed(Slope(Pick("y"), -1.5, 1e-9), run(y=X**-1.5))
    assert not passed(Slope(Pick("y"), -1.4, 0.05), run(y=X**-1.5))
    assert passed(Slope(Pick("y"), 2.0, 1e-9, x=Pick("w")), run(y=X**4, w=X**2))


def test_monotony_and_maxima():
    assert passed(Monotone(Pick("y")), run(y=X))
    assert not passed(Monotone(Pick("y"), rising=False), run(y=X))
    assert not passed(Monotone(Pick("y")), run(y=[1.0, 3.0, 2.0, 4.0]))
    assert passed(Monotone(Pick("y")), run(y=([1.0, 3.0, 2.5, 4.0], 0.5)))
    assert not passed(Monotone(Pick("y")), run(y=([1.0, 1.1, 1.0, 1.2], 0.5)))  # flat within the errors
    hump = [1.0, 3.0, 2.0, 0.0]
    assert passed(Peaks(Pick("y"), (1.5, 3.0)), run(y=hump))
    assert not passed(Peaks(Pick("y"), (3.0, 9.0)), run(y=hump))
    assert not passed(Peaks(Pick("y")), run(y=X))
    assert not passed(Peaks(Pick("y")), run(y=(hump, 1.0)))  # above its ends by less than chance


@pytest.mark.parametrize("agrees", [True, False])
def test_agreement_is_that_of_the_comparison(agrees):
    item = ObservableComparison(2.5 if agrees else 9.0, 3.0, 0.01, (0.1,), (0.1,), float("nan"), agrees)
    outcome = Agrees().judge(run(Comparison((500,), {"y": item}), y=X))
    assert (outcome.passed, outcome.z) == (agrees, item.max_z)
    assert ("agree" if agrees else "deviate") in outcome.text
    assert not Agrees().judge(run(y=X)).passed


def test_verdicts():
    good, bad = Outcome(True, ""), Outcome(False, "")
    assert verdict([good, good]) == CONFIRMED
    assert verdict([good, bad]) == PARTLY
    assert verdict([bad, bad]) == NOT_CONFIRMED
    with pytest.raises(ValueError, match="without a check"):
        verdict([])

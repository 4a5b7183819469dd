"""Iteration of maps: against plain Python, events, blocks, numbers beyond the range of float64, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmft.errors import MemoryLimitError, ParameterError
from dmft.results.progress import Progress
from dmft.solvers.map.callbacks import event, step
from dmft.solvers.map.scaled import LARGE, SMALL, from_log, to_log
from dmft.solvers.map.solve import LANES, iterate


@step
def rotate(y, parameters):
    """A turn by the angle of the parameter."""
    for i in range(y.shape[1]):
        c, s = np.cos(parameters[0, i]), np.sin(parameters[0, i])
        a, b = y[0, i], y[1, i]
        y[0, i], y[1, i] = c * a - s * b, s * a + c * b


@event
def axes(y, parameters, out):
    for i in range(y.shape[1]):
        out[0, i] = y[1, i]
        out[1, i] = y[0, i]


@step
def square(y, parameters):
    for i in range(y.shape[1]):
        y[0, i] = y[0, i] * y[0, i]


def test_turns_are_those_of_the_circle():
    angles = np.linspace(0.01, 0.3, 2 * LANES + 3)[:, None]
    at = np.array([0, 1, 17, 300])
    orbits = iterate(rotate, [1.0, 0.0], 300, parameters=angles, at=at)
    exact = np.stack([np.cos(angles * at), np.sin(angles * at)], axis=2)
    # each step rounds to a few units in the last place
    np.testing.assert_allclose(orbits.y, exact, rtol=0.0, atol=300 * 4 * np.finfo(float).eps)
    assert np.array_equal(orbits.y_end, orbits.y[:, -1])
    assert orbits.status.success
    assert (orbits.done == 300).all()


@pytest.mark.parametrize(("direction", "first"), [(1.0, 63), (-1.0, 32), (0.0, 32)])
def test_events_are_changes_of_sign_in_their_direction(direction, first):
    """A start on the axis is no event, and neither is the other direction."""
    orbits = iterate(
        rotate, [1.0, 0.0], 400, parameters=[[0.1]], events=axes, direction=(direction, 1.0), keep_events=3
    )
    turns = 400 * 0.1 / (2.0 * np.pi)
    assert orbits.event_counts[0, 0] == (int(turns) if direction > 0.0 else int(turns + 0.5)) + (
        int(turns) if direction == 0.0 else 0
    )
    assert orbits.when[0, 0, 0] == first
    np.testing.assert_allclose(orbits.where[0, 0, 0], [np.cos(0.1 * first), np.sin(0.1 * first)], atol=1e-13)
    assert np.isfinite(orbits.when[0, 0]).all()  # more happened than were kept


def test_members_have_the_same_bits_in_any_block(monkeypatch):
    angles = np.linspace(0.01, 0.3, 150)[:, None]
    together = iterate(rotate, [1.0, 0.0], 100, parameters=angles).y_end
    alone = np.concatenate([iterate(rotate, [1.0, 0.0], 100, parameters=[angle]).y_end for angle in angles[::29]])
    np.testing.assert_allclose(together[::29], alone, rtol=0.0, atol=0.0)


def test_divergence_is_told_and_the_others_go_on():
    orbits = iterate(square, [[0.5], [2.0]], 20, at=[0, 1, 20])
    assert orbits.status.code == "diverged"
    assert orbits.y[0, :, 0].tolist() == [0.5, 0.25, 0.0]
    assert orbits.y[1, :2, 0].tolist() == [2.0, 4.0]
    assert np.isnan(orbits.y[1, 2, 0])


def test_interrupt_keeps_what_is_done():
    class Impatient(Progress):
        def update(self, done):
            raise KeyboardInterrupt

    orbits = iterate(rotate, np.ones((3000, 2)), 10, parameters=[0.1], progress=Impatient())
    assert orbits.status.code == "interrupted"
    assert set(orbits.done) == {0, 10}


@given(st.floats(-1e5, 1e5))
def test_scaled_numbers_keep_logarithms(logarithm):
    mantissa, exponent = from_log(np.array(logarithm))
    assert SMALL <= mantissa <= LARGE
    assert to_log(mantissa, exponent) == pytest.approx(logarithm, rel=1e-14, abs=1e-13)


def test_scaled_zero():
    assert from_log(np.array(-np.inf))[0] == 0.0
    assert to_log(np.array(0.0), np.array(0.0)) == -np.inf


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"y0": [[np.nan]]}, "finite"),
        ({"parameters": np.zeros((3, 1)), "y0": np.ones((2, 1))}, "give 1 or 3"),
        ({"at": [3, 2]}, "increasing"),
        ({"at": [11]}, "between 0 and steps = 10"),
        ({"steps": -1}, "steps"),
    ],
)
def test_wrong_input_is_refused(options, words):
    call = {"y0": [[1.0]], "steps": 10, **options}
    with pytest.raises(ParameterError, match=words):
        iterate(square, **call)


def test_memory_is_checked_first():
    with pytest.raises(MemoryLimitError, match="fewer members"):
        iterate(square, np.ones((10**6, 1)), 10**7, at=np.arange(10**6))

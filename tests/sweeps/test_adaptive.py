"""Adaptive points gather at a transition, the same ones with any number of workers and after an interruption."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import dmft
from dmft.errors import DMFTError, ParameterError, UnknownNameError

pytest.importorskip("adaptive")


def test_points_gather_at_the_step(trouble, output, assert_same):
    over = {"x": (-1, 1, 5)}
    diagram = dmft.sweep(trouble, over, output, adaptive=29, observable="step", jobs=2)
    x = diagram.coordinates["x"].values
    assert diagram.axes == ("point",)
    assert len(x) == 29
    assert (np.diff(x) > 0).all()
    # tanh(40(x − 0.3)) changes within ±0.1: a tenth of the range, which an even grid would give three points
    assert np.count_nonzero(np.abs(x - 0.3) < 0.1) > 29 / 3
    assert_same(diagram, dmft.load(output))
    again = dmft.sweep(trouble, over, adaptive=29, observable="step", jobs=1)
    assert_same(diagram, again)


def test_continues_with_more_points(trouble, output, assert_same):
    over = {"x": (-1, 1, 5)}
    dmft.sweep(trouble, over, output, adaptive=13, jobs=1)
    longer = dmft.sweep(trouble, over, output, adaptive=21, jobs=2)
    assert_same(longer, dmft.sweep(trouble, over, adaptive=21, jobs=1))


def test_two_axes_with_a_logarithm(trouble):
    over = {"x": (-1, 1, 3), "y": "log:0.1:10:3"}
    diagram = dmft.sweep(trouble, over, adaptive=25, observable="step", jobs=2)
    assert diagram["step"].values.shape == (25,)
    y = diagram.coordinates["y"].values
    assert (y.min(), y.max()) == (0.1, 10.0)
    diagram.plot()


@pytest.mark.slow
def test_points_that_do_not_converge(trouble):
    diagram = dmft.sweep(trouble, {"x": (-1, 1, 5)}, adaptive=13, mode="raise", jobs=1)
    assert diagram.counts["failed"] > 0
    assert diagram.states.size == 13


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"adaptive": 5}, ParameterError, "more points than the grid"),
        ({"over": {"mode": ["good", "print"]}}, ParameterError, "cannot choose values of mode"),
        ({"over": {"x": [1.0]}}, ParameterError, "needs a range"),
        ({"over": {"x": (0, 1, 2), "y": (0, 1, 2), "seconds": [0, 1]}}, ParameterError, "one or two axes"),
        ({"observable": "steep"}, UnknownNameError, "did you mean 'step'"),
        ({"shard": "1/2"}, ParameterError, "exclude each other"),
    ],
)
def test_mistakes(trouble, options, error, message):
    with pytest.raises(error, match=message):
        dmft.sweep(trouble, **{"over": {"x": (-1, 1, 5)}, "adaptive": 9, "jobs": 1, **options})


def test_adaptive_is_missing(trouble, monkeypatch):
    monkeypatch.setitem(sys.modules, "adaptive", None)
    with pytest.raises(DMFTError, match=r"dmft\[adaptive\]"):
        dmft.sweep(trouble, {"x": (-1, 1, 5)}, adaptive=9)

"""Syntax of what is varied, and what is said about mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import ParameterError, UnknownNameError
from dmft.sweeps.axes import Axis, coordinates, grid, parse, zipped
from dmft.theory.sgd import SGD

DECLARED = {item.name: item for item in SGD.declared()}


def values(name, given):
    return [row[0] for row in parse(name, given, DECLARED[name]).rows]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("alpha", "0.5:4:15", np.linspace(0.5, 4, 15)),
        ("alpha", (0.5, 4, 8), np.linspace(0.5, 4, 8)),
        ("alpha", "log:0.1:10:5", np.geomspace(0.1, 10, 5)),
        ("alpha", np.array([1.0, 2.0]), [1.0, 2.0]),
        ("alpha", 3, [3.0]),
        ("batch_fraction", ".1,.3,1", [0.1, 0.3, 1.0]),
        ("steps", "10:40:4", [10, 20, 30, 40]),
        ("steps", "log:10:1000:3", [10, 100, 1000]),
        ("steps", "1e1,20", [10, 20]),
    ],
)
def test_numbers(name, given, expected):
    np.testing.assert_allclose(values(name, given), expected, rtol=1e-11)
    assert all(type(value) is DECLARED[name].kind for value in values(name, given))


def test_ends_are_exact_and_refined_grids_contain_the_coarse_one():
    coarse, fine = values("alpha", "0.1:1:10"), values("alpha", "0.1:1:19")
    assert (coarse[0], coarse[2], coarse[-1]) == (0.1, 0.3, 1.0)
    assert set(coarse) < set(fine)


def test_texts_booleans_and_none():
    assert values("data", "two-cluster,three-cluster") == ["two-cluster", "three-cluster"]
    assert values("sphere", "true,false") == [True, False]
    assert values("persistence", "none,1,2") == [None, 1.0, 2.0]
    made = coordinates((parse("persistence", "none,1,2", DECLARED["persistence"]),), DECLARED)
    assert made["persistence"].values.tolist() == ["none", "1.0", "2.0"]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("alpha", "4:0.5:15", "runs backwards"),
        ("alpha", "2:2:5", "is empty"),
        ("alpha", "1:2:0", "is empty"),
        ("alpha", "1:2", "is not a range"),
        ("alpha", "1:2:x", "is not a range"),
        ("alpha", "1:2:2.5", "is not a range"),
        ("alpha", "1:inf:3", "is not a range"),
        ("alpha", "log:0:1:3", "above 0"),
        ("alpha", "1:2:9999999", "too many"),
        ("alpha", "1,,2", "empty value"),
        ("alpha", [], "has no values"),
        ("alpha", "-1:1:3", "alpha = -1"),
        ("alpha", (1, 2), "is not a range"),
        ("data", "1:2:3", "needs numbers"),
        ("data", "one-cluster", "one-cluster"),
        ("steps", "1:3:9", "different integers"),
    ],
)
def test_mistakes(name, given, message):
    with pytest.raises(ParameterError, match=message):
        zipped([parse(name, given, DECLARED[name])], [])


def test_error_shows_the_syntax():
    with pytest.raises(ParameterError, match="FIRST:LAST:NUMBER, log:FIRST:LAST:NUMBER or VALUE"):
        parse("alpha", "1:2", DECLARED["alpha"])


def axis(name, *numbers):
    return Axis((name,), tuple((number,) for number in numbers))


def test_order_of_values_does_not_matter_and_zipped_pairs_stay_together():
    (one,) = zipped([axis("alpha", 3.0, 1.0, 2.0)], [])
    assert one.rows == ((1.0,), (2.0,), (3.0,))
    (both,) = zipped([axis("alpha", 2.0, 1.0), axis("ridge", 0.2, 0.1)], [["alpha", "ridge"]])
    assert both.rows == ((1.0, 0.1), (2.0, 0.2))
    assert grid([both]) == [{"alpha": 1.0, "ridge": 0.1}, {"alpha": 2.0, "ridge": 0.2}]
    made = coordinates([both], DECLARED)
    assert (made["alpha"].axis, made["ridge"].axis) == ("alpha", "alpha")


def test_mistakes_in_zip():
    axes = [axis("alpha", 1.0, 2.0), axis("ridge", 0.1)]
    with pytest.raises(ParameterError, match="alpha has 2, ridge has 1"):
        zipped(axes, [["alpha", "ridge"]])
    with pytest.raises(UnknownNameError, match="kappa"):
        zipped(axes, [["alpha", "kappa"]])
    with pytest.raises(ParameterError, match="two or more"):
        zipped(axes, [["alpha"]])
    with pytest.raises(ParameterError, match="twice"):
        zipped([axis("alpha", 1.0, 1.0)], [])

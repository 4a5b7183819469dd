"""Recurrent teachers of low dimension: their moments, and how many must be seen."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.temporal_extrapolation_teacher import TemporalExtrapolationTeacher

SLUG = "temporal-extrapolation/teacher"


def test_moments_are_those_of_a_recurrent_teacher():
    model = TemporalExtrapolationTeacher(eigenvalues="0.7,-0.4,0.1", masses="0.5,1,0.2")
    A, b = np.diag([0.7, -0.4, 0.1]), np.sqrt([0.5, 1.0, 0.2])
    expected = [b @ np.linalg.matrix_power(A, j) @ b for j in range(model.test_length)]
    np.testing.assert_allclose(model.targets(), expected, rtol=1e-13)
    assert model.teacher_dim == 3
    assert TemporalExtrapolationTeacher.from_dict(model.as_dict()) == model
    np.testing.assert_allclose(TemporalExtrapolationTeacher(teacher_dim=1, teacher=2.0).targets()[1], 1.6)


def test_enough_moments_determine_the_teacher():
    """d̂ = 2: with k = 5 = 2 d̂ + 1 the error falls without end, with k = 3 it stays of the order of the moments."""
    errors = {}
    for k in (3, 5):
        run = dmft.solve(SLUG, train_length=k, state_dim=6, t_max=1e4, starts=3, rtol=1e-7)
        assert run["norm_conservation_error"].values.max() < 1e-5
        assert run["frobenius_conservation_error"].values.max() < 1e-5
        errors[k] = run["median_error"].values
    half = len(errors[5]) * 7 // 8
    assert errors[5][-1] < 0.5 * errors[5][half]
    assert errors[5][-1] < 1e-3 < 1e-2 < errors[3][-1]
    assert errors[3][-1] > 0.8 * errors[3][half]


def test_memoryless_teacher_is_the_default_model():
    options = {"state_dim": 4, "t_max": 100.0, "test_length": 12}
    one = dmft.solve(SLUG, eigenvalues="0", masses="1", **options)
    other = dmft.solve("temporal-extrapolation", **options)
    assert np.array_equal(one["train_loss"].values, other["train_loss"].values)


def test_too_few_moments_are_warned_of():
    with pytest.warns(dmft.errors.ModelWarning, match=r"train_length = 4 is below 2 d̂ \+ 1 = 5"):
        dmft.solve(SLUG, train_length=4, t_max=1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"eigenvalues": "a,b"}, "eigenvalues = 'a,b' is not allowed"),
        ({"eigenvalues": "0.1,nan"}, "eigenvalues = '0.1,nan' is not allowed"),
        ({"masses": "1,-1"}, "masses = '1,-1' is not allowed"),
        ({"eigenvalues": "0.1,0.2", "teacher_dim": 3}, "has 2 numbers, teacher_dim is 3"),
        ({"eigenvalues": "0.1,0.2", "masses": "1"}, "masses = '1' has 1 numbers, teacher_dim is 2"),
        ({"teacher_radius": 1.5}, "teacher_radius = 1.5 is not allowed"),
    ],
)
def test_wrong_teachers_are_refused_in_one_line(options, words):
    with pytest.raises(ParameterError, match=words.replace("(", r"\(")):
        dmft.solve(SLUG, **options)

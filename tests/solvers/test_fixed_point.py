"""Anderson's mixing: exact on linear maps, plain mixing far from the fixed point."""

from __future__ import annotations

import numpy as np

from dmft.solvers.fixed_point import DEPTH, Anderson, find_fixed_point


def iterate(function, start, mixer, times):
    points = [start]
    for _ in range(times):
        points.append(mixer.next(points[-1], function(points[-1]), np.ones(len(start))))
    return points


def test_linear_maps_end_after_as_many_steps_as_there_are_eigenvalues():
    """Like GMRES: three different eigenvalues, one of them close to 1, are three steps after the first."""
    matrix = np.diag([0.99, 0.5, -3.0, 0.5])
    fixed = np.linalg.solve(np.eye(4) - matrix, np.ones(4))
    points = iterate(lambda x: matrix @ x + 1.0, np.zeros(4), Anderson(0.5, np.inf), 4)
    np.testing.assert_allclose(points[4], fixed, rtol=1e-9)
    assert np.abs(points[3] - fixed).max() > 1e-3


def test_far_from_the_fixed_point_it_is_plain_mixing():
    points = iterate(lambda x: 0.9 * x, np.full(2, 100.0), Anderson(0.5, 1e-3), 3)
    np.testing.assert_allclose(points[3], 100.0 * 0.95**3)


def test_history_is_bounded():
    mixer = Anderson(0.5, np.inf)
    points = iterate(np.cos, np.linspace(0.1, 1.0, 20), mixer, 30)
    assert len(mixer.points) == len(mixer.residuals) == DEPTH + 1
    np.testing.assert_allclose(points[-1], np.cos(points[-1]), atol=1e-12)


def test_find_fixed_point_tells_what_it_could_not():
    found = find_fixed_point(np.cos, np.array([1.0, 3.0]))
    assert found.converged
    np.testing.assert_allclose(np.cos(found.point), found.point, atol=1e-9)
    lost = find_fixed_point(lambda x: x + 1.0, np.array([0.0]), iterations=20)
    assert not lost.converged
    assert lost.residual > 0.01
    with np.errstate(over="ignore", invalid="ignore"):
        assert not find_fixed_point(lambda x: np.exp(x * x) * 1e300, np.array([9.0])).converged

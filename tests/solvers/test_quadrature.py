"""Gaussian averages in pieces against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.solvers.quadrature import normal_pieces, part_moments, piece


def test_polynomials_are_exact():
    point, weight = piece(np.array([0.0, 3.0]), np.array([2.0, 1.0]), 4)
    np.testing.assert_allclose((weight * point**7).sum(axis=-1), [2.0**8 / 8.0, 0.0], rtol=1e-13)


def test_kinks_at_the_edge_cost_no_accuracy():
    edge = np.array([-20.0, -1.3, 0.0, 2.0])
    point, weight = normal_pieces(edge, 48)
    bell = np.exp(-0.5 * edge**2) / np.sqrt(2.0 * np.pi)
    from scipy.special import ndtr

    exact = bell - edge * ndtr(-edge)
    np.testing.assert_allclose((weight * np.maximum(point - edge[:, None], 0.0)).sum(axis=1), exact, atol=1e-12)


def test_moments_of_a_part():
    rng = np.random.default_rng(0)
    x = 0.4 + 0.7 * rng.standard_normal(400_000)
    for low, high in ((-0.2, 0.9), (-np.inf, 0.3), (1.0, np.inf)):
        found = part_moments(np.array(0.4), 0.7, np.array(low), np.array(high))
        for order, value in enumerate(found):
            sample = x**order * ((x > low) & (x < high))
            assert value == pytest.approx(sample.mean(), abs=4.0 * sample.std() / np.sqrt(len(x)))
    assert part_moments(np.array(0.0), 1.0, np.array(1.0), np.array(1.0)) == (0.0, 0.0, 0.0)

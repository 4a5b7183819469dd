"""The Marchenko–Pastur law: its moments, its edges and its inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmft.solvers.spectrum import MarchenkoPastur

ALPHAS = (0.1, 0.5, 1.0, 2.0, 7.0)


def moment(alpha: float, order: int) -> float:
    """<x^k> = Σ_r α^r N(k, r) with the Narayana numbers N(k, r)."""
    from math import comb

    return sum(comb(order, r) * comb(order, r - 1) // order * alpha**r for r in range(1, order + 1))


def test_first_moments_are_those_of_the_sheet():
    for alpha in ALPHAS:
        assert moment(alpha, 1) == pytest.approx(alpha)
        assert moment(alpha, 2) == pytest.approx(alpha + alpha**2)
        assert moment(alpha, 3) == pytest.approx(alpha + 3.0 * alpha**2 + alpha**3)


@given(st.floats(0.05, 20.0), st.integers(1, 8), st.integers(12, 300))
def test_polynomials_are_exact_with_few_nodes(alpha, order, count):
    law = MarchenkoPastur.quadrature(alpha, count)
    assert law.mean(law.nodes**order) == pytest.approx(moment(alpha, order), rel=1e-11)


@given(st.floats(0.05, 20.0))
def test_weight_is_one(alpha):
    # 1/x makes the total weight no polynomial: it converges like (ratio of the edges)^n
    law = MarchenkoPastur.quadrature(alpha, 4000)
    edge = (np.sqrt(alpha) - 1.0) ** 2
    if edge > 1e-3:
        assert law.mean(np.ones_like(law.nodes), 1.0) == pytest.approx(1.0, abs=1e-10)
        assert law.weights.sum() == pytest.approx(min(1.0, alpha), abs=1e-10)
    assert law.atom == pytest.approx(max(0.0, 1.0 - alpha))
    assert law.nodes.min() >= edge - 1e-12
    assert law.nodes.max() <= (np.sqrt(alpha) + 1.0) ** 2 + 1e-12


def test_square_case_has_weight_one_too():
    law = MarchenkoPastur.quadrature(1.0, 500)
    assert law.mean(np.ones_like(law.nodes)) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.3, 2.0, 5.0])
def test_inverse_moment(alpha):
    law = MarchenkoPastur.quadrature(alpha, 2000)
    # <1/x> = 1/(α − 1) for α > 1; below, α/(1 − α) of the non-zero part
    expected = 1.0 / (alpha - 1.0) if alpha > 1.0 else alpha / (1.0 - alpha)
    assert law.mean(1.0 / law.nodes) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_eigenvalues_of_a_random_matrix(alpha):
    """A resolvent <1/(x + ½)> of one large matrix: fluctuations and corrections are of order 1/N."""
    size = 300
    data = np.random.default_rng(0).normal(size=(int(alpha * size), size)) / np.sqrt(size)
    eigenvalues = np.linalg.eigvalsh(data.T @ data)
    law = MarchenkoPastur.quadrature(alpha, 2000)
    expected = law.mean(1.0 / (law.nodes + 0.5), 2.0)
    assert abs(np.mean(1.0 / (eigenvalues + 0.5)) - expected) < 5.0 / size

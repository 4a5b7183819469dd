"""Compiled loops against plain NumPy, at sizes around the tiles, and the response against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.solvers.marching import kernels

SIZES = (1, 2, 63, 128, 257, 2047, 2048, 2049, 4500)
EPSILON = {"float64": 1e-13, "float32": 3e-6}


@pytest.mark.parametrize("precision", EPSILON)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_history_sums(n, count, precision):
    rng = np.random.default_rng(n + count)
    rows = rng.normal(size=(10, n)).astype(precision)
    weights, start, values = rng.normal(size=12), rng.normal(size=n), rng.normal(size=n)
    out = start.copy()
    kernels.weighted_rows(weights, rows, count, out)
    exact = weights[:count] @ rows[:count].astype(float)
    np.testing.assert_allclose(out, start + exact, rtol=0.0, atol=10.0 * EPSILON[precision])
    means = np.full(10, 7.0)
    kernels.row_means(values, rows, count, means)
    np.testing.assert_allclose(
        means[:count], rows[:count].astype(float) @ values / n, rtol=0.0, atol=10.0 * EPSILON[precision]
    )
    np.testing.assert_array_equal(means[count:], 7.0)


def expand(vectors, tolerance=1e-20):
    """Coefficients and basis of vectors added one by one, and what the kernel reports."""
    n = vectors.shape[1]
    basis, factor = np.empty_like(vectors), np.zeros((len(vectors), len(vectors)))
    rank, reports, nothing, out = 0, [], np.zeros((len(vectors) + 1, n)), np.empty(n)
    for t, vector in enumerate(vectors):
        rank, left, pending = kernels.append_orthogonal_row(vector.copy(), basis, rank, tolerance, factor[t])
        reports.append(left)
        # weights of the rows in the memory: those of the last vector, which is what must come back
        response = np.zeros((len(vectors) + 1, len(vectors)))
        response[t + 1, t] = 1.0
        kernels.local_fields(
            t + 1, rank, pending, response, factor, np.zeros((len(vectors) + 1, rank + 1)), basis, nothing,
            1.0, -1.0, 0.0, np.zeros(n), out,
        )  # fmt: skip
        np.testing.assert_allclose(out, vector, atol=1e-12)
    return basis[:rank], factor[:, :rank], reports


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-8])
def test_basis_is_orthonormal_however_dependent_the_vectors(spread):
    """Vectors that differ by `spread` only, where a Cholesky factor of their covariance fails."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=200) + spread * rng.normal(size=(12, 200))
    basis, factor, _ = expand(vectors)
    assert len(basis) == 12
    np.testing.assert_allclose(basis @ basis.T / 200, np.eye(12), atol=1e-13)
    np.testing.assert_allclose(factor @ basis, vectors, atol=1e-13)
    np.testing.assert_allclose(factor @ factor.T, vectors @ vectors.T / 200, rtol=1e-12)


def test_basis_does_not_grow_for_what_it_has():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(3, 100))
    combined = np.vstack([vectors, rng.normal(size=(5, 3)) @ vectors, np.zeros((1, 100))])
    basis, factor, reports = expand(combined)
    assert len(basis) == 3
    assert max(reports[3:]) < 1e-20
    np.testing.assert_allclose(factor @ basis, combined, atol=1e-12)


def test_basis_holds_no_more_vectors_than_there_are_paths():
    vectors = np.random.default_rng(2).normal(size=(6, 4))
    basis, factor, _ = expand(vectors)
    assert len(basis) == 4
    np.testing.assert_allclose(factor @ basis, vectors, atol=1e-12)


def path_response(active, slopes, response, coupling, precision="float64"):
    """Rows of E[D(t) ∂r(t)/∂P(s)], s < t, from the kernel; R becomes known row by row, as in the solver."""
    times, n = active.shape
    columns, kept = np.zeros((times, times), dtype=precision), np.full((times, n), np.nan, dtype=precision)
    out = np.zeros((times, times))
    for t in range(times):
        columns[:t, t] = response[t, :t]
        kept[t] = active[t] * slopes[t]
        kernels.path_response_row(t, coupling, columns, kept, n, out[t])
    return out


def causal(rng, times):
    """A response: ones below the diagonal, smaller ones further down."""
    return np.tril(rng.normal(size=(times, times)) * 0.3, -2) + np.eye(times, k=-1)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("times", [1, 2, 3, 6, 7, 33])
@pytest.mark.parametrize("precision", EPSILON)
def test_path_response_is_a_triangular_solve_per_path(precision, times, share):
    rng = np.random.default_rng(times)
    n, coupling = 40, 0.3
    active, slopes, response = rng.random((times, n)) < share, rng.normal(size=(times, n)), causal(rng, times)
    dense = np.zeros((times, times))
    for i in range(n):
        d = np.where(active[:, i], slopes[:, i], 0.0)
        # ρ = (1 + Δη R D)^{-1}, then E[D ρ]
        dense += d[:, None] * np.linalg.inv(np.eye(times) + coupling * response * d[None, :]) / n
    out = path_response(active, slopes, response, coupling, precision)
    scale = max(1.0, np.abs(dense).max())
    np.testing.assert_allclose(out, np.tril(dense, -1), rtol=0.0, atol=EPSILON[precision] * scale)


def test_path_response_is_the_derivative_of_a_path():
    """Central differences of nonlinear paths r(t) = g(t) − Δη Σ_s R(t,s) s(s) tanh(r(s)) + P(t)."""
    rng = np.random.default_rng(5)
    times, n, coupling, step = 12, 30, 0.4, 1e-5
    field, response = rng.normal(size=(times, n)), causal(rng, times)
    active = rng.random((times, n)) < 0.6

    def forces(push):
        r, force = np.zeros((times, n)), np.zeros((times, n))
        for t in range(times):
            r[t] = field[t] + push[t] - coupling * response[t, :t] @ force[:t]
            force[t] = active[t] * np.tanh(r[t])
        return r, force

    slopes = 1.0 / np.cosh(forces(np.zeros(times))[0]) ** 2
    expected = np.zeros((times, times))
    for s in range(times):
        push = np.zeros(times)
        push[s] = step
        # D(t) ∂r(t)/∂P(s) = ∂F(t)/∂P(s)
        expected[:, s] = ((forces(push)[1] - forces(-push)[1]) / (2.0 * step)).mean(axis=1)
    # rounding 1e-16/1e-5, truncation 1e-10
    out = path_response(active, slopes, response, coupling)
    np.testing.assert_allclose(out, np.tril(expected, -1), rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("precision", EPSILON)
def test_a_pending_row_is_completed_in_the_pass_that_reads_the_basis(precision):
    """The same basis and fields as by subtraction at once."""
    rng = np.random.default_rng(6)
    n, rank = 3000, 7
    basis = np.linalg.qr(rng.normal(size=(n, rank + 1)))[0].T * np.sqrt(n)
    basis = np.ascontiguousarray(basis).astype(precision)
    values, coefficients = rng.normal(size=n), np.zeros(rank + 1)
    done, _, pending = kernels.append_orthogonal_row(values, basis, rank, 1e-12, coefficients)
    assert done == rank + 1
    assert pending
    np.testing.assert_array_equal(basis[rank], values.astype(precision))
    response, forces = np.zeros((2, 1)), coefficients[None]
    response[1, 0] = 1.0
    out, nothing = np.empty(n), np.zeros((rank + 2, n), dtype=precision)
    kernels.local_fields(
        1, done, True, response, forces, np.zeros((2, rank + 2)), basis, nothing, 1.0, -1.0, 0.0, np.zeros(n), out
    )
    rows = basis.astype(float)
    np.testing.assert_allclose(rows @ rows.T / n, np.eye(rank + 1), atol=10.0 * EPSILON[precision])
    np.testing.assert_allclose(out, values, atol=10.0 * EPSILON[precision])

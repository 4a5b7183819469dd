"""Gradient flow of a function under a fixed kernel, with polynomials that are fitted infinitely fast; in closed form.

The missing part u = y − h at the n points obeys du/dt = −K u, while the polynomials keep Pᵀu = 0. This is the flow of
a kernel that is only conditionally positive definite, such as |x|³: it stands for a large multiple of P Pᵀ. At
infinite time h is the interpolant of [[K, P], [Pᵀ, 0]].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class KernelFlow:
    """The flow from h = 0.

    Attributes
    ----------
    kernel : ndarray (n, n)
        Positive definite on vectors orthogonal to the columns of `polynomials`.
    polynomials : ndarray (n, p)
        May have no columns.
    target : ndarray (n,)
    rates : ndarray (n − p,)
        Relaxation rates, increasing.
    modes : ndarray (n, n − p)
        Their vectors at the points, orthonormal.

    Notes
    -----
    n³ operations once, n² for each time.
    """

    kernel: Array
    polynomials: Array
    target: Array
    rates: Array
    modes: Array

    @classmethod
    def of(cls, kernel: Array, polynomials: Array, target: Array) -> KernelFlow:
        """Diagonalise the kernel on the complement of the polynomials.

        Raises
        ------
        ValueError
            If points lie such that a polynomial vanishes on them, or the kernel is not positive definite there.
        """
        count, columns = polynomials.shape
        if columns and np.linalg.matrix_rank(polynomials) < columns:
            raise ValueError("the polynomials are not independent on these points")
        free = np.linalg.qr(polynomials, mode="complete")[0][:, columns:] if columns else np.eye(count)
        rates, vectors = np.linalg.eigh(free.T @ kernel @ free)
        if len(rates) and rates[0] <= 1e-14 * max(float(rates[-1]), 0.0):
            raise ValueError("the kernel is not positive definite on these points")
        return cls(kernel, polynomials, target, rates, free @ vectors)

    def residual(self, t: Array) -> Array:
        """u (T, n) at times t > 0."""
        return (np.exp(-np.multiply.outer(t, self.rates)) * self._start) @ self.modes.T

    def coefficients(self, t: Array) -> Array:
        """∫₀ᵗ u (T, n): the weights of the kernel in h; t may be infinite."""
        with np.errstate(invalid="ignore"):
            grown = -np.expm1(-np.multiply.outer(t, self.rates))
        return (grown / self.rates * self._start) @ self.modes.T

    def predict(self, t: Array, kernel: Array, polynomials: Array) -> Array:
        """h (T, m) at points where the kernel with the data is (m, n) and the polynomials are (m, p)."""
        weights, missing = self.coefficients(t), self.residual(t)
        rest = self.target - missing - weights @ self.kernel.T
        slope = np.linalg.lstsq(self.polynomials, rest.T, rcond=None)[0] if self.polynomials.shape[1] else rest[:, :0].T
        found: Array = weights @ kernel.T + slope.T @ polynomials.T
        return found

    @property
    def _start(self) -> Array:
        """Amplitudes of the modes when the polynomials are fitted."""
        return self.target @ self.modes

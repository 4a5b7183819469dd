"""Replica-symmetric equations of a ReLU student of a ReLU teacher with ridge, by quadrature, without sampling.

Equation (3) of docs/theory/bn_regularization_generalization.rst.
"""

from __future__ import annotations

import numpy as np

from ..solvers.fixed_point import FixedPoint, find_fixed_point
from ..solvers.quadrature import normal_pieces, part_moments

Array = np.ndarray
NODES = 48
#: Logarithms beyond it mean that there is no finite solution nearby.
LARGEST = 30.0


def averages(m: float, v: float, chi: float, label_noise: float, nodes: int = NODES) -> tuple[float, float, float]:
    """b = E[g_out ω], a = E[g_out z] and E[g_out²] of the minimisation of one output; v = q − m².

    The teacher's field z and the label noise are integrated by nodes in smooth pieces, ω given z in closed form.
    """
    z, weight = normal_pieces(np.array(0.0), nodes)
    relu = np.maximum(z, 0.0)
    if label_noise > 0.0:
        deviation = np.sqrt(label_noise)
        noise, share = normal_pieces(-relu / deviation, nodes // 2)
        y, weight, z = relu[:, None] + deviation * noise, weight[:, None] * share, z[:, None]
    else:
        y = relu
    mean, spread = m * z + 0.0 * y, np.sqrt(v)
    # positive labels: the output is moved for ω above a (negative) threshold; others: for ω > 0, two ways
    fit = np.where(y > 0.0, y * (1.0 - np.sqrt(1.0 + chi)), -chi * y)
    zero, one, two = part_moments(mean, spread, fit, np.full_like(mean, np.inf))
    g = (y * zero - one) / (1.0 + chi)
    gw = (y * one - two) / (1.0 + chi)
    gg = (y**2 * zero - 2.0 * y * one + two) / (1.0 + chi) ** 2
    _, one, two = part_moments(mean, spread, np.zeros_like(mean), np.where(y > 0.0, 0.0, -chi * y))
    g, gw, gg = g - one / chi, gw - two / chi, gg + two / chi**2
    return float(np.sum(weight * gw)), float(np.sum(weight * g * z)), float(np.sum(weight * gg))


def equations(point: Array, alpha: float, ridge: float, label_noise: float) -> Array:
    """New (m, ln(q − m²), ln χ) from old ones."""
    m, v, chi = float(point[0]), float(np.exp(point[1])), float(np.exp(point[2]))
    b, a, square = averages(m, v, chi, label_noise)
    slope = (b - m * a) / v
    chi = 1.0 / (ridge + max(-alpha * slope, 1e-12))
    m_hat, q_hat = alpha * (a - m * slope), alpha * square
    return np.array([m_hat * chi, np.log(max(q_hat * chi**2, 1e-300)), np.log(chi)])


def solve_relu(alpha: float, ridge: float, label_noise: float, start: Array | None = None) -> FixedPoint:
    """The fixed point (m, ln(q − m²), ln χ), from `start` or from a few others; q − m² = q̂χ² is positive by itself."""
    starts = [] if start is None else [start]
    starts += [np.array([0.5, np.log(0.3), 0.0]), np.array([0.8, 1.0, 4.0]), np.array([0.1, -2.0, 6.0])]
    for mixing in (0.5, 0.1):
        for first in starts:
            found = find_fixed_point(
                lambda x: np.clip(equations(x, alpha, ridge, label_noise), -LARGEST, LARGEST), first,
                tolerance=1e-9, mixing=mixing, iterations=400,
            )  # fmt: skip
            if found.converged and float(np.abs(found.point).max()) < LARGEST:
                return found
    return found

"""Second moments of weights under random gradients: eq. (1) of docs/theory/bn_weight_decay_equilibrium.rst."""

from __future__ import annotations

from ...solvers.map.callbacks import step


@step
def moments(y, parameters):
    """State |w|², w·v, |v|² with the velocity v; parameters η, λ, α and G = E‖g̃‖²."""
    for i in range(y.shape[1]):
        eta, lam, alpha, gradient = parameters[0, i], parameters[1, i], parameters[2, i], parameters[3, i]
        ww, wv, vv = y[0, i], y[1, i], y[2, i]
        overlap = alpha * wv + lam * ww  # w·v'
        vv = alpha * alpha * vv + 2.0 * alpha * lam * wv + lam * lam * ww + gradient / ww
        y[0, i] = ww - 2.0 * eta * overlap + eta * eta * vv
        y[1, i] = overlap - eta * vv
        y[2, i] = vv

"""The map of ``bn-weight-decay``: SGD with weight decay on a sin² φ, angles far below the range of float64.

State (m, e, β): tan²φ = m · 2^(512 e) (see :mod:`dmft.solvers.map.scaled`) and β = 2aη/ρ²; parameters: k = 1 − ηλ,
and the floor of tan²φ as mantissa and exponent (mantissa 0: none). Equation numbers: docs/theory/bn_weight_decay.rst.
"""

from __future__ import annotations

from ...solvers.map.callbacks import event, step

SMALL, LARGE, LIFT, LOWER = 2.0**-256, 2.0**256, 2.0**512, 2.0**-512


@step
def sin2(y, parameters):
    """One step, eq. (4), of the members of a block; both formulas times 1 + tan²φ, which spares divisions."""
    for i in range(y.shape[1]):
        k, floor, floor_e = parameters[0, i], parameters[1, i], parameters[2, i]
        m, e, beta = y[0, i], y[1, i], y[2, i]
        # beyond 2^±256 the tangent is 0 or infinite to round-off
        t = m if e == 0.0 else (0.0 if e < 0.0 else LARGE)
        p = 1.0 + t
        ratio = (k * p - beta) / (k * p + beta * t)
        y[2, i] = beta * p * p / (k * k * p * p + beta * beta * t)
        m *= ratio * ratio
        up, down = m > LARGE, m < SMALL
        m = m * LOWER if up else (m * LIFT if down else m)
        e = e + 1.0 if up else (e - 1.0 if down else e)
        low = (e < floor_e or (e == floor_e and m < floor)) and floor > 0.0
        y[0, i] = floor if low else m
        y[1, i] = floor_e if low else e


@event
def cycle(y, parameters, out):
    """β − 2: upwards φ = 0 turns unstable. ρ'²/ρ² − 1: downwards a jump is over."""
    for i in range(y.shape[1]):
        k, m, e, beta = parameters[0, i], y[0, i], y[1, i], y[2, i]
        t = m if e == 0.0 else (0.0 if e < 0.0 else LARGE)
        p = 1.0 + t
        out[0, i] = beta - 2.0
        out[1, i] = k * k - 1.0 + beta * beta * t / (p * p)

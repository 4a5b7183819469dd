"""Right side of the flow of ``bn-regularization``: eq. (4)-(6) of docs/theory/bn_regularization.rst."""

from __future__ import annotations

import math

from ...solvers.flow.callbacks import right_side


@right_side
def online(t, y, parameters, data, out):
    """State γ, R, L; parameters η, cζ, S, 1 for ReLU, 1 for vanilla SGD (where γ is the norm itself)."""
    gain, overlap, norm = y[0], min(1.0, max(-1.0, y[1])), y[2]
    eta, decay, noise, relu, vanilla = parameters[0], parameters[1], parameters[2], parameters[3], parameters[4]
    root = math.sqrt(1.0 - overlap * overlap)
    if relu > 0.0:
        angle = math.pi - math.acos(overlap)
        kernel = (root + overlap * angle) / (2.0 * math.pi)
        i1 = kernel - 0.5 * gain
        i2 = (angle + overlap * root) / (2.0 * math.pi) - 2.0 * gain * kernel + 0.5 * gain * gain + 0.5 * noise
        i3 = root * root * angle / (2.0 * math.pi)
    else:
        i1 = overlap - gain
        i2 = 1.0 + gain * gain - 2.0 * gain * overlap + noise
        i3 = root * root
    if vanilla > 0.0:
        out[0] = eta * i1 + 0.5 * eta * eta * i2 / gain
        out[1] = eta * i3 / gain - 0.5 * eta * eta * overlap * i2 / (gain * gain)
        out[2] = out[0]
    else:
        rate = eta * gain / (norm * norm)
        out[0] = eta * (i1 - decay * gain)
        out[1] = rate * i3 - 0.5 * rate * rate * overlap * i2
        out[2] = 0.5 * rate * rate * norm * i2

"""Right sides of the flows of ``relu-neuron/hidden``, compiled to callbacks of the integrator of flows."""

from __future__ import annotations

from ...solvers.flow.callbacks import event, right_side


@right_side
def hidden_neuron(t, y, parameters, data, out):
    """(w, v) of v σ(w·x): eq. (10) of relu_neuron. ``parameters``: 1 for active samples; ``data``: x row by row, y."""
    n, d = parameters.shape[0], y.shape[0] - 1
    v = y[d]
    for k in range(d + 1):
        out[k] = 0.0
    for i in range(n):
        if parameters[i] > 0.0:
            z = 0.0
            for k in range(d):
                z += data[i * d + k] * y[k]
            residual = data[n * d + i] - v * z
            out[d] += residual * z
            for k in range(d):
                out[k] += residual * v * data[i * d + k]


@event
def pre_activations(t, y, parameters, data, out):
    """x_i·w: a change of sign switches a sample."""
    n, d = parameters.shape[0], y.shape[0] - 1
    for i in range(n):
        z = 0.0
        for k in range(d):
            z += data[i * d + k] * y[k]
        out[i] = z

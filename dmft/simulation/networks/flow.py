"""Gradient flow of a network on few samples, to infinite time: an exponential step of its tangent kernel.

The flow dw/dt = −Jᵀu of ½ Σ u² is stiff: its rates are the eigenvalues of K = J Jᵀ, which spread over decades. With K
frozen during a step the flow is solved exactly, w ← w − Jᵀ ∫u, so steps need only resolve how the kernel changes:
not at all for a lazy network. Of first order in that change; the error of a step is what the outputs differ from
their prediction, and steps adapt to it. Not the exponential Euler method of semilinear problems with a fixed operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Backend
from .network import Network

#: Smallest step, as part of the time reached; below it the flow is given up.
SMALLEST = 1e-12


@dataclass(frozen=True)
class Flow:
    """Where the flow went.

    Attributes
    ----------
    weights : array (P,)
        At the last time that was reached.
    residuals : ndarray (T, n)
        Outputs minus targets at the times that were reached.
    pushes : ndarray (T, n)
        −∫₀ᵗ residual dt: what each sample has pulled.
    steps : int
        Accepted steps.
    diverged : bool
        The flow left the float range, or needs steps below :data:`SMALLEST`.
    """

    weights: Any
    residuals: np.ndarray
    pushes: np.ndarray
    steps: int
    diverged: bool = False


def jacobian(network: Network, backend: Backend, weights: Any, inputs: Any) -> tuple[np.ndarray, Any]:
    """Outputs (n,) and their derivatives (n, P) of a network with one output: samples stand in for replicas."""
    xp, count = backend.xp, len(inputs)
    copies = xp.repeat(weights[None], count, axis=0)
    outputs, caches = network.forward(xp, copies, inputs[:, None])
    return backend.to_host(outputs[:, 0, 0]), network.backward(xp, copies, caches, xp.ones_like(outputs))


def gradient_flow(
    network: Network,
    backend: Backend,
    weights: Any,
    inputs: np.ndarray,
    targets: np.ndarray,
    times: np.ndarray,
    rate: float = 1.0,
    tolerance: float = 1e-4,
    stop: Callable[[], bool] = lambda: False,
    update: Callable[[float], None] = lambda units: None,
) -> Flow:
    """Follow dw/dt = −rate · ∂/∂w ½ Σ (f(x_i) − y_i)² through the `times`.

    Parameters
    ----------
    weights : array (P,)
        At time 0.
    times : ndarray
        Increasing; one update is reported for each.
    tolerance : float
        Largest error of a step, in units of the root mean square of the targets.

    Notes
    -----
    n passes through the network for each step, and n P numbers.
    """
    dtype, scale = weights.dtype, max(float(np.sqrt(np.mean(targets**2))), 1e-300)
    data = backend.xp.asarray(inputs.astype(dtype))
    outputs, slopes = jacobian(network, backend, weights, data)
    missing, pushed = targets - outputs, np.zeros(len(targets))
    residuals, pushes = np.empty((2, len(times), len(targets)))
    now, step, count, reached, diverged = 0.0, np.inf, 0, 0, False
    rates, modes = _spectrum(slopes, rate, backend)
    while reached < len(times) and not diverged and not stop():
        step = min(step, float(times[reached]) - now)
        decay = -np.expm1(-rates * step)
        # ∫u over the step; a mode that does not move at all is integrated as a constant
        part = np.divide(decay, rates, out=np.full_like(rates, step), where=rates > 0.0)
        push, predicted = modes @ (part * (modes.T @ missing)), missing - modes @ (decay * (modes.T @ missing))
        moved = weights + backend.xp.asarray((rate * push).astype(dtype)) @ slopes
        outputs, trial = jacobian(network, backend, moved, data)
        error = float(np.sqrt(np.mean((targets - outputs - predicted) ** 2))) / (tolerance * scale)
        if error <= 1.0:
            now, count = now + step, count + 1
            weights, slopes, missing, pushed = moved, trial, targets - outputs, pushed + push
            rates, modes = _spectrum(slopes, rate, backend)
            while reached < len(times) and now >= float(times[reached]) * (1.0 - 1e-12):
                residuals[reached], pushes[reached] = -missing, pushed
                reached += 1
                update(1.0)
        # the error of a step grows as its square
        factor = 0.1 if not np.isfinite(error) else min(10.0, max(0.1, 0.8 * max(error, 1e-12) ** -0.5))
        step *= factor
        diverged = step < SMALLEST * max(now, float(times[0]))
    return Flow(weights, residuals[:reached], pushes[:reached], count, diverged)


def _spectrum(slopes: Any, rate: float, backend: Backend) -> tuple[np.ndarray, np.ndarray]:
    """Rates and vectors of the tangent kernel (n, n); round-off must not make a rate negative."""
    wide = slopes.astype(np.float64)
    rates, modes = np.linalg.eigh(rate * backend.to_host(wide @ wide.T))
    return np.maximum(rates, 0.0), modes

"""Finite-size twin of ``f-principle``: a two-layer ReLU network of N neurons, the first layer trained.

f = κ/√N Σ a_r relu(w_r·x) with a_r = ±1; every direction stands twice, with both signs, so that f = 0 at the start.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import infinite
from ..theory.f_principle import LEVEL, FPrinciple, crossing
from .backend import backend_for, get_backend
from .method import Simulation
from .networks.activations import ReLU
from .networks.dense import Dense
from .networks.losses import square
from .networks.network import Network
from .networks.optimisers import SGD
from .networks.replicas import estimate as estimate_training
from .networks.replicas import run_training
from .networks.schedules import constant
from .networks.training import Problem, Trained

Array = np.ndarray


def neurons(model: FPrinciple, size: int) -> int:
    """N rounded such that evenly spread directions fall equally into the gaps between the gates of the samples.

    The gate of a sample opens and closes at right angles to it: n directions in all if n is even, else 2n. Equal
    counts make the tangent kernel of the finite network that of the infinite one.
    """
    unit = 2
    if model.directions == "even":
        unit = 2 * model.samples * (1 + model.samples % 2)
    return unit * max(1, round(size / unit))


def estimate(model: FPrinciple, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    problem = _problem(model, method)
    recorded = float(model.max_frequency + 2)
    return estimate_training(problem, method, get_backend(method.backend), model.recorded_steps, recorded)


def simulate(model: FPrinciple, method: Simulation, progress: Progress) -> Solution:
    """Train independent replicas (own directions) with full-batch gradient descent and average them.

    Returns
    -------
    Solution
        ``mode_amplitude``, ``train_loss``, ``time_to_fit`` (infinite where a replica did not get there in `steps`),
        ``eigenvalue`` of the tangent kernel at the start, ``spectral_slope`` and ``weight_displacement``.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    About 20 n N operations a step, memory-bound. Use float64: with a large output scale the steps of the weights are
    below the resolution of float32.
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size or fewer --samples")
    problem = _problem(model, method)
    target = np.fft.rfft(model.target)[: model.max_frequency + 1]

    def measure(weights: Any, outputs: Any, losses: Array) -> dict[str, Array]:
        missing = model.target - backend.to_host(outputs[:, :, 0])
        modes = np.fft.rfft(missing, axis=1)[:, : model.max_frequency + 1]
        return {"mode_amplitude": np.abs(modes / target), "train_loss": losses}

    def at_end(trained: Trained) -> dict[str, Array]:
        start, end = (
            backend.to_host(problem.network.views(weights)[0]["kernel"]) for weights in (trained.start, trained.weights)
        )
        return _ends(model, start, end, trained.records["mode_amplitude"])

    moments, status, facts = run_training(problem, method, backend, model.recorded_steps, measure, progress, at_end)
    curves = {}
    for name in moments:
        values, stderr = moments.mean(name), moments.stderr(name)
        if name == "time_to_fit":
            values = infinite(values)
        curves[name] = model.observable(name).curve(values, stderr)
    kept = len(curves["train_loss"].values) if curves else 0
    diagnostics = {
        "neurons": neurons(model, method.size),
        "replicas_used": len(facts),
    }
    return Solution(curves, model.coordinates(kept), status, moments.count, method.as_dict(), diagnostics)


def _problem(model: FPrinciple, method: Simulation) -> Problem:
    """The network, its data, and gradient descent at the rate η of the loss ½Σ(f − y)² for κ = 1."""
    size = neurons(model, method.size)

    def directions(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        kernel = np.zeros(shape)  # the bias, if there is one, starts at zero
        half = size // 2
        if model.directions == "even":
            angles = 2.0 * np.pi * (np.arange(half) + rng.random()) / half
            kernel[:2, :half] = np.cos(angles), np.sin(angles)
        else:
            kernel[:2, :half] = rng.standard_normal((2, half))
        kernel[:, half:] = kernel[:, :half]
        return kernel

    def signs(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.repeat([1.0, -1.0], size // 2)[:, None]

    scale = model.output_scale
    last = Dense(1, signs, None, multiplier=scale / np.sqrt(size), trained=False)
    network = Network((Dense(size, directions, None), ReLU(), last), (model.inputs.shape[1],))
    # the loss of the engine is a mean over samples, and the kernel grows as κ²
    rate = model.learning_rate * model.samples / scale**2
    return Problem(network, square, SGD(), constant(rate), model.inputs, model.target[:, None])


def _ends(model: FPrinciple, start: Array, end: Array, amplitude: Array) -> dict[str, Array]:
    """What is known at the end, from first-layer weights (R, d, N) and amplitudes (R, T, k)."""
    fit = crossing(model.recorded_steps, amplitude, LEVEL)
    displacement = np.linalg.norm(end - start, axis=(1, 2)) / np.linalg.norm(start, axis=(1, 2))
    return {
        "time_to_fit": fit,
        "spectral_slope": np.array([model.slope(row) for row in fit]),
        "eigenvalue": np.stack([_eigenvalues(model, kernel) for kernel in start]),
        "weight_displacement": displacement,
    }


def _eigenvalues(model: FPrinciple, kernel: Array) -> Array:
    """Quadratic form of the tangent kernel of first-layer weights (d, N) with the unit vectors ∝ cos kθ_i."""
    gate = (model.inputs @ kernel > 0.0).astype(float)
    waves = np.cos(np.outer(model.frequencies, model.angles))
    waves /= np.linalg.norm(waves, axis=1)[:, None]
    moved = (waves[:, None, :] * model.inputs.T[None]) @ gate  # (k, d, N): what a mode pulls on each weight
    return (moved**2).sum(axis=(1, 2)) / kernel.shape[1]

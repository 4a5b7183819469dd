"""The weights after one round of training: square loss in closed form, any loss as a fixed point, N → ∞.

Equation numbers are those of docs/theory/self_training.rst. Fields of the previous weights are counted in units of
their own spread, so that nothing depends on the size of these weights unless the labels do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from ..solvers.fixed_point import FixedPoint, newton_fixed_point
from .pseudo_label_averages import NODES, averages, label_nodes
from .pseudo_labels import Round, Weights

Array = np.ndarray
#: Of the logarithms of the order parameters.
TOLERANCE = 1e-9
#: Iterations of Newton's method before the ridge is followed.
ITERATIONS = 25
#: What is left of w without its part along the previous weights: below this share only round-off is left of it.
SMALLEST_PART = 1e-12
#: Largest change of the logarithm of an order parameter in one application of the equations.
LARGEST_CHANGE = 5.0
#: Logarithms are held below it, so that products of two parameters stay in the range of numbers.
LARGEST_LOGARITHM = 340.0
#: The ridge is followed over at most so many factors of e.
FURTHEST = 60.0
#: Mean square of the fields below which the logistic loss is a square, to 1e-13.
LINEAR = 1e-12


def solve_round(task: Round, nodes: int = NODES, tolerance: float = TOLERANCE) -> Weights:
    """The weights that minimise the loss of this round."""
    if task.loss == "square":
        return square_round(task)
    if task.ridge == 0.0 and task.before is not None:  # soft labels: the previous weights fit them exactly
        return _unchanged(task, task.before, nodes, tolerance)
    if task.labels == "soft" and task.before is not None and (1.0 + task.delta) * task.before.norm < LINEAR:
        return near_zero(task)
    return general_round(task, nodes, tolerance)


def label_moments(task: Round) -> tuple[float, float, float]:
    """E[ŷ y], E[ŷ z] and the variance of ŷ that neither explains, for the square loss: eq. (8)."""
    if task.before is None:
        return 1.0, 0.0, 0.0
    if task.labels == "soft":
        return task.before.m, task.spread, 0.0
    ratio = task.cosine / np.sqrt(task.delta)
    along, noise = float(1.0 - 2.0 * ndtr(-ratio)), float(2.0 * np.exp(-0.5 * ratio**2) / np.sqrt(2.0 * np.pi))
    # 1 − E[ŷ y]² = 4 p (1 − p), which keeps a small chance p of a wrong label
    left = 4.0 * float(ndtr(-ratio) * ndtr(ratio)) - noise**2
    return along, noise, max(left, 0.0)


def square_round(task: Round, scale: float = 1.0, moments: tuple[float, float, float] | None = None) -> Weights:
    """Closed form of the square loss, eqs. (7) to (9); `moments` of other labels, times `scale`."""
    alpha, lam, delta = task.alpha, task.ridge, task.delta
    along, noise, left = moments or label_moments(task)
    along, noise, left = scale * along, scale * noise, scale**2 * left
    b = lam + (alpha - 1.0) * delta
    root = float(np.hypot(b, 2.0 * np.sqrt(lam) * np.sqrt(delta)))
    # 1/χ and λχ, each without cancellation on its side of the interpolation threshold
    inverse = 0.5 * (b + root) if b > 0.0 else 2.0 * lam * delta / (root - b)
    part = lam / inverse if b > 0.0 else 0.5 * (root - b) / delta
    tau = 1.0 / (inverse + delta)
    pull = alpha * tau  # χk
    turn = pull * np.sqrt(delta) * noise  # χR̂√q₀
    push = pull * (along - turn * task.cosine) / (1.0 + pull)  # χm̂
    m, t = push + turn * task.cosine, push * task.cosine + turn
    gain = alpha * tau * (delta * tau)  # χ²·k₂
    residual = left + (m - along) ** 2 + (np.sqrt(delta) * t - noise) ** 2
    free = (inverse + delta * part) * tau  # 1 − χ²k₂Δ
    across = (push**2 * task.sine_squared + gain * residual) / free  # q − R²/q₀
    rest = turn**2 * task.sine_squared + gain * (residual + delta * across)
    with np.errstate(divide="ignore"):
        chi = float(np.divide(1.0, inverse))
    return task.weights(float(m), float(t), float(rest), chi)


def near_zero(task: Round) -> Weights:
    """Logistic loss at small fields, where ln(2 cosh u/2) − ŷu/2 is (u − 2ŷ)²/8, in closed form.

    Exact for soft labels, tanh(s/2), of small fields: the new weights are not longer than those that fit them exactly.
    """
    moments = label_moments(task)
    if task.before is not None and task.labels == "soft":
        hat_fields = 0.5 * moments[0], 0.5 * moments[1], 0.0
        if (1.0 + task.delta) * task.before.norm >= LINEAR:
            z, weight, hat = label_nodes(task, 0.0, NODES)
            along, noise = float(weight @ hat), float(weight @ (hat * z))
            hat_fields = along, noise, max(float(weight @ hat**2) - along**2 - noise**2, 0.0)
        moments = hat_fields
    near = square_round(replace(task, ridge=4.0 * task.ridge), 2.0, moments)
    return replace(near, chi=4.0 * near.chi)


def general_round(task: Round, nodes: int = NODES, tolerance: float = TOLERANCE, start: Array | None = None) -> Weights:
    """Fixed point of eqs. (3) to (5) for any loss, in logarithms of m, q − R²/q₀, χ and R/√q₀."""
    first = first_guess(task) if start is None else start
    found = _newton(task, first, nodes, tolerance)
    if not found.converged:
        found = follow(task, nodes, tolerance) or found
    _, rest = equations(task, found.point, nodes)
    m, _, chi, t = decoded(found.point)
    return task.weights(m, t, rest, chi, residual=found.residual, converged=found.converged)


def _newton(task: Round, start: Array, nodes: int, tolerance: float) -> FixedPoint:
    return newton_fixed_point(lambda x: equations(task, x, nodes)[0], start, tolerance=tolerance, iterations=ITERATIONS)


def follow(task: Round, nodes: int, tolerance: float) -> FixedPoint | None:
    """The fixed point at this λ, followed from one as large as the curvature of the loss; None if it gets lost."""
    goal = float(np.log(task.ridge)) if task.ridge else -np.inf
    at = float(np.log(task.alpha * task.delta))
    if not at > goal > at - FURTHEST:
        return None
    step, found = float(np.log(10.0)), None
    points: list[tuple[float, Array]] = []  # the last two, each after its ln λ
    while not points or points[-1][0] > goal:
        there = max(points[-1][0] - step, goal) if points else at
        now = replace(task, ridge=float(np.exp(there)) if there > goal else task.ridge)
        found = _newton(now, _predicted(now, points, there), nodes, tolerance)
        if found.converged:
            points = [*points[-1:], (there, found.point)]
        elif points and step > 0.1:
            step *= 0.5
        else:
            return None
    return found


def _predicted(task: Round, points: list[tuple[float, Array]], at: float) -> Array:
    """Where the fixed point is at ln λ = `at`, from the points before."""
    if not points:
        return first_guess(task)
    if len(points) == 1:
        return points[0][1]
    (far, old), (near, new) = points
    return new + (new - old) * (at - near) / (near - far)


def first_guess(task: Round) -> Array:
    """The closed form, of a loss that is like this one near zero fields."""
    near = square_round(task) if task.loss == "square" else near_zero(task)
    size = 1.0 if task.before is None else float(np.sqrt(task.before.norm))
    t = near.overlap / size
    across = max(near.norm - t**2, 1e-8 * near.norm)
    point = np.array([near.m, across, min(near.chi, 1e290)] + ([] if task.before is None else [t]))
    return np.log(np.maximum(point, 1e-290))


def decoded(point: Array) -> tuple[float, float, float, float]:
    """m, q − R²/q₀, χ and R/√q₀ of a point in logarithms; the last is zero where there is none."""
    values = [float(value) for value in np.exp(np.clip(point, -LARGEST_LOGARITHM, LARGEST_LOGARITHM))]
    return values[0], values[1], values[2], values[3] if len(values) > 3 else 0.0


def equations(task: Round, point: Array, nodes: int = NODES) -> tuple[Array, float]:
    """New logarithms of (m, q − R²/q₀, χ, R/√q₀) from old ones, and q − m²."""
    supervised = task.before is None
    m, across, chi, t = decoded(point)
    pull, turn, square, curvature = averages(task, m, t, across, chi, nodes)
    alpha, delta = task.alpha, task.delta
    q_hat = alpha * delta * curvature
    m_hat, chi_hat = alpha * pull, alpha * delta * square
    r_hat = 0.0 if supervised else alpha * np.sqrt(delta) * turn + q_hat * t
    chi = 1.0 / (task.ridge + q_hat)
    cosine, sine_squared = task.cosine, task.sine_squared
    t = chi * (m_hat * cosine + r_hat)
    across = chi**2 * (m_hat**2 * sine_squared + chi_hat)
    new = [chi * (m_hat + r_hat * cosine), max(across, SMALLEST_PART * t**2), chi]
    new += [] if supervised else [t]
    rest = chi**2 * (r_hat**2 * sine_squared + chi_hat)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.log(np.array(new))
    # far from the solution an overlap may come out negative: it is made smaller then
    moved = np.where(np.isfinite(moved), moved, point - LARGEST_CHANGE)
    return np.clip(moved, point - LARGEST_CHANGE, point + LARGEST_CHANGE), float(rest)


def _unchanged(task: Round, before: Weights, nodes: int, tolerance: float) -> Weights:
    """Without ridge the minimum for soft labels is where they come from; χ solves 1/χ = Q̂."""

    def image(x: Array) -> Array:
        curvature = averages(task, before.m, float(np.sqrt(before.norm)), 1e-30, float(np.exp(x[0])), nodes)[3]
        return np.array([-np.log(task.alpha * task.delta * curvature)])

    found = newton_fixed_point(image, np.array([0.0]), tolerance=tolerance)
    return Weights(before.m, before.rest, before.norm, float(np.exp(found.point[0])), found.residual, found.converged)

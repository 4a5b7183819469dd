"""One round of training on (pseudo-)labels of a Gaussian mixture, N → ∞: order parameters of the new weights.

Square loss in closed form, any loss by quadrature and a fixed point. Equation numbers are those of
docs/theory/self_training.rst. Fields of the previous weights are counted in units of their own spread, so that
nothing depends on the size of these weights unless the labels do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, ndtr

from ..solvers.fixed_point import FixedPoint, newton_fixed_point
from ..solvers.quadrature import TAIL, piece

Array = np.ndarray
LOSSES, LABELS = ("square", "logistic"), ("hard", "soft")
#: Nodes in each piece of the averages.
NODES = 8
#: Of the logarithms of the order parameters.
TOLERANCE = 1e-9
#: A field's function changes over distances of order one: pieces that grow from this size by this factor away from it.
FIRST_PIECE, GROWTH = 3.0, 2.5
#: The ridge is followed over at most so many factors of e.
FURTHEST = 60.0
#: Mean square of the fields below which the logistic loss is a square, to 1e-13.
LINEAR = 1e-12
#: Weights below it do not count.
NEGLIGIBLE = 1e-18
#: What is left of w without its part along the previous weights: below this share only round-off is left of it.
SMALLEST_PART = 1e-12
#: Largest change of the logarithm of an order parameter in one application of the equations.
LARGEST_CHANGE = 5.0
#: Logarithms are held below it, so that products of two parameters stay in the range of numbers.
LARGEST_LOGARITHM = 340.0


@dataclass(frozen=True)
class Weights:
    """Order parameters of the weights w after a round; `u` is the previous round's.

    Attributes
    ----------
    m : float
        w·v/N, overlap with the direction of the classes.
    rest : float
        ‖w‖²/N − m², what is orthogonal to it; kept apart because it may be tiny.
    overlap : float
        w·u/N.
    chi : float
        Tr(Hessian of the objective)⁻¹/N.
    residual : float
        Of the fixed point, in logarithms; zero for closed forms.
    converged : bool
    """

    m: float
    rest: float
    overlap: float
    chi: float
    residual: float = 0.0
    converged: bool = True

    @property
    def norm(self) -> float:
        """q = ‖w‖²/N."""
        return self.m**2 + self.rest

    def error(self, delta: float) -> float:
        """Probability that a fresh sample is on the wrong side: eq. (6)."""
        return float(ndtr(-self.m / np.sqrt(delta) / np.sqrt(self.norm)))


@dataclass(frozen=True)
class Round:
    """What a round is given: α, λ, Δ, the loss, and the weights that make the labels (None: the true labels)."""

    alpha: float
    ridge: float
    delta: float
    loss: str
    labels: str
    before: Weights | None

    @property
    def cosine(self) -> float:
        """M₀ = m₀/√q₀ of the weights that make the labels, 0 without."""
        return 0.0 if self.before is None else self.before.m / float(np.sqrt(self.before.norm))

    @property
    def sine_squared(self) -> float:
        """1 − M₀², without cancellation."""
        return 1.0 if self.before is None else self.before.rest / self.before.norm

    @property
    def spread(self) -> float:
        """√(Δ q₀), standard deviation of the fields that make the labels."""
        return 0.0 if self.before is None else float(np.sqrt(self.delta) * np.sqrt(self.before.norm))

    def label_fields(self, z: Array) -> Array:
        """Fields s of samples of class +1 whose noise along the previous weights is z (unit variance)."""
        return self.spread * (self.cosine / np.sqrt(self.delta) + z)

    def weights(self, m: float, t: float, rest: float, chi: float, **facts: Any) -> Weights:
        """Order parameters from t = R/√q₀."""
        size = 0.0 if self.before is None else float(np.sqrt(self.before.norm))
        return Weights(m, rest, t * size, chi, **facts)


def label(loss: str, labels: str, fields: Any, xp: Any = np) -> Any:
    """f(s): the sign, or the mean of y that the loss itself reads from the field s (eq. (2)): s, or tanh(s/2)."""
    if labels == "hard":
        return xp.where(fields >= 0.0, 1.0, -1.0)
    return fields if loss == "square" else xp.tanh(0.5 * fields)


def solve_round(task: Round, nodes: int = NODES, tolerance: float = TOLERANCE) -> Weights:
    """The weights that minimise the loss of this round."""
    if task.loss == "square":
        return square_round(task)
    if task.ridge == 0.0 and task.before is not None:  # soft labels: the previous weights fit them exactly
        return _unchanged(task, task.before, nodes, tolerance)
    if task.labels == "soft" and task.before is not None and (1.0 + task.delta) * task.before.norm < LINEAR:
        return near_zero(task)
    return general_round(task, nodes, tolerance)


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


def general_round(task: Round, nodes: int = NODES, tolerance: float = TOLERANCE, start: Array | None = None) -> Weights:
    """Fixed point of eqs. (3) to (5) for any loss, in logarithms of m, q − R²/q₀, χ and R/√q₀."""
    first = first_guess(task) if start is None else start
    found = newton_fixed_point(lambda x: equations(task, x, nodes)[0], first, tolerance=tolerance, iterations=25)
    if not found.converged:
        found = follow(task, nodes, tolerance) or found
    _, rest = equations(task, found.point, nodes)
    m, _, chi, t = decoded(found.point)
    return task.weights(m, t, rest, chi, residual=found.residual, converged=found.converged)


def follow(task: Round, nodes: int, tolerance: float) -> FixedPoint | None:
    """The fixed point at this λ, followed from one as large as the curvature of the loss; None if it gets lost."""
    goal = float(np.log(task.ridge)) if task.ridge else -np.inf
    at = float(np.log(task.alpha * task.delta))
    if not at > goal > at - FURTHEST:
        return None
    step, points, found = np.log(10.0), [], None  # points: the last two, each after its ln λ
    while not points or points[-1][0] > goal:
        there = max(points[-1][0] - step, goal) if points else at
        now = replace(task, ridge=float(np.exp(there)) if there > goal else task.ridge)
        found = newton_fixed_point(
            lambda x, now=now: equations(now, x, nodes)[0],
            _predicted(now, points, there),
            tolerance=tolerance,
            iterations=25,
        )
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


def averages(task: Round, m: float, t: float, across: float, chi: float, nodes: int) -> tuple[float, ...]:
    """E[y g], E[g z], E[g²] and E[ℓ''/(1 + Δχℓ'')] over classes and noise: eq. (4).

    The noise z along the previous weights is cut where the label jumps or bends, the rest of the noise where the
    minimum over one output bends.
    """
    c = task.delta * chi
    z, share, hat = label_nodes(task, float(np.sqrt(task.delta)) * t, nodes)
    centre, width = m + np.sqrt(task.delta) * t * z, float(np.sqrt(task.delta) * np.sqrt(across))
    # the response bends where tanh(u/2) saturates
    bends = [0.5 * c * (side - hat) for side in (-1.0, 1.0)]
    edges = graded(np.stack([(bend - centre) / width for bend in bends], axis=-1), 1.0 / width)
    x, weight = normal_rule(edges, nodes)
    weight = weight * share[:, None]
    kept = weight > NEGLIGIBLE  # most pieces lie beyond the tails
    row, weight = np.nonzero(kept)[0], weight[kept]
    g, curvature = RESPONSES[task.loss](centre[row] + width * x[kept], hat[row], c)
    pulls = weight * g
    return float(pulls.sum()), float(pulls @ z[row]), float(pulls @ g), float(weight @ curvature)


def label_nodes(task: Round, slope: float, nodes: int) -> tuple[Array, Array, Array]:
    """Nodes and weights of z, cut at the sign change of the previous field, and the labels there, for class +1.

    `slope` is that of the new field: the pieces near the change are as fine as either field needs.
    """
    if task.before is None:
        return np.zeros(1), np.ones(1), np.ones(1)
    edge = np.array([-task.cosine / np.sqrt(task.delta)])
    width = 1.0 / max(task.spread, slope, 1e-300)
    z, weight = normal_rule(graded(edge, width), nodes)
    return z, weight, np.asarray(label(task.loss, task.labels, task.label_fields(z)))


def graded(centres: Array, width: float) -> Array:
    """Sorted ends of pieces of a standard normal number (…, pieces + 1): even ones, finer near the centres (…, n)."""
    offsets = [0.0]
    step = FIRST_PIECE * width
    while step < 2.0 * TAIL:
        offsets += [-step, step]
        step *= GROWTH
    near = np.asarray(centres)[..., None] + np.array(offsets)
    near = near.reshape(*np.shape(centres)[:-1], -1)
    even = np.broadcast_to(np.linspace(-TAIL, TAIL, 5), (*near.shape[:-1], 5))
    return np.sort(np.clip(np.concatenate([near, even], axis=-1), -TAIL, TAIL), axis=-1)


def normal_rule(edges: Array, nodes: int) -> tuple[Array, Array]:
    """Points and weights (…, pieces·nodes) of the normal distribution between these ends."""
    x, weight = piece(edges[..., :-1], edges[..., 1:], nodes)
    weight = weight * np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
    shape = (*x.shape[:-2], x.shape[-2] * x.shape[-1])
    return x.reshape(shape), weight.reshape(shape)


def _square_response(h: Array, hat: Array, c: float) -> tuple[Array, Array]:
    """(u − h)/c and ℓ''/(1 + cℓ'') of ½(u − ŷ)²."""
    return (hat - h) / (1.0 + c), np.full_like(h, 1.0 / (1.0 + c))


def _logistic_response(h: Array, hat: Array, c: float) -> tuple[Array, Array]:
    """The same of ln(2 cosh u/2) − ŷu/2: the root of u − h = ½c(ŷ − tanh u/2) by Newton's method.

    Started between zero and the root, where the left side is concave in |u|, it never passes the root.
    """
    mirror = np.where(h + 0.5 * c * hat >= 0.0, 1.0, -1.0)
    h, hat = mirror * h, mirror * hat
    total = h + 0.5 * c * hat
    u = np.maximum(h + 0.5 * c * (hat - 1.0), total / (1.0 + 0.25 * c))
    # what tanh(u/2) would be without the term u bounds u from above, and so tanh(u/2) from below
    above = 2.0 * np.arctanh(np.minimum(2.0 * total / c, 1.0 - 1e-15))
    u = np.maximum(u, 2.0 * np.arctanh(np.clip(2.0 * (total - above) / c, 0.0, 1.0 - 1e-15)))
    up, down = 0.5 * (1.0 + hat), 0.5 * (1.0 - hat)
    for _ in range(100):
        p = expit(-u)
        g = np.where(u > 0.0, p - down, up - (1.0 - p))
        bend = p * (1.0 - p)
        step = (u - h - c * g) / (1.0 + c * bend)
        u = u - step
        if np.all(np.abs(step) <= 1e-13 * (1.0 + np.abs(u))):
            break
    p = expit(-u)
    bend = p * (1.0 - p)
    return mirror * (p - down), bend / (1.0 + c * bend)


RESPONSES: dict[str, Callable[[Array, Array, float], tuple[Array, Array]]] = {
    "square": _square_response,
    "logistic": _logistic_response,
}


def _unchanged(task: Round, before: Weights, nodes: int, tolerance: float) -> Weights:
    """Without ridge the minimum for soft labels is where they come from; χ solves 1/χ = Q̂."""

    def image(x: Array) -> Array:
        curvature = averages(task, before.m, float(np.sqrt(before.norm)), 1e-30, float(np.exp(x[0])), nodes)[3]
        return np.array([-np.log(task.alpha * task.delta * curvature)])

    found = newton_fixed_point(image, np.array([0.0]), tolerance=tolerance, iterations=25)
    return Weights(before.m, before.rest, before.norm, float(np.exp(found.point[0])), found.residual, found.converged)

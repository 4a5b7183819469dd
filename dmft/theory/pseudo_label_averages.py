"""Averages over the samples of a round, for any loss: nodes in pieces that end where labels jump or responses bend.

Gauss–Hermite rules are useless here: hard labels make the integrands discontinuous.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from ..solvers.quadrature import TAIL, piece
from .pseudo_labels import Round, label

Array = np.ndarray
#: Nodes in each piece.
NODES = 8
#: A field's function changes over distances of order one: pieces that grow from this size by this factor away from it.
FIRST_PIECE, GROWTH = 3.0, 2.0
#: Weights below it do not count.
NEGLIGIBLE = 1e-18


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
    even = np.broadcast_to(np.linspace(-TAIL, TAIL, 7), (*near.shape[:-1], 7))
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

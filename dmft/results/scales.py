"""Places on linear and logarithmic axes."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def positive(values: Array) -> Array:
    """Where a logarithm exists."""
    return np.isfinite(values) & (values > 0.0)


def many_decades(values: Array, ratio: float) -> bool:
    """True if all finite values are positive and the largest is more than `ratio` times the smallest."""
    finite = values[np.isfinite(values)]
    return bool(finite.size) and bool(finite.min() > 0.0) and bool(finite.max() > ratio * finite.min())


def cell_edges(places: Array, log: bool) -> Array:
    """Borders of the cells around the points of an axis, half way to their neighbours."""
    values = np.log(places) if log else np.asarray(places, dtype=float)
    if len(values) == 1:
        edges = np.array([values[0] - 0.5, values[0] + 0.5])
    else:
        middle = 0.5 * (values[1:] + values[:-1])
        edges = np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])
    return np.exp(edges) if log else edges

"""One class cut into cells of equal width: the threshold once more, by minimising over all labelings of the cells."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from ..errors import ParameterError
from ..solvers.consistency.line import balls_of_cells, inconsistent_on_line, minimise_on_line
from ..solvers.consistency.parametric import CostLine, critical_penalty
from ..solvers.memory import check_memory

Array = np.ndarray
#: Standard deviations beyond the edge of the tail, and below the mean, that the cells reach.
BEYOND = 9.0


def class_cells(tail: float, radius: float, half: float, cells: int) -> tuple[Array, int]:
    """Edges z (n + 1,) of about `cells` cells, decreasing from far in the tail, and how many make a radius.

    Arguments are those of :func:`threshold_on_cells`.
    The origin is an edge, the edge of the tail is not in general. Decreasing, so that sums of masses begin with the
    smallest.

    Raises
    ------
    ParameterError
        If a cell would be wider than the radius.
    """
    low = max(-half, min(tail - radius, 0.0) - BEYOND)
    high = max(tail, 0.0) + radius + BEYOND
    reach = int(cells * (radius / (high - low)))
    if reach < 1:
        least = int(np.ceil((high - low) / radius)) + 1
        raise ParameterError(f"cells = {cells} are wider than radius = {radius:g}: give at least {least}")
    width = radius / reach
    return width * np.arange(np.ceil(high / width), np.floor(low / width) - 1.0, -1.0), reach


def threshold_on_cells(mass: float, tail: float, radius: float, half: float, cells: int) -> dict[str, float]:
    """Threshold of the minimiser whose label may change between cells only, and their width.

    Parameters
    ----------
    mass, tail : float
        Mislabelled part of the class, and where this tail begins, outwards from the mean.
    radius, half : float
        Radius of the balls, and distance from the mean to the boundary (infinite without one).
    cells : int
        Number of cells.

    Notes
    -----
    The error is of first order in the width, as the edge of the tail lies somewhere in a cell; it vanishes where the
    two edges meet. O(cells) for each of the few minimisations.
    """
    check_memory(200.0 * cells, "try fewer --cells")
    z, reach = class_cells(tail, radius, half, cells)
    unit = np.log(mass) + log_ndtr(half)

    def between(edges: Array) -> Array:
        """Masses of the cells between them, in units of the tail's."""
        return np.diff(np.exp(log_ndtr(-np.maximum(edges, -half)) - unit))

    masses, wrong = between(z), between(np.maximum(z, tail))
    costs = np.stack([wrong, masses - wrong], axis=1)  # of label 0, the right one, and of label 1
    low, high = balls_of_cells(len(masses), reach)

    def line(labels: Array) -> CostLine:
        kept = float(masses[labels == 1].sum())
        paid = float(np.take_along_axis(costs, labels[:, None], axis=1).sum())
        return CostLine(paid, float(masses[inconsistent_on_line(labels, low, high)].sum()), kept < 0.5)

    def minimise(fidelity: float, penalty: float) -> CostLine:
        largest = max(fidelity, penalty)
        return line(minimise_on_line(fidelity / largest * costs, penalty / largest * masses, low, high)[1])

    start = line((costs[:, 0] > costs[:, 1]).astype(np.int64))
    found = critical_penalty(minimise, start, line(np.zeros(len(masses), dtype=np.int64)))
    return {"threshold_on_cells": found, "cell_width": radius / reach}

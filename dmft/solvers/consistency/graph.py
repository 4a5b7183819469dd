"""Weighted samples and their balls: the graph on which consistency is defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ParameterError
from ..memory import check_memory

Array = np.ndarray
#: Larger sums of masses would not be exact in all products that are formed of them.
LARGEST_MASS = 2**31 - 1
LARGEST_COST = 2**62


@dataclass(frozen=True, eq=False)
class BallGraph:
    """Samples with masses, and who lies in whose ball. Made by one of the ``from_`` functions, which check.

    Attributes
    ----------
    masses : ndarray (n,) of int64
        Weight of each sample; probabilities are these over their sum.
    starts, members : ndarray (n + 1,), (m,) of int64
        The ball B(x), without x itself, is ``members[starts[x]:starts[x + 1]]``, in increasing order.
    """

    masses: Array
    starts: Array
    members: Array

    @classmethod
    def from_edges(cls, masses: Any, edges: Any) -> BallGraph:
        """From pairs (m, 2) of samples that lie in each other's ball; repeated pairs and loops count once, or not.

        Raises
        ------
        ParameterError
            If masses are not non-negative integers with a sum in [1, 2³¹), or a pair names a sample that is not.
        """
        masses = _checked_masses(masses)
        pairs = np.asarray(edges)
        pairs = np.empty((0, 2), dtype=np.int64) if pairs.size == 0 else pairs
        if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
            raise ParameterError(f"edges of shape {pairs.shape} and type {pairs.dtype}: give pairs (m, 2) of integers")
        n = len(masses)
        if pairs.size and not (pairs.min() >= 0 and pairs.max() < n):
            raise ParameterError(f"edges name samples {pairs.min()} to {pairs.max()}: there are 0 to {n - 1}")
        pairs = pairs[pairs[:, 0] != pairs[:, 1]].astype(np.int64)
        keys = np.unique(np.concatenate([pairs[:, 0] * n + pairs[:, 1], pairs[:, 1] * n + pairs[:, 0]]))
        starts = np.searchsorted(keys, np.arange(n + 1, dtype=np.int64) * n)
        return cls(masses, starts, keys % n)

    @classmethod
    def from_matrix(cls, masses: Any, adjacency: Any) -> BallGraph:
        """From a matrix (n, n), dense or sparse, whose entry is positive where two samples share a ball.

        Raises
        ------
        ParameterError
            If the matrix is not square of the size of the masses, not symmetric, or has negative or NaN entries.
        """
        from scipy import sparse

        matrix = sparse.csr_array(adjacency)
        n = len(np.atleast_1d(masses))
        if matrix.shape != (n, n):
            raise ParameterError(f"adjacency has the shape {matrix.shape}, but there are {n} masses: give ({n}, {n})")
        if matrix.nnz and not matrix.data.min() >= 0:
            raise ParameterError(f"adjacency has an entry {matrix.data.min()}: give numbers that are not negative")
        rows, columns = matrix.nonzero()
        there = np.zeros(0, dtype=np.int64) if not len(rows) else rows * np.int64(n) + columns
        lonely = np.setdiff1d(there, columns * np.int64(n) + rows)
        if len(lonely):
            i, j = divmod(int(lonely[0]), n)
            raise ParameterError(
                f"adjacency is not symmetric, {j} is in the ball of {i} but not the other way round: "
                "give balls of a distance, or the larger of the matrix and its transpose"
            )
        return cls.from_edges(masses, np.stack([rows, columns], axis=1))

    @classmethod
    def from_points(cls, points: Any, radius: float, masses: Any = None) -> BallGraph:
        """From points (n, d), in each other's ball if they are at most `radius` apart; masses are 1 unless given.

        Raises
        ------
        ParameterError, MemoryLimitError
        """
        from scipy.spatial import cKDTree

        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or not np.isfinite(points).all():
            raise ParameterError(f"points of shape {points.shape}: give finite coordinates (n, d)")
        if not (np.isfinite(radius) and radius > 0.0):
            raise ParameterError(f"radius = {radius!r} is not allowed: give a number in (0, inf)")
        tree = cKDTree(points)
        pairs = float(tree.count_neighbors(tree, radius))
        check_memory(60.0 * pairs, "try a smaller radius or fewer points")
        masses = np.ones(len(points), dtype=np.int64) if masses is None else masses
        return cls.from_edges(masses, tree.query_pairs(radius, output_type="ndarray"))

    def __len__(self) -> int:
        return len(self.masses)

    @property
    def total(self) -> int:
        """Sum of the masses."""
        return int(self.masses.sum())

    @property
    def centres(self) -> Array:
        """The sample whose ball each of :attr:`members` is in."""
        return np.repeat(np.arange(len(self.masses)), np.diff(self.starts))

    def inconsistent(self, labels: Array) -> Array:
        """Samples (n,) whose ball has more than one of the `labels` (n,)."""
        found = np.zeros(len(self.masses), dtype=bool)
        centres = self.centres
        found[centres[labels[centres] != labels[self.members]]] = True
        return found

    def cost(self, costs: Array, penalties: Array, labels: Array) -> int:
        """What is minimised, at these labels: see :func:`checked_costs`."""
        paid = np.take_along_axis(costs, labels[:, None], axis=1).sum()
        return int(paid) + int(penalties[self.inconsistent(labels)].sum())

    def neighbourhoods(self) -> list[int]:
        """N(x) = all samples whose ball meets that of x, as bits of an integer for each x: for small graphs."""
        balls = [1 << x for x in range(len(self))]
        for centre, member in zip(self.centres.tolist(), self.members.tolist(), strict=True):
            balls[centre] |= 1 << member
        found = list(balls)
        for centre, member in zip(self.centres.tolist(), self.members.tolist(), strict=True):
            found[centre] |= balls[member]
        return found


def checked_costs(graph: BallGraph, costs: Any, penalties: Any) -> tuple[Array, Array]:
    """Cost (n, labels) of each label of each sample and penalty (n,) of its inconsistency, as int64.

    Raises
    ------
    ParameterError
        If they have another shape, or are not non-negative integers.
    """
    costs, penalties = np.asarray(costs), np.asarray(penalties)
    n = len(graph)
    if costs.ndim != 2 or len(costs) != n or costs.shape[1] < 2:
        raise ParameterError(f"costs have the shape {costs.shape}: give (samples, labels) = ({n}, 2 or more)")
    if penalties.shape != (n,):
        raise ParameterError(f"penalties have the shape {penalties.shape}: give one for each of the {n} samples")
    for name, values in (("costs", costs), ("penalties", penalties)):
        _check_integers(name, values)
    most = costs.max(axis=1).sum(dtype=object) + penalties.sum(dtype=object)
    if most > LARGEST_COST:
        raise ParameterError(f"costs and penalties add up to {most}: give at most {LARGEST_COST}, or sums overflow")
    return costs.astype(np.int64), penalties.astype(np.int64)


def pseudolabel_costs(masses: Array, pseudolabels: Array, labels: int) -> Array:
    """Cost (n, labels): the mass of each sample, for each label that is not its pseudolabel."""
    return np.where(np.arange(labels) == np.asarray(pseudolabels)[:, None], 0, np.asarray(masses)[:, None])


def _checked_masses(masses: Any) -> Array:
    values = np.asarray(masses)
    if values.ndim != 1 or not len(values):
        raise ParameterError(f"masses have the shape {values.shape}: give one for each of at least one sample")
    _check_integers("masses", values)
    if not 0 < int(values.sum(dtype=object)) <= LARGEST_MASS:
        raise ParameterError(f"masses add up to {values.sum(dtype=object)}: give a sum in [1, {LARGEST_MASS}]")
    return values.astype(np.int64)


def _check_integers(name: str, values: Array) -> None:
    """Anything but integers would not be exact: scale and round them on purpose."""
    if not np.issubdtype(values.dtype, np.integer):
        raise ParameterError(f"{name} are of type {values.dtype}: give integers, e.g. by integer_masses")
    if values.size and int(values.min()) < 0:
        raise ParameterError(f"{name} has an entry {values.min()}: give numbers that are not negative")


def integer_masses(weights: Any, total: int = 10**9) -> Array:
    """Integers close to `weights` (n,) times a common factor, that add up to nearly `total`.

    Each is off by at most half a unit, so that any sum of them is off by at most n/(2·total) of the whole.

    Raises
    ------
    ParameterError
        If a weight is negative, NaN or infinite, or all are zero.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0.0).any() or not weights.sum() > 0.0:
        raise ParameterError("weights must be finite and not negative, with a positive sum: give one for each sample")
    return np.rint(weights * (total / weights.sum())).astype(np.int64)

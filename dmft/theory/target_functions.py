"""Functions that networks are trained on: those of the literature, and tables of one's own from CSV files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from .table import read_table

Array = np.ndarray
#: Name to inputs and domain (the same interval for every input).
DOMAINS = {
    "sine": (1, (0.0, 1.0)),
    "absolute": (1, (-1.0, 1.0)),
    "step": (1, (-1.0, 1.0)),
    "gaussian": (2, (-1.0, 1.0)),
    "franke": (2, (0.0, 1.0)),
}
#: Gauss–Legendre nodes for each of two inputs.
NODES = 16


@dataclass(frozen=True, eq=False)
class Target:
    """A function with the law of its inputs.

    Attributes
    ----------
    inputs : int
        Number of inputs.
    interval : (float, float) or None
        Every input is uniform on it; None for a table.
    table : ndarray, (rows, inputs + 1), or None
        Inputs and value of each row, all equally likely.
    """

    name: str
    inputs: int
    interval: tuple[float, float] | None
    table: Array | None = None

    @property
    def radius(self) -> float:
        """X_B, the largest norm of an input."""
        if self.table is not None:
            return float(np.sqrt((self.table[:, :-1] ** 2).sum(axis=1)).max())
        assert self.interval is not None
        return float(np.sqrt(self.inputs) * max(abs(end) for end in self.interval))

    def population(self) -> Array:
        """Points (M, inputs + 2) with value and weight: rows of the table, or Gauss–Legendre nodes."""
        if self.table is not None:
            return np.column_stack([self.table, np.full(len(self.table), 1.0 / len(self.table))])
        assert self.interval is not None
        low, high = self.interval
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        nodes, weights = 0.5 * (low + high) + 0.5 * (high - low) * nodes, 0.5 * weights
        x = np.stack(np.meshgrid(*[nodes] * self.inputs, indexing="ij"), axis=-1).reshape(-1, self.inputs)
        w = np.prod(np.meshgrid(*[weights] * self.inputs, indexing="ij"), axis=0).ravel()
        return np.column_stack([x, evaluate(self.name, x), w])

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Points (count, inputs + 2) of equal weight; rows of the table without repetition, all if it has no more."""
        if self.table is not None:
            rows = rng.permutation(len(self.table))[:count]
            chosen = self.table[np.sort(rows)]
        else:
            assert self.interval is not None
            x = rng.uniform(*self.interval, (count, self.inputs))
            chosen = np.column_stack([x, evaluate(self.name, x)])
        return np.column_stack([chosen, np.full(len(chosen), 1.0 / len(chosen))])


def evaluate(name: str, x: Array) -> Array:
    """The function at points (n, inputs)."""
    u = x[:, 0]
    if name == "sine":
        return np.sin(4.0 * np.pi * u)
    if name == "absolute":
        return np.abs(u)
    if name == "step":
        return (u > 0.0).astype(np.float64)
    if name == "gaussian":
        return np.exp(-(x**2).sum(axis=1))
    a, b = 9.0 * x[:, 0], 9.0 * x[:, 1]  # R. Franke, Math. Comp. 38, 181 (1982)
    return (
        0.75 * np.exp(-0.25 * ((a - 2.0) ** 2 + (b - 2.0) ** 2))
        + 0.75 * np.exp(-((a + 1.0) ** 2) / 49.0 - (b + 1.0) / 10.0)
        + 0.5 * np.exp(-0.25 * ((a - 7.0) ** 2 + (b - 3.0) ** 2))
        - 0.2 * np.exp(-((a - 4.0) ** 2) - (b - 7.0) ** 2)
    )


def make(name: str) -> Target:
    """One of :data:`DOMAINS`."""
    inputs, interval = DOMAINS[name]
    return Target(name, inputs, interval)


def from_table(path: str) -> Target:
    """A table from a CSV file, the value in the last column.

    Raises
    ------
    ParameterError
        As :func:`dmft.theory.table.read_table`; also if it has fewer than two rows, or inputs 0 only.
    """
    table = read_table(path, least=2)
    if not table[:, :-1].any():
        raise ParameterError(f"data = {path!r} has inputs 0 only, a domain of radius 0: give other inputs")
    return Target(path, table.shape[1] - 1, None, table)

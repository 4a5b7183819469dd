"""Samples, labels and starts of the ``relu-neuron`` family: random, from a file, or a named set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ParameterError
from ..results.arrays import read_arrays
from .table import read_table

Array = np.ndarray
DRAWN, NAMED, SUFFIXES = ("gaussian", "orthant"), ("vardi-shamir",), (".npz", ".h5", ".hdf5", ".csv")
ALLOWED = f"{', '.join(DRAWN + NAMED)}, or a file that ends in {', '.join(SUFFIXES)}"
LABELS = ("teacher", "positive", "random")


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples x (n, d), labels y (n,) and, for labels of a teacher, its weights (d,)."""

    x: Array
    y: Array
    teacher: Array | None = None


def known(data: str) -> bool:
    """True if `data` is a name, or looks like a file."""
    return data in DRAWN + NAMED or data.lower().endswith(SUFFIXES)


def vardi_shamir(gamma: float) -> Samples:
    """The counterexample of arXiv:2012.05156, eq. (8) of relu_neuron."""
    x = np.array([[3.0, -1.0, 0.0], [4.0, 2.0, 0.0], [0.0, gamma, gamma]])
    return Samples(x, np.array([16.0, 18.0, 0.0]))


def directions(rng: np.random.Generator, count: int, dimension: int) -> Array:
    """Unit vectors, uniform on the sphere, (count, dimension)."""
    drawn = rng.standard_normal((count, dimension))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def draw(
    rng: np.random.Generator, count: int, samples: int, dimension: int, data: str, labels: str
) -> tuple[Array, Array, Array | None]:
    """`count` random sets: x (count, n, d), y (count, n) and the teachers (count, d) if there are any."""
    x = rng.standard_normal((count, samples, dimension))
    if data == "orthant":
        x = np.abs(x)
    if labels == "teacher":
        teacher = directions(rng, count, dimension)
        return x, np.maximum(np.einsum("mnd,md->mn", x, teacher), 0.0), teacher
    y = rng.standard_normal((count, samples))
    return x, np.abs(y) if labels == "positive" else y, None


def read(path: str) -> Samples:
    """Samples and labels of a file: arrays ``x`` and ``y``, or a table of numbers whose last column is y.

    Raises
    ------
    ParameterError
        If there is no such file, or its content is not that.
    """
    file = Path(path)
    if not file.is_file():
        raise ParameterError(f"data = {path!r}: there is no such file; give {ALLOWED}")
    try:
        x, y = _arrays(file)
    except ParameterError:  # it says all there is to say
        raise
    except KeyError as error:
        raise ParameterError(f"data = {path!r} has no array {error}: give x of shape (n, d) and y of (n,)") from None
    except (OSError, ValueError) as error:
        raise ParameterError(f"data = {path!r} cannot be read: {' '.join(str(error).split())}") from None
    return check(path, x, y)


def _arrays(file: Path) -> tuple[Array, Array]:
    if file.suffix.lower() == ".csv":
        table = read_table(str(file))
        return table[:, :-1], table[:, -1]
    arrays = read_arrays(file, ("x", "y"))
    return np.asarray(arrays["x"], dtype=np.float64), np.asarray(arrays["y"], dtype=np.float64)


def check(name: str, x: Array, y: Array) -> Samples:
    """Refuse data that the equations cannot use, one line each."""
    if x.ndim != 2 or 0 in x.shape:
        raise ParameterError(f"data = {name!r}: x has shape {x.shape}, give n ≥ 1 samples of d ≥ 1 numbers, (n, d)")
    if y.shape != x.shape[:1]:
        raise ParameterError(f"data = {name!r}: y has shape {y.shape}, but x {x.shape}: give one label per sample")
    for what, array in (("x", x), ("y", y)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise ParameterError(f"data = {name!r}: {what}{bad[0].tolist()} is not finite: remove or replace it")
    zero = np.flatnonzero(~x.any(axis=1))
    if len(zero):
        raise ParameterError(f"data = {name!r}: sample {zero[0]} is zero, no weight acts on it: remove it")
    return Samples(x, y)

"""Feed-forward networks given by their arrays: made in Python, or read from a .npz or .h5 file."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError, ParameterError
from ..results.arrays import read_arrays

Array = np.ndarray
ACTIVATIONS = ("relu", "binary")
NAMES = "w, b, c of one hidden layer (and c0), or W1, b1, W2, … of several"


@dataclass(frozen=True, eq=False)
class Network:
    """f(x) = W_L σ(… σ(W_1 x + b_1) …) + b_L.

    Attributes
    ----------
    weights : tuple of ndarray
        W_1 … W_L, each of shape (neurons of this layer, neurons of the layer before); the last one is linear.
    biases : tuple of ndarray or None
        b_1 … b_L, one number for each neuron; None in the last place if the output has no constant.
    activation : str
        ``relu``: σ(s) = max(s, 0), or ``binary``: σ(s) = 1 for s > 0, else 0.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array | None, ...]
    activation: str = "relu"

    def __call__(self, points: Array) -> Array:
        """Values at points of shape (n, inputs); shape (n, outputs)."""
        values = np.asarray(points, dtype=np.float64)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            field = values @ weight.T + bias
            values = np.maximum(field, 0.0) if self.activation == "relu" else (field > 0.0).astype(np.float64)
        last = self.biases[-1]
        return values @ self.weights[-1].T + (0.0 if last is None else last)

    @property
    def inputs(self) -> int:
        """Dimension of x."""
        return self.weights[0].shape[1]

    @property
    def neurons(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return tuple(len(weight) for weight in self.weights[:-1])

    def arrays(self) -> dict[str, Array]:
        """The arrays by the names that :func:`as_network` reads: w, b, c, c0 or W1, b1, W2, …."""
        if len(self.weights) == 2:
            (w, c), (b, c0) = self.weights, self.biases
            named = {"w": w, "b": b, "c": c, "c0": c0}
        else:
            pairs = zip(self.weights, self.biases, strict=True)
            named = {name: array for i, (w, b) in enumerate(pairs, 1) for name, array in ((f"W{i}", w), (f"b{i}", b))}
        return {name: array for name, array in named.items() if array is not None}

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the arrays to a .npz file, whole or not at all; refuses an existing file unless `force`."""
        from ..results.atomic import write_bytes

        path = Path(path)
        if path.suffix != ".npz":
            raise ParameterError(f"path = {str(path)!r} is not allowed: give a name that ends in .npz")
        archive = io.BytesIO()
        np.savez(archive, **self.arrays())  # type: ignore[arg-type]  # named arrays
        write_bytes(path, archive.getvalue(), force=force)
        return path


def as_network(source: Any, activation: str = "relu") -> Network:
    """A network from a network, a file, a mapping of named arrays or a sequence of (W, b) pairs.

    Parameters
    ----------
    source : Network, str, Path, mapping or sequence
        Named arrays, in a mapping or a .npz or .h5 file: w (N, d), b (N,), c (N,) or (outputs, N), and c0 (outputs,)
        for one hidden layer; W1, b1, …, WL, bL for any number, W of shape (out, in). The last bias may be missing.
    activation : str
        ``relu`` or ``binary``; a network keeps its own.

    Raises
    ------
    ParameterError
        If names are missing, shapes do not fit together, or a number is not finite.
    FileFormatError
        If the file cannot be read.
    """
    if activation not in ACTIVATIONS:
        raise ParameterError(f"activation = {activation!r} is not allowed: give one of {', '.join(ACTIVATIONS)}")
    if isinstance(source, Network):
        return _checked(list(source.weights), list(source.biases), source.activation, "the network")
    if isinstance(source, (str, Path)):
        return _named(_from_file(Path(source)), activation, str(source))
    if isinstance(source, Mapping):
        return _named(source, activation, "the mapping")
    pairs = isinstance(source, Sequence) and all(isinstance(pair, Sequence) and len(pair) == 2 for pair in source)
    if pairs and len(source):
        weights, biases = zip(*source, strict=True)
        return _checked(list(weights), list(biases), activation, "the sequence")
    raise ParameterError(
        f"network of type {type(source).__name__} is not allowed: give a .npz or .h5 file, a mapping with the arrays "
        f"{NAMES}, or a list of pairs (W, b)"
    )


def _from_file(path: Path) -> dict[str, Array]:
    if path.suffix not in (".npz", ".h5", ".hdf5"):
        raise FileFormatError(f"{path} ends in {path.suffix!r}: give a .npz or .h5 file with the arrays {NAMES}")
    try:
        return read_arrays(path)
    except FileNotFoundError:
        raise FileFormatError(f"{path} does not exist: give a .npz or .h5 file with the arrays {NAMES}") from None
    except ValueError as error:
        raise FileFormatError(f"{path} cannot be read as {path.suffix} ({error}): write it again") from None


def _named(arrays: Mapping[str, Any], activation: str, where: str) -> Network:
    if {"w", "b", "c"} <= set(arrays):
        w, c = np.asarray(arrays["w"]), np.asarray(arrays["c"])
        if w.ndim == 1 and np.ndim(arrays["b"]) == 1:  # one input
            w = w[:, None]
        return _checked([w, np.atleast_2d(c)], [arrays["b"], arrays.get("c0")], activation, where)
    numbers = sorted(int(name[1:]) for name in arrays if re.fullmatch(r"W\d+", name))
    layers = len(numbers)
    biases = [arrays.get(f"b{number}") for number in numbers]
    if layers < 2 or numbers != list(range(1, layers + 1)) or any(bias is None for bias in biases[:-1]):
        found = ", ".join(sorted(arrays)) or "no array"
        raise ParameterError(f"{where} holds {found}: a network needs the arrays {NAMES}")
    return _checked([arrays[f"W{number}"] for number in numbers], biases, activation, where)


def _checked(weights: list[Any], biases: list[Any], activation: str, where: str) -> Network:
    """The network, with every array of the right shape, real and finite."""
    made, constants, before = [], [], None
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        last = number == len(weights)
        w = _numbers(weight, f"W{number} of {where}")
        if w.ndim != 2 or 0 in w.shape:
            raise ParameterError(f"W{number} of {where} has shape {w.shape}: give (neurons, inputs), both at least 1")
        if before is not None and w.shape[1] != before:
            raise ParameterError(
                f"W{number} of {where} has shape {w.shape} after a layer of {before} neurons: give (out, {before})"
            )
        if bias is None and not last:
            raise ParameterError(f"b{number} of {where} is missing: only the last layer may have none")
        b = None if bias is None else np.atleast_1d(_numbers(bias, f"b{number} of {where}"))
        if b is not None and b.shape != (len(w),):
            raise ParameterError(f"b{number} of {where} has shape {b.shape}: give ({len(w)},), one for each neuron")
        before = len(w)
        made.append(w)
        constants.append(b)
    if len(made) < 2:
        raise ParameterError(f"{where} has {len(made)} layer: a network needs a hidden layer and an output")
    return Network(tuple(made), tuple(constants), activation)


def _numbers(values: Any, what: str) -> Array:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise ValueError
        array = array.astype(np.float64)
    except (ValueError, TypeError):
        raise ParameterError(f"{what} is not an array of real numbers") from None
    if not np.all(np.isfinite(array)):
        raise ParameterError(f"{what} holds {np.sum(~np.isfinite(array))} NaN or infinite numbers: remove them")
    return array

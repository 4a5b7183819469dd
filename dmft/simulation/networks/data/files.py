"""A user's own samples, from an .npz or HDF5 file with the arrays ``inputs`` and ``labels``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....errors import ParameterError
from ....results.arrays import read_arrays
from .dataset import Array, Dataset, classes, split

NEEDED, OPTIONAL = ("inputs", "labels"), ("test_inputs", "test_labels")
WANTED = "give an .npz or .h5 file with the arrays inputs (n, …) and labels (n,), and test_inputs, test_labels or none"


def read_dataset(path: str, test_fraction: float = 0.2, seed: int = 2) -> Dataset:
    """Samples and labels of classes; without test samples in the file, some are set apart.

    Parameters
    ----------
    path : str
        ``inputs`` (n, d), (n, rows, columns) or (n, rows, columns, channels); ``labels`` (n,), integers from 0.

    Raises
    ------
    ParameterError
        If the file cannot be read, arrays are missing, shapes do not fit together, inputs are not finite, or labels
        are not integers from 0 that all occur in training.
    """
    arrays = _arrays(path)
    missing = [name for name in NEEDED if name not in arrays]
    if len(set(OPTIONAL) & set(arrays)) == 1:
        missing += [name for name in OPTIONAL if name not in arrays]
    if missing:
        held = ", ".join(sorted(arrays)) or "no arrays"
        raise ParameterError(f"data = {path!r} lacks {' and '.join(missing)} (it holds {held}): {WANTED}")
    inputs, labels = _checked(path, arrays, *NEEDED)
    number = int(labels.max()) + 1
    if number < 2 or len(np.unique(labels)) < number:
        raise ParameterError(
            f"data = {path!r}: labels reach up to {number - 1}, but only {len(np.unique(labels))} of the values from 0 "
            "to that occur: number at least two classes 0, 1, 2, …"
        )
    if OPTIONAL[0] not in arrays:
        return split(*classes(inputs, labels, number), test_fraction, np.random.default_rng(seed)).standardised()
    tests, test_labels = _checked(path, arrays, *OPTIONAL)
    if tests.shape[1:] != inputs.shape[1:]:
        raise ParameterError(
            f"data = {path!r}: a sample of test_inputs has the shape {tests.shape[1:]}, one of inputs "
            f"{inputs.shape[1:]}: they must be alike"
        )
    if test_labels.max() >= number:
        raise ParameterError(
            f"data = {path!r}: test_labels reach up to {test_labels.max()}, labels up to {number - 1}: give classes "
            "that occur in training"
        )
    return Dataset(*classes(inputs, labels, number), *classes(tests, test_labels, number)).standardised()


def _arrays(path: str) -> dict[str, Array]:
    """The arrays of the file that have a known name."""
    kind = Path(path).suffix
    if kind not in (".npz", ".h5", ".hdf5"):
        raise ParameterError(f"data = {path!r} is no .npz or .h5 file: {WANTED}")
    if not Path(path).is_file():
        raise ParameterError(f"data = {path!r} does not exist: {WANTED}")
    try:
        return read_arrays(Path(path), (*NEEDED, *OPTIONAL))
    except ValueError as error:
        raise ParameterError(f"data = {path!r} cannot be read ({error}): {WANTED}") from None


def _checked(path: str, arrays: dict[str, Array], first: str, second: str) -> tuple[Array, Array]:
    """Inputs with channels, in float64, and labels as integers."""
    inputs, labels = arrays[first], arrays[second]
    for name, array in ((first, inputs), (second, labels)):
        if array.dtype.kind not in "iufb":
            raise ParameterError(f"data = {path!r}: {name} holds {array.dtype}, not real numbers")
    if not 2 <= inputs.ndim <= 4 or labels.ndim != 1 or len(inputs) != len(labels) or not inputs.size:
        raise ParameterError(
            f"data = {path!r}: {first} has the shape {inputs.shape} and {second} {labels.shape}: give (n, d), "
            "(n, rows, columns) or (n, rows, columns, channels), and (n,)"
        )
    inputs = inputs.astype(np.float64)
    if not np.isfinite(inputs).all():
        raise ParameterError(f"data = {path!r}: {first} holds numbers that are not finite: leave those samples out")
    if np.any(labels != np.floor(labels)) or labels.min() < 0 or labels.max() >= len(labels):
        raise ParameterError(
            f"data = {path!r}: {second} reach from {labels.min():g} to {labels.max():g}: give integers that number the "
            "classes 0, 1, 2, …"
        )
    return inputs[..., None] if inputs.ndim == 3 else inputs, labels.astype(int)

"""What networks are taught: functions of one variable on evenly spaced points, a user's table, handwritten digits."""

from __future__ import annotations

import numpy as np

from ..errors import ParameterError
from .table import read_table

Array = np.ndarray
#: Sums of sines by name: their angular frequencies, all with amplitude 1.
SINES = {"two-sines": (1.0, 4.0), "three-sines": (1.0, 3.0, 5.0)}
DIGITS = 1797


def sines(name: str, samples: int, half_range: float) -> tuple[Array, Array]:
    """x (n, 1) evenly spaced on ±half_range and y (n, 1)."""
    x = np.linspace(-half_range, half_range, samples)
    return x[:, None], np.sin(np.multiply.outer(x, SINES[name])).sum(axis=1, keepdims=True)


def table(path: str) -> tuple[Array, Array]:
    """x (n, 1) and y (n, 1) of a CSV file, sorted by x.

    Raises
    ------
    ParameterError
        Also if the x are not evenly spaced, which a discrete Fourier transform needs.
    """
    rows = read_table(path, ("x", "y"), 4)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    gaps = np.diff(rows[:, 0])
    if gaps.min() <= 0.0 or gaps.max() - gaps.min() > 1e-3 * gaps.mean():
        raise ParameterError(
            f"data = {path!r}: gaps between the x reach from {gaps.min():g} to {gaps.max():g}; a Fourier transform "
            "needs evenly spaced points"
        )
    return rows[:, :1], rows[:, 1:]


def digits(samples: int) -> tuple[Array, Array]:
    """The first images (n, 64), from 0 to 1, of scikit-learn's 8 × 8 digits, and rows (n, 10) that tell the digit.

    Raises
    ------
    ParameterError
        If scikit-learn is not installed, or has fewer images.
    """
    images, labels = bundled_digits()
    if samples > DIGITS:
        raise ParameterError(
            f"samples = {samples} with target = 'digits': there are {DIGITS} images, give at most that"
        )
    return images[:samples], np.eye(10)[labels[:samples]]


def bundled_digits() -> tuple[Array, Array]:
    """All images (1797, 64), from 0 to 1, of scikit-learn's 8 × 8 digits, and their labels (1797,).

    Raises
    ------
    ParameterError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ParameterError(
            "the digits are images of scikit-learn, which is not installed: pip install 'dmft[data]'"
        ) from None
    images, labels = load_digits(return_X_y=True)
    return images / 16.0, labels


def discretise(values: Array, step: float) -> Array:
    """The nearest multiples of `step`; as they are for step 0."""
    return step * np.round(values / step) if step else values


def spectral_peaks(values: Array, least: float) -> Array:
    """Frequencies k > 0 of a real signal (n,) whose amplitude tops its neighbours and `least` of the largest."""
    amplitude = np.abs(np.fft.rfft(values))
    padded = np.concatenate([amplitude[1:2], amplitude[1:], [0.0]])
    padded[0] = 0.0
    inner = padded[1:-1]
    found = np.flatnonzero((inner > padded[:-2]) & (inner >= padded[2:]) & (inner >= least * amplitude[1:].max()))
    return found + 1

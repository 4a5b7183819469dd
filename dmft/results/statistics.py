"""Means and standard errors from independent batches or replicas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr, stdtrit


def two_sigma_factor(count: int) -> float:
    """Factor on the plain standard error of `count` samples that makes ±2 of it cover 95.4 %.

    With few samples the spread itself is uncertain and a plain ±2 covers less (91 % for 8 samples);
    the Student quantile repairs that: 1.21 for 8 samples, 1.07 for 20, 1 for many.
    """
    if count < 2:
        return float("nan")
    return float(stdtrit(count - 1, ndtr(2.0)) / 2.0)


class Moments:
    """Running mean and standard error of arrays, added one sample at a time in a fixed order."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: dict[str, np.ndarray] = {}
        self._squares: dict[str, np.ndarray] = {}

    def add(self, sample: dict[str, np.ndarray]) -> None:
        """Add one sample: a dictionary of arrays of fixed shapes (Welford's update)."""
        self.count += 1
        for name, values in sample.items():
            values = np.asarray(values, dtype=np.float64)
            if name not in self._mean:
                self._mean[name] = np.zeros_like(values)
                self._squares[name] = np.zeros_like(values)
            delta = values - self._mean[name]
            self._mean[name] += delta / self.count
            self._squares[name] += delta * (values - self._mean[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._mean)

    def mean(self, name: str) -> np.ndarray:
        """Mean over the samples."""
        return self._mean[name]

    def stderr(self, name: str) -> np.ndarray:
        """Standard error of the mean with :func:`two_sigma_factor`; NaN for a single sample."""
        if self.count < 2:
            return np.full_like(self._mean[name], np.nan)
        variance = self._squares[name] / (self.count * (self.count - 1))
        return two_sigma_factor(self.count) * np.sqrt(variance)


def infinite(times: np.ndarray) -> np.ndarray:
    """Times with infinity where there is none: averages over replicas keep NaN, results tell infinity."""
    return np.where(np.isnan(times), np.inf, times)

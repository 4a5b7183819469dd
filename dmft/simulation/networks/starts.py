"""How weights start: functions ``(shape, rng) -> array``, where the last axis but one counts the inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Start = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]


def normal(deviation: float) -> Start:
    """Independent Gaussian numbers of this standard deviation."""
    return lambda shape, rng: deviation * rng.standard_normal(shape)


def fan_in(gain: float) -> Start:
    """Gaussian of variance gain/inputs: gain 1 is LeCun's start (tanh), 2 that of He (ReLU)."""
    return lambda shape, rng: np.sqrt(gain / shape[-2]) * rng.standard_normal(shape)


def uniform(low: float, high: float) -> Start:
    """Independent numbers, uniform between `low` and `high`."""
    return lambda shape, rng: rng.uniform(low, high, shape)


def zero(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """All zero."""
    return np.zeros(shape)

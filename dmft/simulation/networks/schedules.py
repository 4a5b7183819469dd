"""Learning rates against the step: a schedule is a function ``step -> rate``, the first step being 0."""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """The same rate for ever."""
    return lambda step: rate


def warm_up_linear_decay(rate: float, warm_up: int, steps: int) -> Schedule:
    """Rise linearly to `rate` in `warm_up` steps, then fall linearly to zero at `steps`."""

    def schedule(step: int) -> float:
        if step < warm_up:
            return rate * (step + 1) / warm_up
        return rate * max(0.0, (steps - step) / max(1, steps - warm_up))

    return schedule


def linearly_scaled(rate: float, batch: int, reference: int) -> float:
    """The rate for batches of `batch` samples, where `rate` is good for `reference`: growing in proportion."""
    return float(rate * batch / reference)


def root_scaled(rate: float, batch: int, reference: int) -> float:
    """The rate for batches of `batch` samples, where `rate` is good for `reference`: growing like the root."""
    return float(rate * (batch / reference) ** 0.5)

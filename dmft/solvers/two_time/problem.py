"""What the continuous-time solver needs to know of a model: three numbers and two polynomials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class TwoTimeProblem:
    """Mode-coupling equations (1) to (3) of docs/theory/two_time.rst, from an uncorrelated start.

    Attributes
    ----------
    noise_law : ndarray
        Coefficients of D as a polynomial of C, constant term first.
    memory_law : ndarray
        Coefficients of Σ/R as a polynomial of C.
    temperature : float
        T of the white noise 2T δ(t−t').
    """

    noise_law: Array
    memory_law: Array
    temperature: float

    @property
    def rate(self) -> float:
        """Scale of the fastest decay, near t = t'."""
        return float(np.sqrt(np.abs(self.memory_law).sum() + np.abs(self.noise_law).sum())) + self.temperature

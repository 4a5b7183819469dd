"""What a round of training on (pseudo-)labels of a Gaussian mixture is given and what comes out, N → ∞.

Equation numbers are those of docs/theory/self_training.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

Array = np.ndarray
LOSSES, LABELS = ("square", "logistic"), ("hard", "soft")


@dataclass(frozen=True)
class Weights:
    """Order parameters of the weights w after a round; `u` is the previous round's.

    Attributes
    ----------
    m : float
        w·v/N, overlap with the direction of the classes.
    rest : float
        ‖w‖²/N − m², what is orthogonal to it; kept apart because it may be tiny.
    overlap : float
        w·u/N.
    chi : float
        Tr(Hessian of the objective)⁻¹/N.
    residual : float
        Of the fixed point, in logarithms; zero for closed forms.
    converged : bool
    """

    m: float
    rest: float
    overlap: float
    chi: float
    residual: float = 0.0
    converged: bool = True

    @property
    def norm(self) -> float:
        """q = ‖w‖²/N."""
        return self.m**2 + self.rest

    def error(self, delta: float) -> float:
        """Probability that a fresh sample is on the wrong side: eq. (6)."""
        return float(ndtr(-self.m / np.sqrt(delta) / np.sqrt(self.norm)))


@dataclass(frozen=True)
class Round:
    """What a round is given: α, λ, Δ, the loss, and the weights that make the labels (None: the true labels)."""

    alpha: float
    ridge: float
    delta: float
    loss: str
    labels: str
    before: Weights | None

    @property
    def cosine(self) -> float:
        """M₀ = m₀/√q₀ of the weights that make the labels, 0 without."""
        return 0.0 if self.before is None else self.before.m / float(np.sqrt(self.before.norm))

    @property
    def sine_squared(self) -> float:
        """1 − M₀², without cancellation."""
        return 1.0 if self.before is None else self.before.rest / self.before.norm

    @property
    def spread(self) -> float:
        """√(Δ q₀), standard deviation of the fields that make the labels."""
        return 0.0 if self.before is None else float(np.sqrt(self.delta) * np.sqrt(self.before.norm))

    def label_fields(self, z: Array) -> Array:
        """Fields s of samples of class +1 whose noise along the previous weights is z (unit variance)."""
        return self.spread * (self.cosine / np.sqrt(self.delta) + z)

    def weights(self, m: float, t: float, rest: float, chi: float, **facts: Any) -> Weights:
        """Order parameters from t = R/√q₀."""
        size = 0.0 if self.before is None else float(np.sqrt(self.before.norm))
        return Weights(m, rest, t * size, chi, **facts)


def label(loss: str, labels: str, fields: Any, xp: Any = np) -> Any:
    """f(s): the sign, or the mean of y that the loss itself reads from the field s (eq. (2)): s, or tanh(s/2)."""
    if labels == "hard":
        return xp.where(fields >= 0.0, 1.0, -1.0)
    return fields if loss == "square" else xp.tanh(0.5 * fields)

"""When a linear recurrent network trained on short sequences of a memoryless teacher is right on long ones.

Equation numbers are those of docs/theory/temporal_extrapolation.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import declare
from ..results.curve import Observable
from ..results.picture import Guide, Panel
from .linear_rnn import EXACT, FIGURE, OVER_TIME, SCALARS, LinearRNN, split
from .registry import register

Array = np.ndarray


@register
@dataclass(frozen=True)
class TemporalExtrapolation(LinearRNN):
    """Random start A ~ N(0, init_scale²/d), B, C alike; symmetric: A its symmetric part, C = Bᵀ."""

    slug: ClassVar[str] = "temporal-extrapolation"
    title: ClassVar[str] = "Linear recurrent network, memoryless teacher: extrapolation to longer sequences"
    observables: ClassVar[tuple[Observable, ...]] = (
        *OVER_TIME,
        Observable("late_time_law", "1/(8 w*² t²)", "training loss at late times, symmetric start"),
        *EXACT,
        *SCALARS,
        Observable("law_ratio", "8 w*² t² L", "training loss at the end over the law, median of the starts", ()),
        Observable("predicted_law_ratio", "r*", "its limit for the matrix A at the end, median of the starts", ()),
        Observable("law_ratio_bound", "r_min", "its lower bound from the spectrum of A, median of the starts", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("train_loss", log="xy", guides=(Guide("late_time_law", label=r"$1/(8w_*^2t^2)$"),)),
        *FIGURE,
    )

    init_scale: float = declare(0.3, "s", "scale of the start", bounds="(0, 1e150]")
    symmetric: bool = declare(True, "", "start with A = Aᵀ and C = Bᵀ, which the flow preserves, or without")

    def warnings(self) -> tuple[str, ...]:
        if self.symmetric and self.train_length == 2:
            return (
                "train_length = 2: the training loss does not see m_2 = ||AB||², so a symmetric start is no help; "
                "give --train-length 3 or more",
            )
        return ()

    def start(self, rng: np.random.Generator) -> Array:
        """A random (A row by row, B, C), shape (d² + 2d,)."""
        d = self.state_dim
        if self.symmetric:
            return symmetric_start(d, self.init_scale, rng)
        return self.init_scale / np.sqrt(d) * rng.standard_normal(d * d + 2 * d)

    def extra(self, measured: dict[str, Array], path: Array) -> dict[str, Any]:
        """The late-time law, eq. (8), and what its corrections say: eqs. (10) and (11)."""
        if not self.symmetric or self.train_length < 3 or self.state_dim < 2:
            return {}
        t, w = self.times()[: path.shape[1]], self.teacher
        A, B, _ = split(path[:, -1], self.state_dim)
        seen = self.train_length - 2  # powers of A in m_2 … m_{k−1}
        spectra = [beside(*pair) for pair in zip(A, B, strict=True)]
        largest = np.array([np.abs(spectrum).max() for spectrum in spectra])
        bounds = [4.0 * w**2 / np.sum(corner(np.array([a]), w, seen) ** 2) for a in largest]
        return {
            "late_time_law": 1.0 / (8.0 * (w * t) ** 2),
            "law_ratio": np.median(8.0 * (w * t[-1]) ** 2 * measured["train_loss"][:, -1]),
            "predicted_law_ratio": np.median([limit_ratio(spectrum, w, seen) for spectrum in spectra]),
            "law_ratio_bound": np.median(bounds),
        }


def symmetric_start(d: int, scale: float, rng: np.random.Generator) -> Array:
    """A the symmetric part of a Gaussian matrix of variance scale²/d, B = Cᵀ Gaussian; shape (d² + 2d,)."""
    A, B = rng.standard_normal((d, d)), rng.standard_normal(d)
    return scale / np.sqrt(d) * np.concatenate([0.5 * (A + A.T).ravel(), B, B])


def beside(A: Array, B: Array) -> Array:
    """Eigenvalues of the symmetric matrix A restricted to the directions orthogonal to B."""
    basis = np.linalg.svd(B[None, :])[2][1:]
    return np.linalg.eigvalsh(basis @ (0.5 * (A + A.T)) @ basis.T)


def corner(eigenvalues: Array, w: float, seen: int) -> Array:
    """The vectors 2 (w* + a²) (1, a, …, a^{k−3}), one column for each eigenvalue."""
    return 2.0 * (w + eigenvalues**2) * eigenvalues[None, :] ** np.arange(seen)[:, None]


def limit_ratio(eigenvalues: Array, w: float, seen: int) -> float:
    """Limit of 8 w*² t² L for symmetric flows whose A has these eigenvalues beside B: eq. (10).

    The point of least norm in the convex hull of :func:`corner`, by non-negative least squares.
    """
    from scipy.optimize import nnls

    corners = corner(eigenvalues, w, seen)
    last = np.append(np.zeros(seen), 1.0)
    weights, _ = nnls(np.vstack([corners, np.ones(len(eigenvalues))]), last)
    return float(4.0 * w**2 / np.sum((corners @ (weights / weights.sum())) ** 2))

"""Width of the decision boundary of SGD: how many patterns touch it after training, and how far off the others are.

Training with the ``hinge2`` loss of margin 0 stops at zero error with many patterns pinned to the boundary
yφ(r) = 0, the contacts. Noisier algorithms leave fewer of them: a wider boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..parameters import declare, redeclare
from ..results.curve import Coordinate, Observable
from ..results.picture import Panel
from .over_parametrised import OverParametrised
from .registry import register
from .sgd import SGD

if TYPE_CHECKING:
    from ..solvers.marching.problem import Sample

Array = np.ndarray
GAP_EDGES = np.linspace(-0.1, 0.5, 121)
OBSERVABLES = (
    Observable("gaps", "P(yφ)", "density of margins yφ(r) at the end, close to the boundary", ("gap",)),
    Observable("boundary_density", "ρ_0", "fraction of patterns in contact with the boundary at the end", ()),
    Observable("boundary_width", "Δ_0", "median distance |yφ(r)| of the patterns from the boundary at the end", ()),
)


@register
@dataclass(frozen=True)
class SGDBoundary(OverParametrised):
    """Margins at the end of ``sgd``; all its parameters, with defaults of the over-parametrised regime."""

    slug: ClassVar[str] = "sgd/boundary"
    title: ClassVar[str] = "Width of the decision boundary after SGD: contacts and gaps of the margins"
    observables: ClassVar[tuple[Observable, ...]] = (*SGD.observables, *OBSERVABLES)
    figure: ClassVar[tuple[Panel, ...]] = (Panel("gaps"), *SGD.figure)

    learning_rate: float = redeclare(SGD, "learning_rate", 0.05)
    steps: int = redeclare(SGD, "steps", 100)
    normalisation: str = redeclare(SGD, "normalisation", "inverse")
    contact: float = declare(1e-4, "ε", "a pattern with |yφ(r)| below this is in contact", bounds="(0, inf)")

    def at_end(self, sample: Sample, margin: Array) -> Sample:
        """Those of ``sgd``, and contacts, median distance and histogram near the boundary."""
        distance = np.abs(margin)
        return super().at_end(sample, margin) | {
            "gaps": np.histogram(margin, GAP_EDGES)[0] / (len(margin) * np.diff(GAP_EDGES)),
            "boundary_density": np.mean(distance < self.contact),
            "boundary_width": np.median(distance),
        }

    def coordinates(self, times: int) -> dict[str, Coordinate]:
        """Those of ``sgd``, and the bins of the gaps."""
        centres = 0.5 * (GAP_EDGES[1:] + GAP_EDGES[:-1])
        return super().coordinates(times) | {
            "gap": Coordinate("gap", centres, "yφ(r)", "margin near the boundary, bin centre")
        }

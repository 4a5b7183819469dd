"""Two replicas of SGD: same data, same start, mini-batches of their own. Their distance measures the noise of SGD.

Meant for the over-parametrised regime, where training ends at zero error and no temperature is left to measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..parameters import redeclare
from ..results.curve import Observable
from ..results.picture import Panel
from .over_parametrised import OverParametrised
from .registry import register
from .sgd import SGD, TWO_TIME

if TYPE_CHECKING:
    from ..solvers.marching.problem import Sample

Array = np.ndarray
DISTANCE = Observable("distance", "d", "squared distance of two replicas per weight")
OBSERVABLES = (
    DISTANCE,
    Observable("cross_correlation", "C_12", "correlation between two replicas, orthogonal to the signal", TWO_TIME),
    Observable("cross_noise_kernel", "M_12", "covariance of the gradient noise between two replicas", TWO_TIME),
    DISTANCE.final(),
    Observable("saturation_distance", "d_∞", "mean distance over the last quarter of the run", ()),
    Observable("distance_drift", "δd", "mean distance in the last eighth of the run minus that in the one before", ()),
)


@register
@dataclass(frozen=True)
class SGDReplicas(OverParametrised):
    """Distance of two replicas of ``sgd``; all its parameters, with defaults of the over-parametrised regime.

    The theory is resolved to about step 300 of the default problem, whatever the number of paths; the distance
    settles after some 1500 steps, where there is the simulation only.
    """

    slug: ClassVar[str] = "sgd/replicas"
    title: ClassVar[str] = "Distance of two SGD runs with the same data and start, and mini-batches of their own"
    observables: ClassVar[tuple[Observable, ...]] = (*SGD.observables, *OBSERVABLES)
    figure: ClassVar[tuple[Panel, ...]] = (Panel("distance"), *SGD.figure)
    copies: ClassVar[int] = 2

    learning_rate: float = redeclare(SGD, "learning_rate", 0.1)
    steps: int = redeclare(SGD, "steps", 100)

    def at_end(self, sample: Sample, margin: Array) -> Sample:
        """Those of ``sgd``, and the distance where it has settled."""
        distance = sample["distance"]
        eighth = max(1, len(distance) // 8)
        before, after = distance[-2 * eighth : -eighth], distance[-eighth:]
        settled: Sample = {"saturation_distance": np.array(distance[-2 * eighth :].mean())}
        if len(before):
            settled["distance_drift"] = np.array(after.mean() - before.mean())
        return super().at_end(sample, margin) | settled

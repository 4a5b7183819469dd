"""Batch normalisation as a regulariser: what random batch statistics add to the loss, against the law ζγ².

Equation numbers are those of docs/theory/bn_regularization_decay.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .batch_statistics import ACTIVATIONS, KURTOSIS, REFERENCES, check_batch, gaussian_penalty, mean_deviation, zeta
from .registry import register

Array = np.ndarray
#: Batches below this are small for the law: it is off by more than 5 % for Gaussian inputs without activation.
FEW = 8
BATCHES = np.array([2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256])


@register
@dataclass(frozen=True)
class BNRegularizationDecay(Model):
    """½E(g(u) − g(û))² of a unit, normalised by population or batch statistics; its twin draws `size` inputs."""

    slug: ClassVar[str] = "bn-regularization/decay"
    title: ClassVar[str] = "Batch normalisation as gamma decay: the strength of the regulariser"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("penalty_by_batch", "½E(g(u)−g(û))²", "penalty of batch statistics", ("batch",)),
        Observable("zeta_by_batch", "ζ", "law of large batches", ("batch",)),
        Observable("scaled_penalty", "M½E(g(u)−g(û))²", "penalty times the batch size", ("batch",)),
        Observable("scaled_zeta", "Mζ", "law of large batches, times the batch size", ("batch",)),
        Observable("zeta", "ζ", "strength of the gamma decay by the law", ()),
        Observable("penalty", "½E(g(u)−g(û))²", "penalty at this batch size", ()),
        Observable("mean_batch_deviation", "c_M", "mean standard deviation of a batch of Gaussian inputs", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("penalty_by_batch", log="xy", guides=(Guide("zeta_by_batch"),)),
        Panel("scaled_penalty", log="x", guides=(Guide("scaled_zeta"),)),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (100_000,)
    size_means: ClassVar[str] = "inputs of a replica, in batches"

    batch: int = declare(32, "M", "samples of a batch", bounds="[1, 1e6]")
    activation: str = declare("identity", "g", "activation", choices=ACTIVATIONS)
    distribution: str = declare("gaussian", "", "distribution of the pre-activation", choices=tuple(KURTOSIS))

    def check(self) -> None:
        check_batch(self.batch)

    def warnings(self) -> tuple[str, ...]:
        if self.batch >= FEW:
            return ()
        words = f"zeta at batch = {self.batch} is the law of large batches, "
        if self.distribution != "gaussian":
            return (f"{words}off by a relative order 1/batch, and the exact penalty is known for Gaussian inputs only",)
        exact = gaussian_penalty(self.batch, self.activation)
        return (f"{words}{float(zeta(np.array(self.batch), self.activation)) / exact - 1.0:+.0%} off: see penalty",)

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        return {"memory": 1e7, "seconds": 0.1}

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The law; for Gaussian inputs the exact penalty as well, without error."""
        kurtosis = KURTOSIS[self.distribution]
        law = zeta(BATCHES, self.activation, kurtosis)
        curves = self.exact_curves({"zeta_by_batch": law, "scaled_zeta": BATCHES * law})
        curves |= self.exact_curves({"zeta": zeta(np.array(self.batch), self.activation, kurtosis)})
        if self.distribution == "gaussian":
            penalty = np.array([gaussian_penalty(int(batch), self.activation) for batch in BATCHES])
            curves |= self.exact_curves({"penalty_by_batch": penalty, "scaled_penalty": BATCHES * penalty})
            curves |= self.exact_curves({"penalty": np.array(gaussian_penalty(self.batch, self.activation))})
            curves |= self.exact_curves({"mean_batch_deviation": mean_deviation(np.array(self.batch))})
        what = "exact" if self.distribution == "gaussian" else "law of large batches, of relative order 1/batch"
        return Solution(curves, self.coordinates(), Status(CONVERGED, what), 0, method.as_dict())

    def coordinates(self) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"batch": Coordinate("batch", BATCHES, "M", "samples of a batch")}

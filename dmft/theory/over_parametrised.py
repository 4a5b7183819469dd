"""What the variants of ``sgd`` for zero training error share: defaults, warnings, and a check of the solution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..parameters import redeclare
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import two_sigma_factor
from ..results.status import NOT_CONVERGED, Status, worst
from ..solvers.marching.method import Marching
from .sgd import SGD

#: Relative spread of the norm between marches up to which their mean is trusted: found in runs beside simulations.
MOST_SPREAD = 0.1


@dataclass(frozen=True)
class OverParametrised(SGD):
    """``sgd`` with more weights than samples and a loss that is 0 once all samples are on the right side."""

    alpha: float = redeclare(SGD, "alpha", 0.8)
    ridge: float = redeclare(SGD, "ridge", 0.0)
    data: str = redeclare(SGD, "data", "three-cluster")
    loss: Any = redeclare(SGD, "loss", "hinge2")

    def warnings(self) -> tuple[str, ...]:
        """Those of ``sgd``; but from m0 = 0 training ends before finite systems leave m = 0."""
        ends = self.loss == "hinge2" and self.alpha < 1.0 and not self.ridge
        return tuple(words for words in super().warnings() if not (ends and "m0 = 0" in words))

    def estimate(self, method: Marching) -> dict[str, float]:
        return super().estimate(_exact(method))

    def solve(self, method: Marching, progress: Progress) -> Solution:
        """As ``sgd``; not converged if the marches do not agree on what has no fluctuations at N → ∞."""
        solution = super().solve(_exact(method), progress)
        return replace(solution, status=worst(solution.status, self._resolved(solution)))

    def _resolved(self, solution: Solution) -> Status:
        """Near r = 0 a door drives paths apart: too few of them, and errors of K grow until all is noise."""
        if solution.samples < 2:
            return solution.status
        norm = solution["norm"]
        assert norm.stderr is not None
        spread = norm.stderr * np.sqrt(solution.samples) / two_sigma_factor(solution.samples)
        late = spread > MOST_SPREAD * np.maximum(norm.values, 1e-300)
        if not late.any():
            return solution.status
        return Status(
            NOT_CONVERGED,
            f"from step {np.argmax(late)} the norm differs by more than {MOST_SPREAD:.0%} between independent runs: "
            "means and error bars after it are not to be trusted; try more --paths or fewer --steps",
        )


def _exact(method: Marching) -> Marching:
    """The response ``auto``: exact for all paths, because errors of K grow with time where no ridge damps them.

    At 400 steps 8192 paths with it are resolved, and 32768 with the share of them that pays elsewhere are not.
    """
    return replace(method, response="exact") if method.response == "auto" else method

"""At which penalty the minimiser changes sides: exactly, from the lower envelope of a few labelings.

The cost of a labeling is ``d + λ r``, a line in λ. Of two of them only the crossing is tried: if another labeling is
better there, it takes the place of one of the two (Eisner and Severance 1976).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class CostLine:
    """``disagreement + λ·inconsistency`` of one labeling, and on which side of the transition it is."""

    disagreement: float
    inconsistency: float
    beyond: bool

    def at(self, penalty: float) -> float:
        """The cost."""
        return self.disagreement + penalty * self.inconsistency


def critical_penalty(
    minimise: Callable[[float, float], CostLine], before: CostLine, beyond: CostLine, tolerance: float = 1e-12
) -> float:
    """The λ at which the minimiser goes from one side to the other.

    Parameters
    ----------
    minimise : callable
        ``minimise(fidelity, penalty)``: a minimiser of ``fidelity·d + penalty·r``. Both are differences of numbers of
        `before` and `beyond`, so they are integers if those are.
    before, beyond : CostLine
        A labeling of either side, the latter with less inconsistency and more disagreement.
    tolerance : float
        Relative difference of two costs that counts as none: round-off.

    Returns
    -------
    float
        Infinite if `beyond` never wins, as it is not more consistent.

    Examples
    --------
    >>> lines = [CostLine(0.0, 4.0, False), CostLine(2.0, 1.0, True), CostLine(3.0, 0.0, True)]
    >>> best = lambda fidelity, penalty: min(lines, key=lambda g: fidelity * g.disagreement + penalty * g.inconsistency)
    >>> round(critical_penalty(best, lines[0], lines[2]), 4)
    0.6667
    """
    while True:
        fidelity = before.inconsistency - beyond.inconsistency
        penalty = beyond.disagreement - before.disagreement
        if fidelity <= 0.0:
            return float("inf")
        if penalty <= 0.0:
            return 0.0
        found = minimise(fidelity, penalty)
        old = fidelity * before.disagreement + penalty * before.inconsistency
        new = fidelity * found.disagreement + penalty * found.inconsistency
        if not new < old * (1.0 - tolerance):
            return float(penalty / fidelity)
        before, beyond = (before, found) if found.beyond else (found, beyond)

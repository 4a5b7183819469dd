"""Options of the deterministic two-time solver."""

from __future__ import annotations

from dataclasses import dataclass

from ...parameters import Declared, declare


@dataclass(frozen=True)
class TwoTime(Declared):
    """The grid is refined and the results are extrapolated until the estimated error is below the tolerance."""

    tolerance: float = declare(1e-6, "ε", "largest estimated error of all observables", bounds="(0, 1]")
    max_steps: int = declare(3200, "", "most steps on the finest grid", bounds="[1, 1e5]")

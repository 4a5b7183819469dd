"""Options of the deterministic two-time solver."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ParameterError
from ...parameters import Declared, declare


@dataclass(frozen=True)
class TwoTime(Declared):
    """Steps are halved and the results extrapolated until the estimated error is below the tolerance."""

    tolerance: float = declare(1e-6, "ε", "largest estimated error of all observables", bounds="(0, 1]")
    points: int = declare(100, "", "times in the results after t = 0, evenly spaced", bounds="[1, 5000]")
    max_steps: int = declare(3200, "", "most steps on the finest grid", bounds="[2, 1e5]")

    def check(self) -> None:
        if self.points > self.max_steps:
            raise ParameterError(
                f"points = {self.points} exceeds max_steps = {self.max_steps}: give fewer points or more max_steps"
            )

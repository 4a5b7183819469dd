"""Theory: w(t+1) = (1 − ηk) w(t) + sqrt(2ηT) ξ(t) for each of N weights, so the norm obeys one recursion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dmft.parameters import Declared, declare
from dmft.results.curve import Coordinate, Observable
from dmft.results.progress import Progress
from dmft.results.solution import Solution
from dmft.results.status import CONVERGED, Status
from dmft.theory.base import Model
from dmft.theory.registry import register


@dataclass(frozen=True)
class Recursion(Declared):
    """Options of the solver: there are none."""


@register
@dataclass(frozen=True)
class NoisyDescent(Model):
    """Gradient descent on ½k‖w‖² with white noise at temperature T, from w = 0."""

    slug: ClassVar[str] = "noisy-descent"
    title: ClassVar[str] = "Noisy gradient descent in a quadratic bowl"
    observables: ClassVar[tuple[Observable, ...]] = (Observable("norm", "C(t,t)", "squared norm per weight"),)
    method: ClassVar[type[Declared]] = Recursion
    twin: ClassVar[str] = "noisy_descent.simulation"
    recipes: ClassVar[str] = "noisy_descent.recipes"

    stiffness: float = declare(1.0, "k", "curvature of the bowl", bounds="(0, inf)")
    temperature: float = declare(0.5, "T", "strength of the noise", bounds="[0, inf)")
    learning_rate: float = declare(0.1, "η", "learning rate, the step in time", bounds="(0, inf)")
    steps: int = declare(50, "", "number of steps", bounds="[1, inf)")

    @property
    def decay(self) -> float:
        """Factor on the weights in one step."""
        return 1.0 - self.learning_rate * self.stiffness

    @property
    def kick(self) -> float:
        """Variance of the noise in one step."""
        return 2.0 * self.learning_rate * self.temperature

    def solve(self, method: Recursion, progress: Progress) -> Solution:
        """C(t+1) = (1 − ηk)² C(t) + 2ηT: exact, so there is no standard error."""
        norm = np.zeros(self.steps + 1)
        for t in range(self.steps):
            norm[t + 1] = self.decay**2 * norm[t] + self.kick
        curves = {"norm": self.observable("norm").curve(norm)}
        return Solution(curves, self.coordinates(), Status(CONVERGED, "recursion done"))

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of all observables."""
        return {"t": Coordinate("t", self.learning_rate * np.arange(self.steps + 1), "t", "time")}

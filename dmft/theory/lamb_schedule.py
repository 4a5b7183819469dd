"""The published recipe of LAMB as a table: learning rate, warm-up and steps for each batch.

Root scaling of the rate, a warm-up that sees ever more of the samples, linear decay. Nothing is tuned again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .lamb import REFERENCES
from .registry import register

Array = np.ndarray
#: The recipe: rate at the largest batch, samples in all, and the part of warm-up at the smallest batch.
RATE, LARGEST, SAMPLES, WARM_UP, SMALLEST = 5e-3, 32768, 512e6, 1.0 / 320.0, 512
ON_BATCH = ("batch_size",)
#: Points of the rate against the step.
POINTS = 400


@register
@dataclass(frozen=True)
class LambSchedule(Model):
    """BERT pre-training with LAMB (table 4 and appendix of the paper); its twin evaluates the package's schedules."""

    slug: ClassVar[str] = "lamb/schedule"
    title: ClassVar[str] = "The published learning-rate recipe of LAMB, batch by batch"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("learning_rate", "η", "learning rate after the warm-up", ON_BATCH),
        Observable("warm_up_ratio", "r", "part of the steps that is warm-up", ON_BATCH),
        Observable("warm_up_steps", "T_w", "steps of warm-up", ON_BATCH),
        Observable("steps", "T", "steps in all", ON_BATCH),
        Observable("rate", "η_t", "learning rate at a step, for the chosen batch", ("step",)),
        Observable("published_minutes", "min", "published time to pre-train BERT on 1024 TPUv3 chips, batches of 65536 "
                   "and 32768", (), "min"),
        Observable("published_steps", "T", "published steps of that run", ()),
    )  # fmt: skip
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("learning_rate", log="xy"),
        Panel("steps", log="xy"),
        Panel("warm_up_ratio", log="xy"),
        Panel("rate"),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (2000,)
    size_means: ClassVar[str] = "no effect: the schedules are evaluated as they are"

    batch: int = declare(LARGEST, "B", "batch of the schedule that is shown step by step", bounds="[512, 163840]")

    def check(self) -> None:
        if self.batch % SMALLEST:
            raise ParameterError(f"batch = {self.batch} is no multiple of {SMALLEST}, the smallest batch of the recipe")

    @property
    def batches(self) -> Array:
        """512, 1024, … 32768."""
        return SMALLEST * 2 ** np.arange(7)

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The closed formulas of the recipe."""
        sizes = self.batches.astype(float)
        values = {
            "learning_rate": RATE * np.sqrt(sizes / LARGEST),
            "warm_up_ratio": WARM_UP * sizes / SMALLEST,
            "warm_up_steps": WARM_UP * sizes / SMALLEST * SAMPLES / sizes,
            "steps": SAMPLES / sizes,
            "rate": self.rate(self.recorded_steps),
            "published_minutes": np.array(76.19),
            "published_steps": np.array(8599.0),
        }
        curves = self.exact_curves(values)
        status = Status(CONVERGED, "the formulas of the recipe")
        return Solution(curves, self.coordinates(), status, 0, method.as_dict())

    @property
    def total(self) -> int:
        """Steps of the schedule that is shown."""
        return int(SAMPLES / self.batch)

    @property
    def recorded_steps(self) -> Array:
        """Steps of the schedule that are reported."""
        return np.unique(np.round(np.linspace(0, self.total, min(self.total, POINTS) + 1)).astype(int))

    def rate(self, step: Array) -> Array:
        """Linear rise to the full rate in T_w steps, linear fall to 0 at T."""
        warm_up = int(WARM_UP * SAMPLES / SMALLEST)
        full = RATE * np.sqrt(self.batch / LARGEST)
        found: Array = full * np.where(
            step < warm_up, (step + 1.0) / warm_up, (self.total - step) / max(1.0, self.total - warm_up)
        )
        return found

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "batch_size": Coordinate("batch_size", self.batches.astype(float), "B", "samples of a batch"),
            "step": Coordinate("step", self.recorded_steps.astype(float), "t", "step"),
        }

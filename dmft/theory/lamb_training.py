"""Large-batch training of a small network on real digits: which optimiser keeps its accuracy without tuning again.

There is no theory of these errors; what stands here are the rates that the scaling rules give, batch by batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .lamb import REFERENCES
from .lists import names, numbers
from .registry import register

Array = np.ndarray
#: Optimisers; SGD with momentum scales its rate linearly, the others by the root.
OPTIMISERS = ("momentum", "adam", "lars", "lamb")
WORDS = {"momentum": "SGD with momentum", "adam": "Adam", "lars": "LARS", "lamb": "LAMB"}
#: The batch that the rates belong to.
REFERENCE = 16
ON_BATCH = ("batch_size",)
BATCHES = "whole numbers with commas, e.g. 16,64,full"


@register
@dataclass(frozen=True)
class LambTraining(Model):
    """Two hidden ReLU layers on the 8 × 8 digits, a fixed number of epochs; its twin has `size` neurons a layer."""

    slug: ClassVar[str] = "lamb/training"
    title: ClassVar[str] = "Training to the full batch with SGD, Adam, LARS and LAMB"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        *(Observable(f"{name}_test_error", "ε", f"test error, {WORDS[name]}", ON_BATCH) for name in OPTIMISERS),
        *(Observable(f"{name}_steps_to_95", "T", f"steps to 95 % training accuracy, {WORDS[name]}", ON_BATCH)
          for name in OPTIMISERS),
        *(Observable(f"{name}_train_loss", "ℓ", f"training loss, {WORDS[name]}", ON_BATCH) for name in OPTIMISERS),
        *(Observable(f"{name}_rate", "η", f"learning rate by the scaling rule, {WORDS[name]}", ON_BATCH)
          for name in OPTIMISERS),
    )  # fmt: skip
    figure: ClassVar[tuple[Panel, ...]] = tuple(
        Panel(
            f"{name}_{kind}",
            log="xy",
            guides=tuple(Guide(f"{other}_{kind}", label=WORDS[other]) for other in OPTIMISERS if other != name),
            title=f"{title}, {WORDS[name]} (marks)",
        )
        for kind, title in (("test_error", "test error"), ("steps_to_95", "steps to 95 %"))
        for name in ("lamb", "momentum")
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (64,)
    size_means: ClassVar[str] = "neurons of each hidden layer"

    optimisers: str = declare("momentum,adam,lars,lamb", "", "optimisers, of momentum, adam, lars, lamb")
    batches: str = declare(
        "16,64,256,full", "B", "batches to train with; full, and any that is larger than the data, is all samples"
    )
    epochs: int = declare(30, "", "how often each image is seen", bounds="[1, 1e6]")
    momentum_rate: float = declare(0.02, "η", "learning rate of SGD with momentum for batches of 16", bounds="(0, inf)")
    adam_rate: float = declare(0.005, "η", "the same of Adam", bounds="(0, inf)")
    lars_rate: float = declare(0.01, "η", "the same of LARS", bounds="(0, inf)")
    lamb_rate: float = declare(0.01, "η", "the same of LAMB", bounds="(0, inf)")
    weight_decay: float = declare(0.01, "λ", "weight decay of the kernels, of LARS and LAMB", bounds="[0, inf)")
    warm_up: float = declare(0.1, "r", "part of the steps that is warm-up", bounds="[0, 1)")
    data: str = declare("digits", "", "digits, or an .npz or .h5 file with inputs and labels")

    def check(self) -> None:
        self.chosen  # noqa: B018 — refuses other names
        if self.sizes_of_batches(10**9)[0] < 1:
            raise ParameterError(f"batches = {self.batches!r}: give numbers of samples from 1, or full")

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the optimisers."""
        return names("optimisers", self.optimisers, OPTIMISERS)

    def sizes_of_batches(self, samples: int) -> Array:
        """Batches in increasing order, for so many samples."""
        words = [str(samples) if word.strip() == "full" else word for word in self.batches.split(",")]
        return np.unique(np.minimum(numbers("batches", ",".join(words), BATCHES, whole=True), samples))

    def rate(self, name: str, batch: float) -> float:
        """Learning rate after the warm-up: eq. (1) of docs/theory/lamb_training.rst."""
        base: float = getattr(self, f"{name}_rate")
        return float(base * (batch / REFERENCE) ** (1.0 if name == "momentum" else 0.5))

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The rates; the full batch of a user's own data is known to the simulation alone, and is left out here."""
        samples = 1438 if self.data == "digits" else 10**9
        sizes = self.sizes_of_batches(samples)
        sizes = sizes[sizes < 10**9]
        curves = {}
        for name in self.chosen:
            values = np.array([self.rate(name, float(batch)) for batch in sizes])
            curves[f"{name}_rate"] = self.observable(f"{name}_rate").curve(values)
        axis = Coordinate("batch_size", sizes.astype(float), "B", "samples of a batch")
        status = Status(CONVERGED, "rates by the scaling rules; errors are measured by the simulation alone")
        return Solution(curves, {"batch_size": axis}, status, 0, method.as_dict())

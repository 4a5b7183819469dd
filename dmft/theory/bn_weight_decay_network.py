"""A real scale-invariant network under weight decay: laws that need no training; its twin trains the network.

Equation numbers are those of docs/theory/bn_weight_decay.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

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
from .batch_statistics import check_batch
from .registry import register
from .scale_invariant import REFERENCES, check_decay

Array = np.ndarray
#: Steps that are recorded, at most.
RECORDED = 600
#: Gain of the start of a layer: that of He for ReLU.
GAIN = 2.0
CURVES = ("train_loss", "test_error", "norm", "elr", "effective_gradient", "angle", "angle_law")
SCALARS = (
    "n_periods", "period_mean", "scaled_period", "gradient_sq", "equilibrium_elr", "mean_elr", "kinematics_error",
    "elr_swing",
)  # fmt: skip


@register
@dataclass(frozen=True)
class BNWeightDecayNetwork(Model):
    """Layers of `size` channels, batch-normalised without affine parameters, and a fixed last layer of norm 10."""

    slug: ClassVar[str] = "bn-weight-decay/network"
    title: ClassVar[str] = "A trained scale-invariant network under weight decay: cycles or equilibrium"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("train_loss", "ℓ", "training loss", ("step",)),
        Observable("test_error", "ε", "part of the test samples that are misclassified", ("step",)),
        Observable("norm", "ρ", "norm of the trained weights", ("step",)),
        Observable("elr", "η̃", "effective learning rate", ("step",)),
        Observable("effective_gradient", "|g̃|", "effective gradient norm, mean since the last point", ("step",)),
        Observable("angle", "∠(w,w')", "angle of a step, mean since the last point", ("step",), "rad"),
        Observable("angle_law", "∠(w,w')", "the same by eq. (2) from the gradient norms", ("step",), "rad"),
        Observable("elr_bound", "η/ρ_0²k^2t", "growth without gradient, an upper bound", ("step",)),
        Observable("n_periods", "n_T", "full cycles of the effective learning rate", ()),
        Observable("period_mean", "⟨T⟩", "mean period, NaN without cycles", (), "step"),
        Observable("scaled_period", "Tηλ", "mean period in units of 1/ηλ", ()),
        Observable("gradient_sq", "G", "mean square of the effective gradient, second half", ()),
        Observable("equilibrium_elr", "√(2ηλ/G)", "effective learning rate of the equilibrium with this G", ()),
        Observable("mean_elr", "⟨η̃⟩", "geometric mean of the effective learning rate, second half", ()),
        Observable("elr_swing", "Δln η̃", "range of ln η̃, second half", ()),
        Observable("kinematics_error", "Δρ/ρ", "largest relative deviation of a step from eq. (1)", ()),
        Observable("angle_star", "√2ηλ", "angle of a step in equilibrium", (), "rad"),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("train_loss", log="y", guides=(Guide("train_loss", label="one run"),)),
        Panel(
            "elr",
            log="y",
            guides=(
                Guide("elr", label="one run"),
                Guide("equilibrium_elr"),
                Guide("elr_bound", label="no gradient"),
            ),
        ),
        Panel(
            "effective_gradient",
            x="elr",
            log="xy",
            guides=(Guide("effective_gradient", label="one run"),),
            title="phase plane",
        ),
        Panel("angle", log="y", guides=(Guide("angle_law", label="eq. (2)"), Guide("angle_star"))),
        Panel("test_error", log=""),
        Panel("norm", log="", guides=(Guide("norm", label="one run"),)),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (32,)
    size_means: ClassVar[str] = "channels of each layer"

    eta: float = declare(0.5, "η", "learning rate", bounds="(0, inf)")
    weight_decay: float = declare(0.002, "λ", "weight decay", bounds="[0, inf)")
    batch: int = declare(128, "M", "samples of a mini-batch", bounds="[1, 1e9]")
    network: str = declare("dense", "", "kind of the layers", choices=("dense", "conv"))
    depth: int = declare(2, "", "number of trained layers", bounds="[1, 50]")
    data: str = declare(
        "digits", "", "digits (extra `data`), teacher (labels of a random network), or an .npz or .h5 file"
    )
    steps: int = declare(5000, "T", "number of steps", bounds="[1, 1e9]")
    prominence: float = declare(0.3, "", "a cycle is a peak of ln η̃ that stands out by it", bounds="(0, inf)")

    def check(self) -> None:
        check_decay(self.eta, self.weight_decay)
        check_batch(self.batch)
        if self.network == "conv" and self.data == "teacher":
            raise ParameterError("network = 'conv' needs images: give data digits or a file, or network dense")

    @property
    def k(self) -> float:
        """What a step of decay leaves of the weights."""
        return 1.0 - self.eta * self.weight_decay

    @property
    def recorded_steps(self) -> Array:
        """Evenly spaced steps that are reported."""
        return np.arange(0, self.steps + 1, -(-self.steps // RECORDED))

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The free growth of the effective learning rate for the mean norm of the start, and the equilibrium angle."""
        square = GAIN * self.sizes[-1] * self.depth  # variance 2/inputs of inputs × size numbers a layer
        steps = self.recorded_steps
        values: dict[str, Any] = {
            "elr_bound": self.eta / (square * self.k ** (2.0 * steps)),
            "angle_star": np.sqrt(2.0 * self.eta * self.weight_decay),
        }
        curves = self.exact_curves(values)
        status = Status(CONVERGED, "laws only, for 32 channels: dmft simulate trains the network")
        return Solution(curves, self.coordinates(len(steps)), status, 0, method.as_dict())

    def coordinates(self, kept: int) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"step": Coordinate("step", self.recorded_steps[:kept].astype(float), "t", "step")}

"""Convergence bounds of layerwise optimisers on a block quadratic, and how tight they are.

f(x) = ½ Σ_i L_i ‖x_i‖² with h blocks. LARS and LAMB with φ = 1 take a step of length η in each block whatever the
gradient; gradient descent takes η∇f. Equation numbers are those of docs/theory/lamb.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import Declared, declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.memory import check_memory
from .base import Model
from .registry import register

Array = np.ndarray
REFERENCES = (
    "Y. You, J. Li, S. Reddi, J. Hseu, S. Kumar, S. Bhojanapalli, X. Song, J. Demmel, K. Keutzer, C.-J. Hsieh, Large "
    "batch optimization for deep learning: training BERT in 76 minutes, ICLR 2020, arXiv:1904.00962",
)
#: Numbers of steps that are reported, from few to all.
HORIZONS = 7
ON_HORIZON = ("horizon",)
#: Largest distance of two nodes in ln s: the next singularity is π away, so that the error is e^(−2π²/0.5).
WIDEST = 0.5


@dataclass(frozen=True)
class Quadrature(Declared):
    """Quadrature over the start."""

    nodes: int = declare(400, "", "nodes of the integral over random starts", bounds="[20, 1e6]")


@register
@dataclass(frozen=True)
class Lamb(Model):
    """LARS, LAMB and SGD from a random start of given height; its twin makes `size` runs in each replica."""

    slug: ClassVar[str] = "lamb"
    title: ClassVar[str] = "Layerwise adaptation: convergence bounds of LARS, LAMB and SGD on a block quadratic"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("lars_gradient", "⟨Σ‖∇_i f‖⟩", "mean over steps of the sum of block norms, LARS", ON_HORIZON),
        Observable("lars_bound", "bound", "bound on the mean sum of block norms", ON_HORIZON),
        Observable("lamb_gradient", "⟨Σ‖∇_i f‖_1/√d⟩", "mean over steps of the sum of scaled 1-norms, LAMB with β₂ = 0",
                   ON_HORIZON),
        Observable("lamb_bound", "bound", "bound on the mean sum of scaled 1-norms", ON_HORIZON),
        Observable("sgd_gradient", "⟨‖∇f‖²⟩", "mean over steps of the squared norm, SGD", ON_HORIZON),
        Observable("sgd_bound", "bound", "bound on the mean squared norm", ON_HORIZON),
        Observable("sgd_rate", "L_∞/T", "published rate of SGD, for its squared norm", ON_HORIZON),
        Observable("layerwise_rate", "L_avg/T", "published rate of LARS and LAMB, for the squared sum", ON_HORIZON),
        Observable("lars_tightness", "LARS/bound", "largest mean over bound of all runs, LARS", ON_HORIZON),
        Observable("lamb_tightness", "LAMB/bound", "largest mean over bound of all runs, LAMB", ON_HORIZON),
        Observable("smoothness_sum", "‖L‖_1", "sum of the smoothness of all blocks", ()),
    )  # fmt: skip
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("lars_gradient", log="xy", guides=(Guide("lars_bound"),), title="LARS, sum of block norms"),
        Panel("lamb_gradient", log="xy", guides=(Guide("lamb_bound"),), title="LAMB, sum of scaled 1-norms"),
        Panel("sgd_gradient", log="xy", guides=(Guide("sgd_bound"),), title="SGD, squared norm"),
        Panel("sgd_rate", log="xy", guides=(Guide("layerwise_rate"),), title="published rates (of different norms)"),
    )
    method: ClassVar[type[Quadrature]] = Quadrature
    sizes: ClassVar[tuple[int, ...]] = (8,)
    size_means: ClassVar[str] = "runs in each replica"

    blocks: int = declare(20, "h", "blocks (layers)", bounds="[1, 10000]")
    block_size: int = declare(10, "d", "weights of a block", bounds="[1, 1e6]")
    smoothness_max: float = declare(100.0, "L_∞", "smoothness of the first block", bounds="(0, inf)")
    smoothness: float = declare(1.0, "L", "smoothness of the others, at most that of the first", bounds="(0, inf)")
    gap: float = declare(532.62, "f_1−f*", "height of the start above the minimum", bounds="(0, inf)")
    noise: float = declare(0.0, "σ", "deviation of one sample's gradient, in each block", bounds="[0, inf)")
    batch: int = declare(1, "b", "samples of a batch", bounds="[1, 1e9]")
    steps: int = declare(1000, "T", "largest number of steps", bounds="[10, 1e7]")

    def check(self) -> None:
        if self.smoothness > self.smoothness_max:
            raise ParameterError(
                f"smoothness = {self.smoothness:g} above smoothness_max = {self.smoothness_max:g}: the first block is "
                "the roughest, give the other way round"
            )

    @property
    def curvatures(self) -> Array:
        """L_i (h,)."""
        return np.array([self.smoothness_max] + [self.smoothness] * (self.blocks - 1))

    @property
    def horizons(self) -> Array:
        """Numbers of steps T that are reported, up to the largest by decades: each is a run of its own step length."""
        return np.unique(np.round(np.geomspace(max(10.0, self.steps / 100.0), self.steps, HORIZONS)).astype(int))

    def layerwise_step(self, horizon: int) -> float:
        """η = √(2(f₁ − f*)/(‖L‖₁T)), eq. (3): the step of LARS and LAMB."""
        return float(np.sqrt(2.0 * self.gap / (self.curvatures.sum() * horizon)))

    def estimate(self, method: Quadrature) -> dict[str, float]:
        return {"memory": 8.0 * len(self.logarithms(method.nodes)) * self.blocks * 4.0, "seconds": 0.01}

    def solve(self, method: Quadrature, progress: Progress) -> Solution:
        """The bounds, and the exact mean of SGD over random starts and noise."""
        check_memory(self.estimate(method)["memory"], "try fewer --nodes")
        horizons, total = self.horizons.astype(float), float(self.curvatures.sum())
        bound = np.sqrt(2.0 * self.gap * total / horizons) + 2.0 * self.blocks * self.noise / np.sqrt(self.batch)
        descent = 2.0 * self.smoothness_max * self.gap / horizons + self.blocks * self.noise**2 / self.batch
        starts = self.start_squares(method.nodes)
        values = {
            "lars_bound": bound,
            "lamb_bound": bound,
            "sgd_bound": descent,
            "sgd_gradient": np.array([self.mean_square_gradient(int(T), starts) for T in horizons]),
            "sgd_rate": self.smoothness_max * self.gap / horizons,
            "layerwise_rate": total / self.blocks * self.gap / horizons,
            "smoothness_sum": np.array(total),
        }
        curves = self.exact_curves(values)
        status = Status(CONVERGED, "bounds, and the exact mean of SGD")
        return Solution(curves, self.coordinates(), status, 0, method.as_dict())

    def start_squares(self, nodes: int) -> Array:
        """E‖x_i‖² (h,) for Gaussian directions scaled to the height f₁ − f*, eq. (6).

        E[X_i/Σ L_j X_j] for χ² variables X of d degrees is ∫ d (1 + 2sL_i)⁻¹ Π_j (1 + 2sL_j)^(−d/2) ds over s > 0.
        """
        L, d, log_s = self.curvatures, float(self.block_size), self.logarithms(nodes)
        growth = np.logaddexp(0.0, np.add.outer(log_s, np.log(2.0 * L)))  # ln(1 + 2sL), (nodes, h)
        density = log_s - 0.5 * d * growth.sum(axis=1)
        found: Array = 2.0 * self.gap * (log_s[1] - log_s[0]) * d * np.exp(density[:, None] - growth).sum(axis=0)
        return found

    def logarithms(self, nodes: int) -> Array:
        """Even ln s: the integrand is analytic in it and vanishes like s and s^(−hd/2), so the trapezium is exact."""
        low = np.log(1e-17 / self.block_size) - np.log(self.curvatures.sum())
        high = 34.0 / min(2.0, 0.5 * self.block_size * self.blocks) * np.log(10.0) - np.log(self.curvatures.min())
        return np.linspace(low, high, max(nodes, int((high - low) / WIDEST)))

    def mean_square_gradient(self, horizon: int, squares: Array) -> float:
        """⟨‖∇f‖²⟩ over the steps 1…T of SGD with η = 1/L_∞, from E‖x_i‖² at the start: eq. (7)."""
        L, eta = self.curvatures, 1.0 / self.smoothness_max
        shrink = (1.0 - eta * L) ** 2
        fed = eta**2 * self.noise**2 / self.batch
        with np.errstate(divide="ignore", invalid="ignore"):
            powers = np.where(
                shrink < 1.0, (1.0 - shrink**horizon) / np.where(shrink < 1.0, 1.0 - shrink, 1.0), horizon
            )
        # m_t = shrink^t m_0 + fed (1 − shrink^t)/(1 − shrink), summed over t < T
        stationary = np.where(shrink < 1.0, fed / np.where(shrink < 1.0, 1.0 - shrink, 1.0), 0.0)
        summed = powers * (squares - stationary) + horizon * stationary
        return float(np.sum(L**2 * summed) / horizon)

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {"horizon": Coordinate("horizon", self.horizons.astype(float), "T", "steps")}

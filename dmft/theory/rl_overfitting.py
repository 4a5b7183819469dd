"""Memorising a finite pool of training levels, solved exactly: linear fitted-Q with ridge on random contexts.

Level i has a context of D Gaussian numbers and a right action, the sign of a fixed linear function; rewards of training
levels are flipped with probability p. Equation numbers are those of docs/theory/rl_overfitting.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr, ndtr, owens_t

from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .registry import register

Array = np.ndarray
REFERENCES = (
    "C. Zhang, O. Vinyals, R. Munos, S. Bengio, A study on overfitting in deep reinforcement learning, 2018, "
    "arXiv:1804.06893",
)
#: Pool sizes over D at which the rewards are reported; pools are nested in the twin.
LOADS = np.array([0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0])
#: Dimensions and loads of the count of dichotomies: all products are integers.
DIMENSIONS, RANDOM_LOADS = np.array([5, 10, 20]), np.linspace(1.0, 3.0, 11)


@dataclass(frozen=True)
class OrderParameters:
    """What the student knows: overlap R with the teacher, norm q, susceptibility χ and leverage of a level."""

    overlap: float
    norm: float
    susceptibility: float
    leverage: float

    @property
    def cosine(self) -> float:
        """ρ = R/√q; 0 where the norm is infinite."""
        return self.overlap / float(np.sqrt(self.norm)) if self.norm > 0.0 else 0.0


def order_parameters(
    alpha: float, flip_probability: float, ridge: float, state_noise: float = 0.0, visits: int | None = None
) -> OrderParameters:
    """Order parameters of eq. (3)-(5).

    Parameters
    ----------
    alpha : float
        Levels over dimensions.
    flip_probability, ridge, state_noise : float
        p, λ and s².
    visits : int, optional
        Visits V to each level, each with fresh noise; without it, infinitely many.
    """
    c = float((1.0 - 2.0 * flip_probability) * np.sqrt(2.0 / np.pi))
    # unlimited visits: mean states, and ridge λ + αs²; else M rows of variance v and M(V−1) rows of pure noise n
    n = 0.0 if visits is None else state_noise / visits
    v, rows = 1.0 + n, 0.0 if visits is None or not state_noise else alpha * (visits - 1.0)
    if visits is None:
        ridge = ridge + alpha * state_noise
    chi = susceptibility(alpha, ridge, v, rows, n)
    at = (lambda x: 1.0) if np.isinf(chi) else (lambda x: x * chi / (1.0 + x * chi))
    level = at(v)
    overlap = alpha * c * level / v
    left = 1.0 - alpha * level**2 - (rows * at(n) ** 2 if rows else 0.0)
    source = overlap**2 + alpha * level**2 / v * (1.0 - 2.0 * overlap * c)
    return OrderParameters(overlap, source / left if left > 1e-15 else np.inf, chi, level / v)


def susceptibility(alpha: float, ridge: float, v: float = 1.0, rows: float = 0.0, n: float = 0.0) -> float:
    """χ, the trace of the inverse, of eq. (3): closed form without rows of noise, else a bracketed root."""
    if ridge == 0.0 and alpha + rows <= 1.0:
        return float("inf")
    if not rows:  # the quadratic eq. (2) of the page in vχ, without cancellation for either sign
        scaled = ridge / v
        half = 0.5 * (scaled + alpha - 1.0)
        root = np.sqrt(half**2 + scaled)
        return float((1.0 / (half + root) if half > 0.0 else (root - half) / scaled) / v)

    def excess(log: float) -> float:
        chi = np.exp(log)
        return float(ridge * chi + alpha * v * chi / (1.0 + v * chi) + rows * n * chi / (1.0 + n * chi) - 1.0)

    high = 1.0
    while excess(high) < 0.0:
        high += 5.0
    low = -1.0
    while excess(low) > 0.0:
        low -= 5.0
    return float(np.exp(brentq(excess, low, high, xtol=1e-14, rtol=1e-14)))


def test_reward(cosine: float) -> float:
    """Mean reward on new levels, eq. (6)."""
    return float(1.0 - 2.0 / np.pi * np.arccos(np.clip(cosine, -1.0, 1.0)))


def train_reward(found: OrderParameters, flip_probability: float, noise: float = 0.0) -> float:
    """Mean reward on the pool, seen without noise, eq. (7); `noise` is s²/V.

    The field of a level is (1 − b)h + by − b√n z with the field h = Rg + √(q − R²) z' of all other levels and the
    leverage b; the average over |g| is Φ(h) + 2T(h, β) with Owen's T.
    """
    b = found.leverage
    if np.isinf(found.susceptibility) and not noise:  # the fit interpolates
        return 1.0
    if np.isinf(found.norm):  # its sign is that of a coin
        return 0.0
    spread = float(np.sqrt((1.0 - b) ** 2 * max(found.norm - found.overlap**2, 0.0) + b**2 * noise * found.norm))
    if spread == 0.0:
        return 1.0
    total = 0.0
    for weight, sign in ((1.0 - flip_probability, 1.0), (flip_probability, -1.0)):
        with np.errstate(divide="ignore", over="ignore"):
            slope = sign * (1.0 - b) * found.overlap / spread
            height = b / spread / np.sqrt(1.0 + slope**2)
        total += weight * float(ndtr(height) + 2.0 * owens_t(height, slope))
    return 2.0 * total - 1.0


def memorisation_probability(levels: Array, dimension: Array) -> Array:
    """Chance that random rewards of so many levels can all be memorised by a linear policy: Cover's count, eq. (8)."""
    levels, dimension = np.broadcast_arrays(np.asarray(levels), np.asarray(dimension))
    more = np.maximum(levels - 1, dimension - 1)
    return np.asarray(np.where(levels <= dimension, 1.0, bdtr(dimension - 1.0, more, 0.5)))


def capacity(dimension: int) -> float:
    """Largest load at which random rewards are memorised with probability ½ or more: 2 in every dimension."""
    levels = np.arange(1, 4 * dimension + 1)
    good = memorisation_probability(levels, np.array(dimension)) >= 0.5 - 1e-12
    return float(levels[good][-1] / dimension)


@register
@dataclass(frozen=True)
class RLOverfitting(Model):
    """Finite pools of levels; the twin learns in `size` dimensions."""

    slug: ClassVar[str] = "rl-overfitting"
    title: ClassVar[str] = "Memorising finite pools of training levels: train and test reward, exact"
    references: ClassVar[tuple[str, ...]] = (
        *REFERENCES,
        "T. M. Cover, Geometrical and statistical properties of systems of linear inequalities with applications in "
        "pattern recognition, IEEE Trans. Electron. Comput. EC-14, 326 (1965)",
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("train_reward_by_alpha", "r_train", "mean reward on the training levels", ("load",)),
        Observable("test_reward_by_alpha", "r_test", "mean reward on new levels", ("load",)),
        Observable("overlap_by_alpha", "ρ", "overlap of student and teacher", ("load",)),
        Observable("train_reward_random", "r_train", "the same for random rewards, p = 1/2", ("load",)),
        Observable("test_reward_clean", "r_test", "the same for true rewards, p = 0", ("load",)),
        Observable("memorisation_probability", "P_mem", "chance that random rewards can all be memorised",
                   ("dimension", "random_load")),
        Observable("train_reward", "r_train", "mean reward on the training levels, at this alpha", ()),
        Observable("test_reward", "r_test", "mean reward on new levels, at this alpha", ()),
        Observable("generalisation_gap", "Δr", "train minus test reward, at this alpha", ()),
        Observable("overlap", "ρ", "overlap of student and teacher, at this alpha", ()),
        Observable("norm", "q", "squared norm of the student over D, at this alpha", ()),
        Observable("susceptibility", "χ", "mean inverse of the regularised covariance, at this alpha", ()),
        Observable("capacity", "α_c", "load up to which random rewards can be memorised", ()),
    )  # fmt: skip
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("train_reward_by_alpha", log="x", guides=(Guide("train_reward_random", label="random rewards"),)),
        Panel("test_reward_by_alpha", log="x", guides=(Guide("test_reward_clean", label="no flips"),)),
        Panel("memorisation_probability", log="", family="dimension", title="random rewards memorised, any policy"),
        Panel("overlap_by_alpha", log="x"),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (400, 500, 600)
    size_means: ClassVar[str] = "dimensions of the states"

    alpha: float = declare(1.0, "α", "training levels over dimensions", bounds="(0, 1e4]")
    flip_probability: float = declare(0.2, "p", "chance that a training level has its reward flipped", bounds="[0, 1]")
    ridge: float = declare(0.3, "λ", "ridge of the fit", bounds="[0, inf)")
    state_noise: float = declare(0.0, "s²", "variance of the state noise, fresh at each visit", bounds="[0, inf)")
    visits: int = declare(None, "V", "visits to each level; none: unlimited", kind=int, bounds="[1, 1e9]")

    def warnings(self) -> tuple[str, ...]:
        if self.visits is not None and not self.state_noise:
            return (f"visits = {self.visits} has no effect without state noise: give --state-noise",)
        return ()

    def rewards(self, alpha: float, flip_probability: float) -> tuple[float, float, OrderParameters]:
        """Train and test reward at a load."""
        found = order_parameters(alpha, flip_probability, self.ridge, self.state_noise, self.visits)
        noise = 0.0 if self.visits is None else self.state_noise / self.visits
        return train_reward(found, flip_probability, noise), test_reward(found.cosine), found

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Rewards over the size of the pool and at this alpha; exact to round-off."""
        mine = [self.rewards(load, self.flip_probability) for load in LOADS]
        train, test, found = self.rewards(self.alpha, self.flip_probability)
        values: dict[str, Any] = {
            "train_reward_by_alpha": [item[0] for item in mine],
            "test_reward_by_alpha": [item[1] for item in mine],
            "overlap_by_alpha": [item[2].cosine for item in mine],
            "train_reward_random": [self.rewards(load, 0.5)[0] for load in LOADS],
            "test_reward_clean": [self.rewards(load, 0.0)[1] for load in LOADS],
            "memorisation_probability": memorisation_probability(levels(), DIMENSIONS[:, None]),
            "train_reward": train,
            "test_reward": test,
            "generalisation_gap": train - test,
            "overlap": found.cosine,
            "norm": found.norm,
            "susceptibility": found.susceptibility,
            "capacity": capacity(int(DIMENSIONS[-1])),
        }
        status = Status(CONVERGED, "closed form")
        return Solution(self.exact_curves(values), self.coordinates(), status, 0, method.as_dict())

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "load": Coordinate("load", LOADS, "α", "training levels over dimensions"),
            "dimension": Coordinate("dimension", DIMENSIONS, "D", "dimensions"),
            "random_load": Coordinate("random_load", RANDOM_LOADS, "α", "levels over dimensions"),
        }


def levels() -> Array:
    """Numbers of levels (dimensions, loads) of the count of dichotomies."""
    return np.round(np.outer(DIMENSIONS, RANDOM_LOADS)).astype(int)

"""Self-training with pseudolabels and consistency on two Gaussian classes: bounds, and the exact minimiser.

Each class is a Gaussian of unit variance, cut off halfway to the other; its outer tail of mass a carries the wrong
pseudolabel. Half-spaces are the worst sets of a Gaussian (isoperimetry), so everything is the same in any dimension.
Equation numbers are those of docs/theory/self_training_expansion.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri_exp

from ..errors import ParameterError
from ..parameters import Declared, declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from . import expansion_bounds as bounds
from .base import Model
from .registry import register

Array = np.ndarray
#: Penalties at which minimisers are looked at, over the threshold: none is so near that few samples miss the side.
FACTORS = 2.0 ** np.array([-3.0, -2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
#: Doublings of the penalty around a transition without a point.
APART = 0.24
#: Number and largest of the mislabelled masses on the axis.
MASSES, LARGEST = 13, 0.4
#: Largest simulation that is done without being asked for.
MOST = 1_000_000
#: Standard deviations by which the right labels of a class must be the majority among its samples.
SURE = 5.0


@dataclass(frozen=True)
class Cells(Declared):
    """Closed form; and if asked for, the same minimisation by dynamic programming on a discretised class."""

    cells: int = declare(
        0, "", "cells of the line on which dynamic programming finds the threshold as well; 0: not", bounds="[0, 1e9]"
    )


@register
@dataclass(frozen=True)
class SelfTrainingExpansion(Model):
    """Minimiser of P(G ≠ G_pl) + λ R_B(G) on two classes, and what the theorems say; the twin minimises on samples."""

    slug: ClassVar[str] = "self-training/expansion"
    title: ClassVar[str] = "Pseudolabels and input consistency on Gaussians: expansion, bounds, exact minimiser"
    references: ClassVar[tuple[str, ...]] = (
        "C. Wei, K. Shen, Y. Chen, T. Ma, Theoretical analysis of self-training with deep networks on unlabeled data, "
        "ICLR 2021, arXiv:2010.03622",
        "S. G. Bobkov, An isoperimetric inequality on the discrete cube, and an elementary proof of the isoperimetric "
        "inequality in Gauss space, Ann. Probab. 25, 206 (1997)",
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("error_by_penalty", "Err", "error of the minimiser", ("penalty",)),
        Observable("bound_by_penalty", "B", "bound on that error", ("penalty",)),
        Observable("inconsistency_by_penalty", "R_B", "mass of inconsistent samples of the minimiser", ("penalty",)),
        Observable("objective_by_penalty", "L", "minimum of the objective", ("penalty",)),
        Observable("expansion_by_mass", "c", "expansion of sets of this class mass", ("mass",)),
        Observable("threshold_by_mass", "λ*", "penalty above which the tail is removed", ("mass",)),
        Observable("bound_by_mass", "B", "denoising bound, infinite if a hypothesis fails", ("mass",)),
        Observable("pseudolabel_error_by_mass", "Err_pl", "error of the pseudolabels", ("mass",)),
        Observable("expansion", "c̄", "expansion of sets as large as the mislabelled tail", ()),
        Observable("log_expansion", "ln c̄", "its logarithm", ()),
        Observable("usable_expansion", "c", "min(1/a, c̄), the constant of the denoising theorem", ()),
        Observable("expansion_half", "c_½", "expansion of half a class", ()),
        Observable("pseudolabel_error", "Err_pl", "error of the pseudolabels", ()),
        Observable("mu", "μ", "mass of the samples whose ball reaches the other class", ()),
        Observable("threshold", "λ*", "penalty above which the minimiser removes the tail", ()),
        Observable("collapse", "λ_c", "penalty above which the minimiser has one label only", ()),
        Observable("theorem_penalty", "2c/(c+1)", "penalty of the denoising theorem", ()),
        Observable("error", "Err", "error of the minimiser at the penalty of the model", ()),
        Observable("objective", "L", "minimum of the objective at that penalty", ()),
        Observable("error_bound", "B", "bound on the error at that penalty, for c > 1", ()),
        Observable("denoising_bound", "B_4", "denoising bound of the paper, infinite if a hypothesis fails", ()),
        Observable("unsupervised_bound", "B_3", "bound without labels, infinite if a hypothesis fails", ()),
        Observable("threshold_on_cells", "λ*_δ", "threshold of the minimiser on cells", ()),
        Observable("cell_width", "δ", "width of a cell", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("error_by_penalty", log="x", guides=(Guide("pseudolabel_error", label="pseudolabels"),)),
        Panel(
            "bound_by_penalty", log="xy",
            guides=(Guide("pseudolabel_error", label="pseudolabels"), Guide("denoising_bound", label="of the theorem")),
        ),
        Panel("inconsistency_by_penalty", log="x"),
        Panel("threshold_by_mass", log="xy"),
        Panel("expansion_by_mass", log="xy"),
        Panel(
            "bound_by_mass", log="xy", guides=(Guide("pseudolabel_error_by_mass", label="pseudolabels"),),
            title="denoising bound",
        ),
    )  # fmt: skip
    method: ClassVar[type[Cells]] = Cells
    size_means: ClassVar[str] = "samples, half of them in each class"

    radius: float = declare(1.0, "r", "radius of B, in standard deviations of a class", bounds="(0, inf)")
    mislabelled_mass: float = declare(
        0.096, "a", "part of each class, its outer tail, with the wrong pseudolabel", bounds="[1e-300, 1)"
    )
    penalty: float | None = declare(
        None, "λ", "weight of inconsistency; none: 2c/(c + 1), that of the theorem", kind=float, bounds="[0, inf)"
    )
    separation: float | None = declare(
        None, "s", "distance of the class means, in standard deviations; none: infinite", kind=float, bounds="(0, inf)"
    )
    smallest_mass: float = declare(0.01, "", "smallest mislabelled mass on the axis of masses", bounds="[1e-300, 0.2]")

    def check(self) -> None:
        a = self.mislabelled_mass
        if a >= 0.5:
            raise ParameterError(
                f"mislabelled_mass = {a:g} is not allowed: give a < 1/2, or most of a class has the wrong pseudolabel "
                "and no threshold removes it (the denoising theorem needs ā < 1/3)"
            )
        if self.separation is not None:
            if self.separation < 2.0 * self.radius:
                raise ParameterError(
                    f"separation = {self.separation:g} with radius = {self.radius:g}: balls about the boundary reach "
                    f"the means; give a separation of at least {2.0 * self.radius:g}, or a smaller radius"
                )
            if self.half + self.edge(max(a, LARGEST)) < 2.0 * self.radius:
                raise ParameterError(
                    f"separation = {self.separation:g} with radius = {self.radius:g}: balls about the mislabelled tail "
                    "meet those about the boundary; give a larger separation, or a smaller radius"
                )
        self.resolve(penalty=self.theorem_penalty)

    def warnings(self) -> tuple[str, ...]:
        return tuple(self.failures().values())

    @property
    def half(self) -> float:
        """s/2: from a mean to the boundary."""
        return np.inf if self.separation is None else 0.5 * self.separation

    def edge(self, mass: Any) -> Array:
        """T: where the outer tail of that class mass begins, outwards from the mean."""
        return np.asarray(-ndtri_exp(np.log(mass) + log_ndtr(self.half)))

    def expansion_of(self, mass: Any) -> Array:
        """c̄(a): eq. (2)."""
        return np.exp(bounds.log_expansion(np.log(mass), 2.0 * self.radius))

    def threshold_of(self, mass: Any) -> Array:
        """λ*(a): eq. (7)."""
        return np.exp(bounds.log_threshold(np.log(mass), self.radius, float(log_ndtr(self.half))))

    @property
    def usable_expansion(self) -> float:
        """c = min(1/a, c̄)."""
        return bounds.usable_expansion(self.mislabelled_mass, float(self.expansion_of(self.mislabelled_mass)))

    @property
    def theorem_penalty(self) -> float:
        """2c/(c + 1): ratio of the two weights in the theorem's objective."""
        c = self.usable_expansion
        return 2.0 / (1.0 + 1.0 / c)

    @property
    def mu(self) -> float:
        """μ = R_B(G*): eq. (8)."""
        if self.separation is None:
            return 0.0
        slab = bounds.log_slab(0.5 * self.radius - self.half, 0.5 * self.radius)
        return float(np.exp(slab - log_ndtr(self.half)))

    @property
    def least_size(self) -> float:
        """Samples below which a tail may hold more than half of its class by chance."""
        return 2.0 * (0.5 * SURE / (0.5 - max(self.mislabelled_mass, LARGEST))) ** 2

    @property
    def boundary_samples(self) -> float:
        """Part of all samples that a ball at the boundary would hold, on its side, if it were as few all over."""
        density = 0.0 if self.separation is None else np.exp(-0.5 * self.half**2) / np.sqrt(2.0 * np.pi)
        return float(0.5 * self.radius * density / ndtr(self.half))

    def failures(self) -> dict[str, str]:
        """For each of the paper's theorems whose hypotheses fail here: which, and what is left of it."""
        a, found = self.mislabelled_mass, {}
        words = bounds.denoising_failure(a, float(self.expansion_of(a)))
        if words:
            found["denoising"] = f"denoising theorem, {words}: no bound below the error of the pseudolabels"
        words = bounds.unsupervised_failure(0.5, self.mu, self.half_expansion)
        if words:
            found["unsupervised"] = f"theorem without labels, {words}: no bound"
        return found

    @property
    def half_expansion(self) -> float:
        """c(1/2) = 2Φ(h)."""
        return 2.0 * float(ndtr(2.0 * self.radius))

    def minimiser(self, penalty: Any) -> dict[str, Array]:
        """Error, inconsistency and objective of the exact minimiser at each penalty: eq. (7) and (9)."""
        penalty, a, mu = np.asarray(penalty, dtype=float), self.mislabelled_mass, self.mu
        m = a / float(self.threshold_of(a))  # what keeping the tail makes inconsistent
        keeps = penalty * m <= a
        tail = np.minimum(a, penalty * m)
        two = tail + penalty * mu
        one = 0.5 * (1.0 - a) + 0.5 * tail  # one class has the label of the other, whose tail is as before
        single = one < two
        kept = np.where(single, 0.5, 1.0) * keeps
        return {
            "error": np.where(single, 0.5, 0.0) + a * kept,
            "inconsistency": m * kept + np.where(single, 0.0, mu),
            "objective": np.minimum(one, two),
        }

    @property
    def collapse(self) -> float:
        """λ_c: eq. (9), from where on one label alone is cheaper; infinite between classes that are infinitely far."""
        a, mu = self.mislabelled_mass, self.mu
        if mu == 0.0:
            return np.inf
        late = (0.5 - a) / mu
        return late if late > self.threshold_of(a) else 0.5 * (1.0 - a) / (mu + 0.5 * a / float(self.threshold_of(a)))

    @property
    def penalties(self) -> Array:
        """The axis of penalties: around the threshold, none close to a transition."""
        made = self.threshold_of(self.mislabelled_mass) * FACTORS
        with np.errstate(divide="ignore"):
            return np.asarray(made[np.abs(np.log2(made / self.collapse)) > APART])

    @property
    def masses(self) -> Array:
        """The axis of mislabelled masses."""
        return np.geomspace(self.smallest_mass, LARGEST, MASSES)

    def default_sizes(self) -> tuple[int, ...]:
        """So many samples that the nearest penalty is five fluctuations of the threshold away, and no tail is empty."""
        a = self.mislabelled_mass
        m = a / float(self.threshold_of(a))
        least = 2.0 * (5.0 / (APART * np.log(2.0))) ** 2 * (1.0 / a + 1.0 / m)
        least = max(least, 100.0 / min(self.smallest_mass, a))
        if self.mu * MOST > 1.0:  # and that balls at the boundary, where samples are few, are not empty
            least = max(least, 60.0 / self.boundary_samples)
        least = min(max(least, self.least_size), 0.4 * MOST)
        return tuple(2 * round(0.5 * least * factor) for factor in (1.0, 1.5, 2.5))

    def estimate(self, method: Cells) -> dict[str, float]:
        return {"memory": 200.0 * method.cells, "seconds": 0.01 + 2e-7 * method.cells}

    def solve(self, method: Cells, progress: Progress) -> Solution:
        """Closed form for everything; the threshold on cells if asked for.

        Raises
        ------
        ParameterError, MemoryLimitError
            If cells are wider than the radius, or too many.
        """
        a, mu = self.mislabelled_mass, self.mu
        c_bar, c = float(self.expansion_of(a)), self.usable_expansion
        found, here = self.minimiser(self.penalties), self.minimiser(self.penalty)
        values: dict[str, Any] = {f"{name}_by_penalty": value for name, value in found.items()}
        values |= {name: here[name] for name in ("error", "objective")}
        values |= {
            "bound_by_penalty": bounds.error_bound(self.penalties, a, mu, c),
            "expansion_by_mass": self.expansion_of(self.masses),
            "threshold_by_mass": self.threshold_of(self.masses),
            "bound_by_mass": [
                bounds.denoising_bound(mass, mu, mass, float(self.expansion_of(mass))) for mass in self.masses
            ],
            "pseudolabel_error_by_mass": self.masses,
            "expansion": c_bar,
            "log_expansion": bounds.log_expansion(np.log(a), 2.0 * self.radius),
            "usable_expansion": c,
            "expansion_half": self.half_expansion,
            "pseudolabel_error": a,
            "mu": mu,
            "threshold": self.threshold_of(a),
            "collapse": self.collapse,
            "theorem_penalty": self.theorem_penalty,
            "error_bound": bounds.error_bound(self.penalty, a, mu, c),
            "denoising_bound": bounds.denoising_bound(a, mu, a, c_bar),
            "unsupervised_bound": bounds.unsupervised_bound(0.5, mu, self.half_expansion),
        }
        if method.cells:
            from .expansion_cells import threshold_on_cells

            tail = float(self.edge(a))
            values |= threshold_on_cells(a, tail, self.radius, self.half, method.cells)
        failed = list(self.failures().values())
        status = Status(CONVERGED, "closed form; " + ("; ".join(failed) or "the hypotheses of both theorems hold"))
        return Solution(self.exact_curves(values), self.coordinates(), status, 0, method.as_dict())

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "penalty": Coordinate("penalty", self.penalties, "λ", "weight of inconsistency"),
            "mass": Coordinate("mass", self.masses, "a", "mislabelled part of a class"),
        }

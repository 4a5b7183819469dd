"""Best learning rate and steps to a target against the batch, in the noisy quadratic model.

Modes H_i = 1/i, gradient noise of covariance σ²H/B. The second moments of SGD obey a closed linear recursion, solved
here exactly; steps of fixed length are followed with the mean squared gradient in place of each run's own, which is
good to the fluctuations of one gradient. Equation numbers are those of docs/theory/lamb_batch_scaling.rst.
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
from ..results.status import CONVERGED, NOT_CONVERGED, Status
from ..solvers.memory import check_memory
from .base import Model
from .lamb import REFERENCES
from .registry import register

Array = np.ndarray
ON_BATCH = ("batch_size",)
#: More steps than this are not looked for.
MOST = 2**17
#: The slope of the rate is taken where the best rate is below this part of the cap.
FREE = 0.1


@dataclass(frozen=True)
class Search(Declared):
    """Search for the best rate."""

    rates: int = declare(
        24, "", "rates that are tried in each of three passes, the later ones finer", bounds="[8, 10000]"
    )


@register
@dataclass(frozen=True)
class LambBatchScaling(Model):
    """SGD and steps of fixed length on the noisy quadratic; its twin averages `size` runs in each replica."""

    slug: ClassVar[str] = "lamb/batch-scaling"
    title: ClassVar[str] = "Best learning rate and steps to target against the batch: linear and root scaling"
    references: ClassVar[tuple[str, ...]] = (
        *REFERENCES,
        "G. Zhang, L. Li, Z. Nado, J. Martens, S. Sachdeva, G. E. Dahl, C. J. Shallue, R. Grosse, Which algorithmic "
        "choices matter at which batch sizes? Insights from a noisy quadratic model, NeurIPS 2019, arXiv:1907.04164",
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("sgd_rate", "η", "best learning rate of SGD", ON_BATCH),
        Observable("sgd_steps", "T", "steps to the target at the best rate, SGD", ON_BATCH),
        Observable("sgd_loss", "ℓ", "mean loss of SGD after those steps", ON_BATCH),
        Observable("normalised_rate", "η", "best length of steps of fixed length", ON_BATCH),
        Observable("normalised_steps", "T", "steps to the target at the best length", ON_BATCH),
        Observable("measured_sgd_rate", "η", "best of the rates that were run, SGD", ON_BATCH),
        Observable("measured_sgd_steps", "T", "fewest steps to the target in runs, SGD", ON_BATCH),
        Observable("measured_normalised_rate", "η", "best of the lengths that were run", ON_BATCH),
        Observable("measured_normalised_steps", "T", "fewest steps to the target in runs of fixed length", ON_BATCH),
        Observable("linear_law", "∝B", "the rate of the smallest batch, in proportion", ON_BATCH),
        Observable("root_law", "∝√B", "the length of the smallest batch, by the root", ON_BATCH),
        Observable("sgd_slope", "dlnη/dlnB", "slope of the best rate of SGD below the cap", ()),
        Observable("normalised_slope", "dlnη/dlnB", "slope of the best length where SGD is below the cap", ()),
        Observable("critical_batch", "B_c", "batch at which SGD takes twice the steps of the largest batches", ()),
        Observable("curvature_cap", "2/H_1", "rate from which SGD diverges", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("sgd_rate", log="xy", guides=(Guide("linear_law"), Guide("curvature_cap")), title="SGD, best rate"),
        Panel("normalised_rate", log="xy", guides=(Guide("root_law"),), title="fixed length, best length"),
        Panel("sgd_steps", log="xy", title="SGD, steps to target"),
        Panel("normalised_steps", log="xy", title="fixed length, steps to target"),
        *(
            Panel(
                f"measured_{name}",
                log="xy",
                guides=(Guide(name, label="theory"),),
                title=f"{title} of runs",
            )
            for name, title in (
                ("sgd_rate", "SGD, best rate"),
                ("normalised_rate", "fixed length, best length"),
                ("sgd_steps", "SGD, steps to target"),
                ("normalised_steps", "fixed length, steps to target"),
            )
        ),
    )
    method: ClassVar[type[Search]] = Search
    sizes: ClassVar[tuple[int, ...]] = (32,)
    size_means: ClassVar[str] = "runs that each replica averages"

    dimension: int = declare(100, "d", "modes, of curvature 1/i", bounds="[1, 100000]")
    noise: float = declare(9.0, "σ²", "variance of the gradient of one sample, over the curvature", bounds="(0, inf)")
    target: float = declare(0.1, "ℓ*/ℓ₀", "loss to be reached, over that of the start", bounds="(0, 1)")
    smallest: int = declare(2, "B", "smallest batch", bounds="[1, 1e9]")
    doublings: int = declare(13, "", "how often the batch is doubled", bounds="[2, 30]")

    def check(self) -> None:
        if self.target * self.curvatures.sum() < 1e-6:
            raise ParameterError(f"target = {self.target:g} is below what is resolved: give at least 1e-6")

    @property
    def curvatures(self) -> Array:
        """H_i = 1/i (d,)."""
        return 1.0 / np.arange(1.0, self.dimension + 1.0)

    @property
    def batches(self) -> Array:
        """The batches, in doublings."""
        return self.smallest * 2.0 ** np.arange(self.doublings + 1)

    @property
    def goal(self) -> float:
        """ℓ*; the start has x_i² = 1."""
        return 0.5 * self.target * float(self.curvatures.sum())

    def estimate(self, method: Search) -> dict[str, float]:
        runs = 2.0 * method.rates * self.dimension
        return {"memory": 8.0 * runs * 500.0, "seconds": 0.2 + (5e-5 * runs + 0.05) * (self.doublings + 1.0)}

    def solve(self, method: Search, progress: Progress) -> Solution:
        """The best rates: exact for SGD, self-averaging gradients for steps of fixed length."""
        check_memory(self.estimate(method)["memory"], "try fewer --rates or a smaller --dimension")
        batches = self.batches
        best = np.array([self.best(method, batch, self.sgd_steps, 2.0) for batch in batches])
        length = np.array(
            [  # where SGD does not get to, steps of fixed length do not either
                self.best(method, batch, self.normalised_steps, 8.0) if np.isfinite(steps) else (np.nan, np.inf)
                for batch, steps in zip(batches, best[:, 1], strict=True)
            ]
        )
        losses = [
            self.loss(np.array([rate]), batch, np.array([[np.ceil(steps)]]))[0, 0]
            for (rate, steps), batch in zip(best, batches, strict=True)
        ]
        values = {
            "sgd_rate": best[:, 0],
            "sgd_steps": best[:, 1],
            "sgd_loss": np.array(losses),
            "normalised_rate": length[:, 0],
            "normalised_steps": length[:, 1],
            "linear_law": best[0, 0] * batches / batches[0],
            "root_law": length[0, 0] * np.sqrt(batches / batches[0]),
            "critical_batch": np.array(critical_batch(batches, best[:, 1])),
            "curvature_cap": np.array(2.0 / self.curvatures[0]),
            **self.slopes(best[:, 0], length[:, 0]),
        }
        curves = self.exact_curves(values)
        status = Status(CONVERGED, "exact for SGD; steps of fixed length with self-averaging gradients")
        if not (np.isfinite(best[:, 1]).all() and np.isfinite(length[:, 1]).all()):
            message = f"the target is not reached in {MOST} steps at the smallest batches: give a larger --smallest or "
            status = Status(NOT_CONVERGED, message + "--target")
        return Solution(curves, self.coordinates(), status, 0, method.as_dict())

    def slopes(self, rates: Array, lengths: Array) -> dict[str, Array]:
        """Slopes of ln η against ln B over the batches whose best rate of SGD is well below the cap."""
        free = np.isfinite(rates) & (rates < FREE * 2.0 / self.curvatures[0])
        found = {}
        for name, values in (("sgd_slope", rates), ("normalised_slope", lengths)):
            good = free & np.isfinite(values)
            fit = np.polyfit(np.log(self.batches[good]), np.log(values[good]), 1)[0] if good.sum() > 1 else np.nan
            found[name] = np.array(float(fit))
        return found

    def best(self, method: Search, batch: float, steps: object, top: float) -> tuple[float, float]:
        """Rate with the fewest steps to the target, and these; infinite if none reaches it."""
        rates = np.geomspace(1e-5, top * (1.0 - 1e-6), method.rates)
        for _ in range(3):
            found = steps(rates, batch)  # type: ignore[operator]
            if not np.isfinite(found).any():
                return float("nan"), float("inf")
            at = int(np.argmin(found))
            best = float(rates[at]), float(found[at])
            rates = np.geomspace(rates[max(at - 1, 0)], rates[min(at + 1, len(rates) - 1)], method.rates)
        return best

    def loss(self, rates: Array, batch: float, steps: Array) -> Array:
        """½ Σ H m after `steps` (k, T) of SGD at the rates (k,), eq. (2): each second moment relaxes on its own."""
        H = self.curvatures
        scaled = np.multiply.outer(rates, H)
        rest = rates[:, None] * self.noise / (batch * (2.0 - scaled))
        with np.errstate(divide="ignore"):
            pace = 2.0 * np.log(np.abs(1.0 - scaled))
        found: Array = 0.5 * (rest @ H)[:, None]
        return found + 0.5 * np.einsum("ktd,kd->kt", np.exp(steps[:, :, None] * pace[:, None, :]), (1.0 - rest) * H)

    def sgd_steps(self, rates: Array, batch: float) -> Array:
        """First time, a real number, at which the mean loss is down at the target; infinite if it never is."""
        times = np.geomspace(1e-3, MOST, 150)
        below = self.loss(rates, batch, np.broadcast_to(times, (len(rates), len(times)))) <= self.goal
        after = np.argmax(below, axis=1)
        low, high = times[np.maximum(after - 1, 0)], times[after]
        for _ in range(40):
            middle = 0.5 * (low + high)
            down = self.loss(rates, batch, middle[:, None])[:, 0] <= self.goal
            low, high = np.where(down, low, middle), np.where(down, middle, high)
        return np.where(below.any(axis=1), high, np.inf)

    def normalised_steps(self, rates: Array, batch: float) -> Array:
        """The same for steps η g/√E‖g‖², eq. (3), for all lengths at once; interpolated between steps."""
        H = self.curvatures
        moments = np.ones((len(rates), self.dimension))
        found, last = np.full(len(rates), np.inf), 0.5 * moments @ H
        fed = self.noise * H / batch
        for step in range(1, MOST):
            length = (rates / np.sqrt(moments @ H**2 + fed.sum()))[:, None]
            moments = (1.0 - length * H) ** 2 * moments + length**2 * fed
            now = 0.5 * moments @ H
            done = (now <= self.goal) & np.isinf(found)
            part = (last - self.goal) / np.where(last > now, last - now, 1.0)
            found = np.where(done, step - 1.0 + part, found)
            if done.any():  # the others take longer
                break
            last = now
        return found

    def coordinates(self) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"batch_size": Coordinate("batch_size", self.batches, "B", "samples of a batch")}


def critical_batch(batches: Array, steps: Array) -> float:
    """Where ln steps, interpolated in ln B, is twice that of the largest batch; NaN if it is nowhere."""
    if not np.isfinite(steps[-1]):
        return float("nan")
    excess = np.log(steps / (2.0 * steps[-1]))
    good = np.flatnonzero(np.isfinite(excess))
    above = good[excess[good] > 0.0]
    if not len(above):
        return float("nan")
    i = int(above[-1])
    part = excess[i] / (excess[i] - excess[i + 1])
    return float(np.exp(np.log(batches[i]) + part * np.log(batches[i + 1] / batches[i])))

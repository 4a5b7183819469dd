"""Noise of normalisation statistics: how far a standardised value is from what it would be without finite samples.

n values share a mean and a variance. Batch normalisation: those of the batch; group normalisation: those of a group of
channels of one sample, whatever the batch. Equation numbers are those of docs/theory/group_norm.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from scipy.special import betainc, gammaln, ndtr

from ..errors import ParameterError
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
    "Y. Wu, K. He, Group normalization, ECCV 2018, arXiv:1803.08494",
    "G. Yang, J. Pennington, V. Rao, J. Sohl-Dickstein, S. S. Schoenholz, A mean field theory of batch normalization, "
    "ICLR 2019, arXiv:1902.08129",
)
NORMS = ("bn", "gn", "ln", "in")
#: Batches of the figure; the model's own is added.
BATCHES = (2, 4, 8, 16, 32, 64, 128)
#: Standardised values whose distribution is reported: none of them ±1, where two values alone lie.
LEVELS = np.linspace(-2.9, 2.9, 30)
#: Values x for which the spread of x̂ is reported.
POINTS = np.linspace(-3.0, 3.0, 13)
NODES = 96
ON_BATCH = ("batch_size",)


@register
@dataclass(frozen=True)
class GroupNorm(Model):
    """Standardised i.i.d. Gaussian values; its twin sends `size` groups of them through the layers of the package."""

    slug: ClassVar[str] = "group-norm"
    title: ClassVar[str] = "Noise of normalisation statistics: batch against group normalisation"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("noise_against_batch", "E(x−x̂)²", "noise of the statistics against the batch", ON_BATCH),
        Observable("kurtosis_against_batch", "κ", "kurtosis of standardised values against the batch", ON_BATCH),
        Observable("bn_noise", "BN", "noise of batch normalisation", ON_BATCH),
        Observable("gn_noise", "GN", "noise of group normalisation", ON_BATCH),
        Observable("ln_noise", "LN", "noise of layer normalisation", ON_BATCH),
        Observable("in_noise", "IN", "noise of instance normalisation", ON_BATCH),
        Observable("distribution", "P(x̂<y)", "distribution of standardised values", ("level",)),
        Observable("gaussian_distribution", "Φ(y)", "distribution without noise", ("level",)),
        Observable("conditional_variance", "Var[x̂|x]", "spread of a standardised value", ("x",)),
        Observable("conditional_law", "(1+x²/2)/n", "the same for many values", ("x",)),
        Observable("values", "n", "values that share statistics", ()),
        Observable("noise", "E(x−x̂)²", "noise of the statistics", ()),
        Observable("noise_law", "3/2n", "the same for many values", ()),
        Observable("kurtosis", "κ", "kurtosis of standardised values", ()),
        Observable("bound", "√(n−1)", "largest standardised value", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "noise_against_batch",
            log="xy",
            guides=tuple(Guide(f"{name}_noise", label=name.upper()) for name in NORMS),
        ),
        Panel("kurtosis_against_batch", log="x"),
        Panel("distribution", guides=(Guide("gaussian_distribution"),), log=""),
        Panel("conditional_variance", guides=(Guide("conditional_law"),), log=""),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (20000,)
    size_means: ClassVar[str] = "groups of values that are standardised"

    norm: str = declare("bn", "", "normalisation: batch, group, layer or instance", choices=NORMS)
    batch: int = declare(8, "B", "samples of a batch", bounds="[1, 1e6]")
    channels: int = declare(256, "C", "channels of a layer", bounds="[1, 1e6]")
    groups: int = declare(32, "G", "groups of channels, of group normalisation", bounds="[1, 1e6]")
    pixels: int = declare(1, "HW", "pixels of a sample; 1 is a dense layer", bounds="[1, 1e8]")

    def check(self) -> None:
        check_groups(self.groups, self.channels)
        if self.values_of(self.norm, self.batch) < 2:
            advice = {
                "bn": "batch normalisation needs a batch of at least 2",
                "in": "instance normalisation of a dense layer has one value each, give more pixels",
            }.get(self.norm, "give fewer groups, more channels or more pixels")
            raise ParameterError(
                f"norm = {self.norm!r} with batch = {self.batch}, channels = {self.channels}, groups = {self.groups}, "
                f"pixels = {self.pixels}: one value has no variance; {advice}"
            )

    def values_of(self, norm: str, batch: int) -> int:
        """n, the number of values that share statistics."""
        own = {"bn": batch, "gn": self.channels // self.groups, "ln": self.channels, "in": 1}
        return own[norm] * self.pixels

    @property
    def values(self) -> int:
        """n of this normalisation at this batch."""
        return self.values_of(self.norm, self.batch)

    @property
    def batches(self) -> Array:
        """Batches of the figure."""
        return np.unique([*BATCHES, max(self.batch, 2)])

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Exact for i.i.d. Gaussian values and ε = 0."""
        n = self.values
        numbers = {name: np.array([self.values_of(name, batch) for batch in self.batches]) for name in NORMS}
        values = {
            "noise_against_batch": noise(numbers[self.norm]),
            "kurtosis_against_batch": kurtosis(numbers[self.norm]),
            **{f"{name}_noise": noise(numbers[name]) for name in NORMS if numbers[name].min() > 1},
            "distribution": distribution(n, LEVELS),
            "gaussian_distribution": ndtr(LEVELS),
            "conditional_variance": np.array([conditional_variance(n, x) for x in POINTS]),
            "conditional_law": (1.0 + POINTS**2 / 2.0) / n,
            "values": np.array(float(n)),
            "noise": noise(np.array(n)),
            "noise_law": np.array(1.5 / n),
            "kurtosis": kurtosis(np.array(n)),
            "bound": np.sqrt(np.array(n) - 1.0),
        }
        curves = self.exact_curves(values)
        status = Status(CONVERGED, "closed form, exact to round-off")
        return Solution(curves, self.coordinates(), status, 0, method.as_dict())

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "batch_size": Coordinate("batch_size", self.batches.astype(float), "B", "samples of a batch"),
            "level": Coordinate("level", LEVELS, "y", "standardised value"),
            "x": Coordinate("x", POINTS, "x", "value"),
        }


def check_groups(groups: int, channels: int) -> None:
    """Refuse groups that are not equal."""
    if channels % groups:
        good = [part for part in range(1, channels + 1) if channels % part == 0]
        near = sorted(sorted(good, key=lambda part: abs(part - groups))[:4])
        raise ParameterError(
            f"groups = {groups} do not divide channels = {channels}: give a divisor, such as "
            f"{', '.join(map(str, near))}"
        )


def mean_deviation(n: Array) -> Array:
    """c_n = E σ̂ of n standard Gaussian values, with the biased variance: eq. (1)."""
    n = np.asarray(n, dtype=float)
    return np.sqrt(2.0 / n) * np.exp(gammaln(n / 2.0) - gammaln((n - 1.0) / 2.0))


def noise(n: Array) -> Array:
    """E(x − x̂)² = 2(1 − c_n), eq. (2)."""
    n = np.asarray(n, dtype=float)
    series = 1.5 / n + 0.4375 / n**2 + 0.1406 / n**3  # where the difference would lose digits
    return np.where(n > 2000.0, series, 2.0 * (1.0 - mean_deviation(np.minimum(n, 2000.0))))


def kurtosis(n: Array) -> Array:
    """E x̂⁴/(E x̂²)² = 3(n − 1)/(n + 1), eq. (3)."""
    return 3.0 * (n - 1.0) / (n + 1.0)


def distribution(n: int, level: Array) -> Array:
    """P(x̂ < y), as x̂²/(n − 1) ~ Beta(1/2, (n − 2)/2): eq. (4); for n = 2 the values are ±1."""
    if n == 2:
        return 0.5 * (1.0 + np.sign(level) * (np.abs(level) > 1.0))
    inside = betainc(0.5, 0.5 * (n - 2.0), np.minimum(level**2 / (n - 1.0), 1.0))
    found: Array = 0.5 * (1.0 + np.sign(level) * inside)
    return found


def conditional_variance(n: int, x: float) -> float:
    """Var[x̂|x] by quadrature over mean and variance of the other values, eq. (5)."""
    if n == 2:
        return float(1.0 - (2.0 * ndtr(x) - 1.0) ** 2)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    width, root = 9.0 / np.sqrt(n - 1.0), np.sqrt(n - 1.0)
    # d = x − mean of the others; x̂ turns at d = 0 (for n = 3 like d ln d), so cubes of even nodes on both sides of it
    cuts = sorted({x - width, min(max(0.0, x - width), x + width), x + width})
    parts = [_cubed(nodes, weights, a, b) if 0.0 in (a, b) else _even(nodes, weights, a, b) for a, b in pairwise(cuts)]
    d, wd = (np.concatenate(part)[:, None] for part in zip(*parts, strict=True))
    # s² = Σ (other − their mean)² has n − 2 degrees of freedom; x̂ = ±√(n − 1)/cosh v at s√(n/(n − 1)) = |d| sinh v
    low, mode = max(0.0, np.sqrt(n - 2.0) - 9.0), np.sqrt(n - 3.0)
    size = np.abs(d) * np.sqrt(1.0 - 1.0 / n)
    first, last = np.arcsinh(low / size), np.arcsinh((np.sqrt(n - 2.0) + 9.0) / size)
    v = 0.5 * (last - first) * nodes + 0.5 * (first + last)
    s = size * np.sinh(v)
    away = s / mode - 1.0 if n > 3 else s
    # relative to its largest value: the logarithms themselves would lose digits for large n
    with np.errstate(divide="ignore"):
        density = (n - 3.0) * (np.log1p(away) - away - 0.5 * away**2) if n > 3 else -0.5 * s**2
    weight = wd * np.exp(-0.5 * (n - 1.0) * (d - x) ** 2) * weights * (last - first) * size * np.cosh(v)
    weight = weight * np.exp(density)
    weight /= weight.sum()
    standard = np.sign(d) * root / np.cosh(v)
    mean = np.sum(weight * standard)
    return float(np.sum(weight * (standard - mean) ** 2))


def _even(nodes: Array, weights: Array, low: float, high: float) -> tuple[Array, Array]:
    """Gauss–Legendre rule on an interval."""
    half = 0.5 * (high - low)
    return half * nodes + 0.5 * (low + high), half * weights


def _cubed(nodes: Array, weights: Array, low: float, high: float) -> tuple[Array, Array]:
    """The same in the cube root: for functions that turn at 0, which is one of the ends."""
    point, weight = _even(nodes, weights, np.cbrt(low), np.cbrt(high))
    return point**3, 3.0 * point**2 * weight

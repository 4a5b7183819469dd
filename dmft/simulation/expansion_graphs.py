"""Both theorems of ``self-training/expansion`` on small weighted graphs: exactly, at random, and at their worst.

Expansion by trying all subsets, minimisers by trying all labelings, ratios as fractions: nothing is rounded.
Equation numbers are those of docs/theory/self_training_expansion.rst.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

import numpy as np

from ..errors import ParameterError
from ..solvers.consistency.exhaustive import all_inconsistencies, expansion_constant, labelings, minimise_by_trial
from ..solvers.consistency.graph import BallGraph, pseudolabel_costs

Array = np.ndarray
#: Masses of samples are drawn between 1 and this, evenly in the logarithm.
HEAVIEST = 1000


@dataclass(frozen=True, eq=False)
class LabelledGraph:
    """Samples with balls, true classes 0 … and pseudolabels; every class has samples."""

    graph: BallGraph
    truth: Array
    pseudolabels: Array

    def __post_init__(self) -> None:
        shape = (len(self.graph),)
        if self.truth.shape != shape or self.pseudolabels.shape != shape:
            raise ParameterError(f"truth {self.truth.shape}, pseudolabels {self.pseudolabels.shape}: give {shape}")
        if len(np.unique(self.truth)) != self.classes or min(self.truth.min(), self.pseudolabels.min()) < 0:
            raise ParameterError("truth must use all classes from 0 to the largest, at least two: renumber them")

    @property
    def classes(self) -> int:
        """Number of classes."""
        return max(2, int(max(self.truth.max(), self.pseudolabels.max())) + 1)

    def mass(self, which: Array) -> int:
        """Mass of the samples for which `which` (n,) is true."""
        return int(self.graph.masses[which].sum())

    def members(self, label: int) -> Array:
        """Samples of one class."""
        return np.flatnonzero(self.truth == label)

    def expansion(self, mass: Fraction) -> Fraction | None:
        """c of (mass, c)-expansion: the smallest of all classes, None if there is no largest c."""
        found = [expansion_constant(self.graph, self.members(label), mass) for label in range(self.classes)]
        return min((c for c in found if c is not None), default=None)

    @property
    def mu(self) -> int:
        """Mass of the samples whose ball reaches another class."""
        return self.mass(self.graph.inconsistent(self.truth))


@dataclass(frozen=True)
class Checked:
    """One graph against one theorem.

    Attributes
    ----------
    expansion : Fraction or None
        c; None: infinite.
    error, bound : Fraction
        Mass of the errors of the worst minimiser, and the bound, both over the whole mass.
    applies : bool
        Whether all hypotheses of the paper hold. Otherwise only that c > 1 is sure.
    """

    expansion: Fraction | None
    error: Fraction
    bound: Fraction
    applies: bool

    @property
    def violated(self) -> bool:
        """Error above bound."""
        return self.error > self.bound

    @property
    def ratio(self) -> float:
        """Error over bound; 0 where both vanish."""
        return float(self.error / self.bound) if self.bound else (np.inf if self.error else 0.0)


def check_denoising(case: LabelledGraph) -> Checked | None:
    """The minimiser of (c+1)/(c−1)·P(G ≠ G_pl) + 2c/(c−1)·R_B(G) against its bound, eq. (4).

    Returns
    -------
    Checked or None
        None if c ≤ 1, or there is no wrong pseudolabel.
    """
    wrong = case.pseudolabels != case.truth
    mass = max(Fraction(case.mass(wrong & (own := case.truth == i)), case.mass(own)) for i in range(case.classes))
    if not mass:
        return None
    found = case.expansion(mass)
    c = 1 / mass if found is None else min(1 / mass, found)
    if c <= 1:
        return None
    p, q, total = c.numerator, c.denominator, case.graph.total
    costs = (p + q) * pseudolabel_costs(case.graph.masses, case.pseudolabels, case.classes)
    _, best = minimise_by_trial(case.graph, costs, 2 * p * case.graph.masses)
    error = int(((best != case.truth) @ case.graph.masses).max())
    bound = Fraction(2 * q * case.mass(wrong) + 2 * p * case.mu, (p - q) * total)
    return Checked(c, Fraction(error, total), bound, mass < Fraction(1, 3) and c > 3)


def check_unsupervised(case: LabelledGraph) -> Checked | None:
    """The minimiser of R_B(G) with min_y P(G = y) > max(2/(c−1), 2)·R_B(G) against its bound, eq. (6).

    Returns
    -------
    Checked or None
        None if a hypothesis fails: c ≤ 1, or the truth does not satisfy the condition.
    """
    c = case.expansion(Fraction(1, 2))
    if c is not None and c <= 1:
        return None
    factor = Fraction(2) if c is None else max(2 / (c - 1), Fraction(2))
    masses, mu, every = case.graph.masses, case.mu, labelings(len(case.truth), case.classes)
    smallest = min(case.mass(case.truth == i) for i in range(case.classes))
    if not smallest > factor * mu:
        return None
    inconsistent = all_inconsistencies(case.graph, case.classes) @ masses
    least = np.min([(every == y) @ masses for y in range(case.classes)], axis=0)
    allowed = np.flatnonzero(least * factor.denominator > factor.numerator * inconsistent)
    best = every[allowed[inconsistent[allowed] == inconsistent[allowed].min()]]
    renamed = [(np.array(names)[best] != case.truth) @ masses for names in permutations(range(case.classes))]
    error = Fraction(int(np.min(renamed, axis=0).max()), case.graph.total)
    slope = Fraction(2) if c is None else max(c / (c - 1), Fraction(2))
    return Checked(c, error, slope * Fraction(mu, case.graph.total), True)


def random_graph(rng: np.random.Generator, samples: int, classes: int = 2) -> LabelledGraph:
    """Random masses, classes, balls (denser within classes) and a few wrong pseudolabels."""
    masses = np.exp(rng.uniform(0.0, np.log(HEAVIEST), samples)).astype(np.int64)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, samples - classes)])
    i, j = np.triu_indices(samples, 1)
    chance = np.where(truth[i] == truth[j], rng.uniform(0.1, 1.0), rng.uniform(0.0, 0.3))
    there = rng.random(len(i)) < chance
    graph = BallGraph.from_edges(masses, np.stack([i[there], j[there]], axis=1))
    wrong = rng.random(samples) < rng.uniform(0.05, 0.4)
    return LabelledGraph(graph, truth, np.where(wrong, (truth + 1) % classes, truth))


def changed(case: LabelledGraph, rng: np.random.Generator) -> LabelledGraph:
    """The same with one or two small changes: a pair of balls, a mass, a pseudolabel, a class."""
    masses, truth, pseudo = case.graph.masses.copy(), case.truth.copy(), case.pseudolabels.copy()
    pairs = {(int(x), int(y)) for x, y in zip(case.graph.centres, case.graph.members, strict=True) if x < y}
    classes = case.classes
    for _ in range(rng.integers(1, 3)):
        kind, x = rng.integers(0, 6), int(rng.integers(0, len(masses)))
        if kind < 2:
            y = int(rng.integers(0, len(masses)))
            pairs ^= {(min(x, y), max(x, y))} if x != y else set()
        elif kind < 4:
            masses[x] = int(np.clip(masses[x] * np.exp(rng.normal(0.0, 0.7)) + rng.integers(-1, 2), 1, HEAVIEST))
        elif kind == 4:
            pseudo[x] = rng.integers(0, classes)
        else:
            truth[x] = rng.integers(0, classes)
    if len(np.unique(truth)) < classes:
        return case
    return LabelledGraph(BallGraph.from_edges(masses, sorted(pairs)), truth, pseudo)


Check = Callable[[LabelledGraph], Checked | None]


def climb(
    case: LabelledGraph, check: Check, steps: int, rng: np.random.Generator
) -> tuple[LabelledGraph, list[Checked]]:
    """Change a graph again and again, keeping changes that do not lower error/bound where the theorem applies.

    Returns
    -------
    LabelledGraph
        The worst that was found.
    list of Checked
        All that were tried and to which the theorem applies.
    """
    first = check(case)
    tried = [first] if first is not None and first.applies else []
    height = tried[0].ratio if tried else -1.0
    for _ in range(steps):
        other = changed(case, rng)
        found = check(other)
        if found is None or not found.applies:
            if height < 0.0:  # wander until the theorem applies
                case = other
            continue
        tried.append(found)
        if found.ratio >= height:
            case, height = other, found.ratio
    return case, tried


@dataclass(frozen=True)
class Search:
    """What climbs found: graphs to which the theorem applies, violations, largest error/bound, and all of them."""

    graphs: int
    violated: int
    largest: float
    ratios: Array


def search(check: Check, climbs: int, steps: int, samples: tuple[int, int], classes: int, seed: int) -> Search:
    """Climb from several random graphs of `samples` from … to; each starts, if it can, where the theorem applies.

    Notes
    -----
    About 3 ms a step for 8 samples in two classes.
    """
    ratios: list[float] = []
    violated = 0
    for index in range(climbs):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        size = int(rng.integers(samples[0], samples[1] + 1))
        for _ in range(200):
            case = random_graph(rng, size, classes)
            found = check(case)
            if found is not None and found.applies and found.bound:
                break
        _, tried = climb(case, check, steps, rng)
        ratios += [item.ratio for item in tried]
        violated += sum(item.violated for item in tried)
    return Search(len(ratios), violated, max(ratios, default=0.0), np.array(ratios))


def worst_case(core: int, contact: int, free: int, crumb: int = 1, bulk: int = 10**6) -> LabelledGraph:
    """A graph on which a bound is met but for crumbs: a mislabelled core within a mislabelled rim.

    Core and rim have the wrong label. The core sees the rim only, and the rim alone is inconsistent; a part of it, at
    `contact` with another class, is so with the true labels as well. c = 1 + (contact + free + crumb)/core. The
    denoising bound is met at ``contact = (c − 3)/2·core + crumb`` for 3 ≤ c ≤ 5, that without labels at ``free = 0``
    for c ≤ 2.

    Parameters
    ----------
    core, contact, free : int
        Masses of the core and of both parts of the rim.
    crumb, bulk : int
        Masses of the samples that join the rim to its own class and to the other, and of what is left of each.
    """
    masses = np.array([core, contact, free, crumb, bulk, crumb, bulk])
    graph = BallGraph.from_edges(masses, np.array([(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (1, 5), (5, 6)]))
    return LabelledGraph(graph, np.array([0, 0, 0, 0, 0, 1, 1]), np.array([1, 1, 1, 0, 0, 1, 1]))

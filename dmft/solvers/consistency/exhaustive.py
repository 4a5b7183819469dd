"""Small graphs: every labeling is tried, every subset is expanded. Exact, in integers and fractions."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from ...errors import ParameterError
from .graph import BallGraph, checked_costs

Array = np.ndarray
#: Labelings that are tried at most: 2^14, 3^8 …
MOST = 2**14


@cache
def labelings(samples: int, labels: int) -> Array:
    """All labelings (labels^samples, samples).

    Raises
    ------
    ParameterError
        If there are more than :data:`MOST`.
    """
    if labels**samples > MOST:
        raise ParameterError(
            f"{samples} samples with {labels} labels have {labels}^{samples} labelings, at most {MOST} are tried: "
            "give fewer samples, or two labels and minimise_by_flow"
        )
    places = labels ** np.arange(samples)
    made = (np.arange(labels**samples)[:, None] // places % labels).astype(np.int8)
    made.setflags(write=False)
    return made


def all_inconsistencies(graph: BallGraph, labels: int) -> Array:
    """Which samples each labeling makes inconsistent: (labels^n, n) of bool."""
    every = labelings(len(graph), labels)
    found = np.zeros(every.shape, dtype=bool)
    for centre, member in zip(graph.centres.tolist(), graph.members.tolist(), strict=True):
        found[:, centre] |= every[:, centre] != every[:, member]
    return found


def minimise_by_trial(graph: BallGraph, costs: Any, penalties: Any) -> tuple[int, Array]:
    """The minimum as in :func:`.flow.minimise_by_flow`, for any number of labels, and *all* minimisers (k, n).

    Raises
    ------
    ParameterError
        If there are too many labelings, or the costs are not integers.

    Examples
    --------
    >>> graph = BallGraph.from_edges([1, 1], [(0, 1)])
    >>> value, minimisers = minimise_by_trial(graph, [[0, 1], [1, 0]], [1, 1])
    >>> value, minimisers.tolist()
    (1, [[0, 0], [1, 1]])
    """
    costs, penalties = checked_costs(graph, costs, penalties)
    every = labelings(len(graph), costs.shape[1])
    total = all_inconsistencies(graph, costs.shape[1]) @ penalties
    for x, row in enumerate(costs):
        total += row[every[:, x]]
    best = int(total.min())
    return best, every[total == best].astype(np.int64)


def expansion_constant(graph: BallGraph, members: Array, mass: Fraction) -> Fraction | None:
    """Largest c with ``P(N(V)) ≥ min(c P(V), 1)`` for all sets V of a class with ``P(V) ≤ mass``.

    Parameters
    ----------
    members : ndarray (k,)
        Samples of the class; P is the mass among them.
    mass : Fraction
        a of (a, c)-expansion.

    Returns
    -------
    Fraction or None
        None: there is no largest, any c will do.

    Raises
    ------
    ParameterError
        If the class has more than 14 samples.

    Notes
    -----
    2^k subsets; unions of neighbourhoods are built by doubling.
    """
    count = len(members)
    if 2**count > MOST:
        raise ParameterError(f"a class of {count} samples has 2^{count} subsets, at most {MOST} are tried")
    place = {int(x): k for k, x in enumerate(members)}
    around = graph.neighbourhoods()
    own = [sum(1 << k for x, k in place.items() if around[y] >> x & 1) for y in members.tolist()]
    unions, masses = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for mine, weight in zip(own, graph.masses[members].tolist(), strict=True):
        unions = np.concatenate([unions, unions | mine])
        masses = np.concatenate([masses, masses + weight])
    total = int(masses[-1])
    # masses of the unions: a union is a subset, and its mass is in the table
    grown = masses[unions]
    # masses are whole numbers; products with the denominator of `mass` may not fit 64 bits
    few = masses <= mass.numerator * total // mass.denominator
    counted = np.flatnonzero(few & (masses > 0) & (grown < total))
    if not len(counted):
        return None
    ratio = grown[counted] / masses[counted]
    near = counted[ratio <= ratio.min() * (1.0 + 1e-12)]  # the smallest, but for rounding
    return min(Fraction(int(grown[v]), int(masses[v])) for v in near)

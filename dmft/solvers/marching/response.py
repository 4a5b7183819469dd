"""How ``K(t,s) = −αΔ E[D(t) ∂r(t)/∂P(s)]`` is estimated: exact response of some paths, or one probe a path.

Measured (``benchmarks/marching_error.py``): the exact response of a few Sobol' paths beats probes on many.
"""

from __future__ import annotations

from .problem import MarchingProblem

#: `auto` spends at most this share of the other work of a march on the exact response …
AUTO_RATIO = 0.3
#: … but never uses fewer paths than this in one march: with fewer, its noise shows in R and C.
AUTO_LEAST = 128
#: Multiply-adds a second in the triangular solves, which run in registers, over those of the history sums.
BLOCKED = 3.0


def response_paths(problem: MarchingProblem, steps: int, count: int, choice: str) -> int:
    """How many of `count` paths carry their exact response; 0 means probes.

    The first 2^k Sobol' points are a net of their own, so a subset loses accuracy like a smaller run,
    not like a random subsample.
    """
    if choice == "exact":
        return count
    if choice == "probe":
        return 0
    times = steps + 1
    exact = problem.chain.mean * times**3 / 6.0 / BLOCKED
    other = 1.5 * times**2
    affordable = count * AUTO_RATIO * other / max(exact, 1e-300)
    paths = count
    while paths > max(affordable, AUTO_LEAST):
        paths //= 2
    return paths

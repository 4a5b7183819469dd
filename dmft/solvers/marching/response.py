"""How ``K(t,s) = −αΔ E[D(t) ∂r(t)/∂P(s)]`` is estimated: exact response of some paths, or one probe a path.

Measured: the exact response of a few Sobol' paths beats probes on many (``benchmarks/error_against_time.py``).
"""

from __future__ import annotations

from typing import NamedTuple

#: `auto` spends at most this share of the other work of a step on the exact response …
AUTO_RATIO = 0.3
#: … but never uses fewer paths than this in one march: with fewer, its noise shows in R and C.
AUTO_LEAST = 128
#: Other work of step t: this times t multiply-adds a path, at the rate of those in the exact response (measured).
OTHER = 5.0


class Carriers(NamedTuple):
    """How many paths carry their exact response at step t, of `n` whose first 2^k are a net of their own."""

    budget: float  #: of those with D(t) ≠ 0, which alone cost anything, at most this over t …
    least: int  #: … but no fewer paths than this, live or not


def carriers(count: int, choice: str) -> Carriers | None:
    """The rule for marches of `count` paths; None means probes.

    The first 2^k Sobol' points are a net of their own, so a subset loses accuracy like a smaller run,
    not like a random subsample.
    """
    if choice == "probe":
        return None
    if choice == "exact":
        return Carriers(float("inf"), count)
    # a path costs t²/2 multiply-adds
    return Carriers(2.0 * AUTO_RATIO * OTHER * count, min(AUTO_LEAST, count))

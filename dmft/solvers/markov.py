"""Two-state Markov chains: which samples are in the mini-batch at which step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TwoStateChain:
    """Stationary chain on {0, 1} with P(1) = `mean`, P(0→1) = `turn_on` and P(1→0) = `turn_off`.

    ``turn_on = mean`` and ``turn_off = 1 − mean`` make independent Bernoulli draws.
    """

    mean: float
    turn_on: float
    turn_off: float

    @property
    def correlation(self) -> float:
        """Autocorrelation at lag one; at lag k it is its k-th power."""
        return 1.0 - self.turn_on - self.turn_off

    @property
    def stay(self) -> float:
        """P(1→1): exactly P(0→1) where there is no memory."""
        return self.turn_on if self.turn_on + self.turn_off == 1.0 else 1.0 - self.turn_off

    def first(self, uniforms: Any) -> Any:
        """Stationary initial states (bool) from uniform numbers in [0, 1)."""
        return uniforms < self.mean

    def next(self, states: Any, uniforms: Any) -> Any:
        """States one step later; the same uniforms give the same draws for independent sampling."""
        if self.stay == self.turn_on:  # no memory
            return uniforms < self.turn_on
        return (states & (uniforms < self.stay)) | (~states & (uniforms < self.turn_on))

"""First and second moments of temporal-difference learning with linear Gaussian features: exact at every size.

Feature k is an Ornstein–Uhlenbeck process of variance λ_k with E ψ_k(t)ψ_k(s) = λ_k a_k^|t−s|. Equation numbers are
those of docs/theory/rl_overfitting_td.rst.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Process:
    """What is learned about.

    Attributes
    ----------
    variance, memory, value : ndarray, (N,)
        λ_k, a_k and the true value weights w_V.
    gamma : float
        Discount.
    unexplained, unexplained_memory : float
        Variance and one-step correlation of the part of the reward outside the span of the features.
    horizon : int
        Transitions T of an episode.
    """

    variance: Array
    memory: Array
    value: Array
    gamma: float
    unexplained: float
    unexplained_memory: float
    horizon: int

    @property
    def curvature(self) -> Array:
        """A_k = λ_k(1 − γa_k), (N,)."""
        return self.variance * (1.0 - self.gamma * self.memory)


@dataclass(frozen=True)
class Moments:
    """The moments of one step of unit rate: noise in Δ is noise₀ + noise₁·m + noise₂·M, linear in the moments of Δ.

    Attributes
    ----------
    errors : tuple of ndarray (T,), (T, N), (T, N)
        E δ_t δ_{t+ℓ} as constant and as linear functions of m and M: eq. (5).
    spread : ndarray, (N, T)
        What E δ_t δ_{t+ℓ} adds to the noise of each weight.
    own : tuple of ndarray, (N,)
        Noise from the correlation of a weight's own feature with the errors: the second pairing of Wick's theorem.
    """

    curvature: Array
    errors: tuple[Array, Array, Array]
    spread: Array
    own: tuple[Array, Array, Array]

    @classmethod
    def of(cls, process: Process) -> Moments:
        """The moments of a process; O(N·T)."""
        lam, a, w, g, T = process.variance, process.memory, process.value, process.gamma, process.horizon
        lags = np.arange(T)
        power = a[:, None] ** np.arange(T + 1)  # (N, T + 1)
        now, later = power[:, :T], power[:, 1 : T + 1]
        before = np.concatenate([power[:, 1:2], power[:, : T - 1]], axis=1)  # a^|ℓ−1|
        weights = (T - lags) * np.where(lags == 0, 1.0, 2.0) / T**2
        # δ = u ψ(t) + v ψ(t+1), u = −γ a w − Δ, v = γ(w + Δ): E u², E v², E uv as constants, coefficients of m and of M
        square_u = ((g * a * w) ** 2, 2.0 * g * a * w, np.ones_like(a))
        square_v = tuple(g**2 * item for item in (w**2, 2.0 * w, np.ones_like(a)))
        cross = tuple(-g * item for item in (g * a * w**2, (1.0 + g * a) * w, np.ones_like(a)))
        errors, own = [], []
        for uu, vv, uv in zip(square_u, square_v, cross, strict=True):
            rows = lam[:, None] * ((uu + vv)[:, None] * now + uv[:, None] * (before + later))
            errors.append(rows.T)
            pair = uu[:, None] * now**2 + vv[:, None] * before * later + uv[:, None] * now * (before + later)
            own.append(lam**2 * (pair @ weights))
        constant = errors[0].sum(axis=1) + process.unexplained * process.unexplained_memory**lags
        spread = lam[:, None] * now * weights
        return cls(process.curvature, (constant, errors[1], errors[2]), spread, (own[0], own[1], own[2]))

    def correlation(self, mean: Array, square: Array) -> Array:
        """E δ_t δ_{t+ℓ}, (T,)."""
        return np.asarray(self.errors[0] + self.errors[1] @ mean + self.errors[2] @ square)

    def step(self, mean: Array, square: Array, rate: float, batch: float) -> tuple[Array, Array]:
        """m and M after one step, eq. (4)."""
        shrink = 1.0 - rate * self.curvature
        noise = self.spread @ self.correlation(mean, square) + self.own[0] + self.own[1] * mean + self.own[2] * square
        return shrink * mean, shrink**2 * square + rate**2 / batch * noise

    def stationary(self, rate: float, batch: float, unit: bool = False) -> Array | None:
        """M that a step leaves as it is, eq. (6); None if there is none: the second moments grow without bound.

        The map of M has coefficients ≥ 0, so it contracts if and only if some source above 0 has a solution above 0.
        With `unit` the source is 1 instead of the noise.
        """
        left = 2.0 * self.curvature - rate * self.curvature**2 - rate / batch * self.own[2]
        if not (left > 0.0).all():
            return None
        scale = rate / batch
        gain = self.spread / left[:, None]
        system = np.eye(len(self.errors[0])) - scale * (self.errors[2] @ gain)
        source = np.ones(len(left)) if unit else scale * self.own[0]
        constant = np.zeros(len(self.errors[0])) if unit else self.errors[0]
        try:
            correlation = np.linalg.solve(system, constant + self.errors[2] @ (source / left))
        except np.linalg.LinAlgError:
            return None
        found = scale * (gain @ correlation) + source / left
        return found if (found >= 0.0).all() and np.isfinite(found).all() else None

    def largest_rate(self, batch: float) -> float:
        """Rate from which the second moments grow without bound, by bisection."""
        low, high = 0.0, 2.0 / float(self.curvature.max())
        for _ in range(60):
            middle = 0.5 * (low + high)
            stable = self.stationary(middle, batch, unit=True) is not None
            low, high = (middle, high) if stable else (low, middle)
            if high - low < 1e-12 * high:
                break
        return low

    def small_rate(self, batch: float) -> Array:
        """M over the rate for small rates, eq. (7)."""
        return np.asarray((self.spread @ self.errors[0] + self.own[0]) / (2.0 * batch * self.curvature))

"""Fixed points of policy learning in episodes: where it stalls, when stalls appear, how slow it is close to that.

Equation numbers are those of docs/theory/rl_overfitting_perceptron.rst. The state is (θ, ln Q) with ρ = cos θ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betainc, gammaln, xlogy

Array = np.ndarray
#: Angles between which fixed points are looked for, dense at both ends.
_NEAR = np.geomspace(1e-7, 0.25 * np.pi, 400)
ANGLES = np.concatenate([_NEAR, 0.5 * np.pi - _NEAR[-2::-1]])
#: Increments of derivatives: of fourth order in them.
SMALL = 1e-3


@dataclass(frozen=True)
class FixedPoint:
    """A state that does not move: overlap, Q, and the eigenvalues of the flow around it, the slowest first."""

    overlap: float
    norm: float
    growth: tuple[complex, complex]

    @property
    def stable(self) -> bool:
        """True if the flow returns to it."""
        return max(value.real for value in self.growth) < 0.0


def tails(theta: Array, horizon: int, required: int) -> tuple[Array, Array]:
    """S_n and S_w of eq. (3): exactly n − 1, and n or more, right among T − 1 decisions."""
    p, miss = 1.0 - np.asarray(theta) / np.pi, np.asarray(theta) / np.pi
    k, count = required - 1.0, horizon - 1.0
    log = gammaln(count + 1.0) - gammaln(k + 1.0) - gammaln(count - k + 1.0)
    exact = np.exp(log + xlogy(k, p) + xlogy(count - k, miss))
    more = np.zeros_like(p) if required == horizon else betainc(float(required), count - k, p)
    return exact, more


def share_of_fixed_point(theta: Array, horizon: int, required: int) -> Array:
    """g(θ) of eq. (6): the share η2/(η1 + η2) of penalties at which this angle stands still."""
    exact, more = tails(theta, horizon, required)
    rho = np.cos(theta)
    return np.asarray(more + (1.0 + rho) * exact / (2.0 * rho))


def critical_share(horizon: int, required: int) -> tuple[float, float]:
    """Share of penalties from which learning can stall, and the overlap there: the minimum of g; (1, 1) if none."""
    values = share_of_fixed_point(ANGLES, horizon, required)
    at = int(np.argmin(values))
    if values[at] >= 1.0 or at in (0, len(ANGLES) - 1):
        return 1.0, 1.0
    found = minimize_scalar(
        lambda x: float(share_of_fixed_point(np.array(x), horizon, required)),
        bounds=(ANGLES[at - 1], ANGLES[at + 1]), method="bounded", options={"xatol": 1e-12},
    )  # fmt: skip
    return float(found.fun), float(np.cos(found.x))


def velocity(point: Array, reward: float, penalty: float, horizon: int, required: int) -> Array:
    """Rates of change of θ and ln Q at constant learning rates, eq. (4) and (5)."""
    theta, norm = float(point[0]), float(np.exp(0.5 * point[1]))
    exact, more = (float(value) for value in tails(np.array(theta), horizon, required))
    rho, sine, total = np.cos(theta), np.sin(theta), reward + penalty
    wins = more + (1.0 - theta / np.pi) * exact
    noise = ((reward**2 - penalty**2) * wins + penalty**2) / horizon / norm**2
    drift = total * ((1.0 + rho) * exact + 2.0 * more) - 2.0 * penalty
    return np.array(
        [
            0.5 * noise * rho / sine - total * sine * exact / (np.sqrt(2.0 * np.pi) * norm),
            np.sqrt(2.0 / np.pi) * drift / norm + noise,
        ]
    )


def jacobian(point: Array, *numbers: float) -> Array:
    """Derivatives of :func:`velocity`."""
    columns = []
    for axis in np.eye(2) * SMALL * np.array([np.sin(point[0]), 1.0]):
        near, far = (
            velocity(point + k * axis, *numbers) - velocity(point - k * axis, *numbers)  # type: ignore[arg-type]
            for k in (1.0, 2.0)
        )
        columns.append((8.0 * near - far) / (12.0 * axis.sum()))
    return np.stack(columns, axis=1)


def still_norm(theta: float, reward: float, penalty: float, horizon: int, required: int) -> float:
    """Q at which the norm stands still at an angle that does, eq. (7)."""
    exact, more = (float(value) for value in tails(np.array(theta), horizon, required))
    wins = more + (1.0 - theta / np.pi) * exact
    noise = ((reward**2 - penalty**2) * wins + penalty**2) / horizon
    pull = 4.0 * np.sin(0.5 * theta) ** 2 * (penalty - (reward + penalty) * more)
    return float(0.5 * np.pi * (noise / pull) ** 2)


def fixed_points(reward: float, penalty: float, horizon: int, required: int) -> list[FixedPoint]:
    """All fixed points of positive overlap, from the smallest overlap; root finding between dense angles."""
    share = penalty / (reward + penalty)
    excess = share_of_fixed_point(ANGLES, horizon, required) - share
    found = []
    for i in np.flatnonzero(excess[:-1] * excess[1:] < 0.0)[::-1]:
        theta = brentq(
            lambda x: float(share_of_fixed_point(np.array(x), horizon, required)) - share, ANGLES[i], ANGLES[i + 1],
            xtol=1e-15, rtol=1e-14,
        )  # fmt: skip
        norm = still_norm(theta, reward, penalty, horizon, required)
        values = np.linalg.eigvals(
            jacobian(np.array([theta, np.log(norm)]), reward, penalty, horizon, required)
        ).astype(complex)
        first, second = sorted(values, key=lambda value: -value.real)
        found.append(FixedPoint(float(np.cos(theta)), norm, (complex(first), complex(second))))
    return found


def passage_law(reward: float, horizon: int, required: int) -> tuple[float, float, float]:
    """Overlap and Q where the two fixed points meet, and A of the time A/√(κ_c − κ) to pass there, eq. (8).

    The normal form of a saddle-node: with left and right null vectors l, r of the flow at the critical ratio,
    ẏ = l·∂_κF (κ − κ_c) + ½ l·F''(r, r) y².
    """
    share, overlap = critical_share(horizon, required)
    kappa, theta = share / (1.0 - share), float(np.arccos(overlap))
    norm = still_norm(theta, reward, kappa * reward, horizon, required)
    point = np.array([theta, np.log(norm)])
    flow = jacobian(point, reward, kappa * reward, horizon, required)
    values, right = np.linalg.eig(flow)
    slow = int(np.argmin(np.abs(values)))
    r = np.real(right[:, slow])
    left = np.real(np.linalg.inv(right)[slow])
    left = left / (left @ r)
    h, rise = SMALL * float(np.sin(theta)), SMALL * kappa
    near, far, here = (
        [velocity(point + s * k * h * r, reward, kappa * reward, horizon, required) for s in (1.0, -1.0)]
        for k in (1.0, 2.0, 0.0)
    )
    bend = (16.0 * sum(near) - sum(far) - 15.0 * sum(here)) / (12.0 * h**2)
    slope = [
        velocity(point, reward, (kappa + k * rise) * reward, horizon, required)
        - velocity(point, reward, (kappa - k * rise) * reward, horizon, required)
        for k in (1.0, 2.0)
    ]
    push = (8.0 * slope[0] - slope[1]) / (12.0 * rise)
    # below the critical ratio both terms have one sign
    return overlap, norm, float(np.pi / np.sqrt(abs(0.5 * (left @ bend) * (left @ push))))

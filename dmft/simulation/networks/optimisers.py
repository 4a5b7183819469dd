"""Optimisers as pure functions of weights, gradient and state; all arrays are flat, (R, P)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ParameterError, UnknownNameError
from .network import Block

#: What an optimiser remembers: arrays and numbers by name.
State = dict[str, Any]


class Optimiser:
    """Base of all optimisers; subclasses are frozen dataclasses."""

    def start(self, xp: Any, weights: Any) -> State:
        """State before the first step."""
        return {}

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        """New weights and new state; none of the arguments is changed."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Decaying(Optimiser):
    """Base of optimisers with weight decay.

    Attributes
    ----------
    decay : float
        λ of the gradient g + λw.
    blocks : tuple of Block
        Those of the network: constants among them do not decay. Without them all weights are one block.
    excluded : tuple of str
        Names of weights that do not decay either, e.g. :data:`SMALL`.

    Raises
    ------
    ParameterError
        If the decay is negative.
    """

    decay: float = 0.0
    blocks: tuple[Block, ...] = ()
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.decay >= 0.0:
            raise ParameterError(f"weight decay {self.decay:g} is not allowed: give a number in [0, inf)")

    def decayed(self, weights: Any, gradient: Any) -> Any:
        """g + λw; `gradient` itself without decay."""
        if self.decay == 0.0:
            return gradient
        result = gradient.copy()
        for start, stop in _joined(self.blocks, self.excluded, weights.shape[1]):
            result[:, start:stop] += self.decay * weights[:, start:stop]
        return result


@dataclass(frozen=True)
class SGD(Decaying):
    """w ← w − η (g + λw)."""

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        return weights - rate * self.decayed(weights, gradient), state


@dataclass(frozen=True)
class Momentum(Decaying):
    """Heavy ball: v ← μv + g + λw, w ← w − η v."""

    momentum: float = 0.9

    def start(self, xp: Any, weights: Any) -> State:
        return {"velocity": xp.zeros_like(weights)}

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        velocity = self.momentum * state["velocity"] + self.decayed(weights, gradient)
        return weights - rate * velocity, {"velocity": velocity}


@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam (arXiv:1412.6980, algorithm 1), with both corrections of the bias.

    Notes
    -----
    Bound by memory: written such that each pass over (R, P) makes no more arrays than it must.
    """

    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-8

    def start(self, xp: Any, weights: Any) -> State:
        return {"mean": xp.zeros_like(weights), "square": xp.zeros_like(weights), "count": 0}

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        count = state["count"] + 1
        mean = self.first * state["mean"]
        mean += (1.0 - self.first) * gradient
        work = gradient * gradient
        work *= 1.0 - self.second
        square = self.second * state["square"]
        square += work
        # η m̂/(√v̂ + ε) with m̂ = m/(1 − β1^t) and v̂ = v/(1 − β2^t)
        scale = float((1.0 - self.second**count) ** 0.5)
        xp.sqrt(square, out=work)
        work += self.epsilon * scale
        xp.divide(mean, work, out=work)
        work *= -rate * scale / (1.0 - self.first**count)
        work += weights
        return work, {"mean": mean, "square": square, "count": count}


@dataclass(frozen=True, kw_only=True)
class Layerwise(Decaying):
    """Base of optimisers whose step in each block has the length η φ(‖x‖).

    Attributes
    ----------
    lower, upper : float
        φ(z) = clip(z, lower, upper); both 1 make every step as long as the rate.
    excluded : tuple of str
        Names of weights that neither decay nor are adapted: their steps are not rescaled.
    """

    lower: float = 0.0
    upper: float = float("inf")

    def adapted(self, xp: Any, weights: Any, direction: Any) -> Any:
        """φ(‖x_i‖)/‖u_i‖·u_i for each block i; the ratio is 1 where a norm is 0."""
        spans = _apart(self.blocks, self.excluded, weights.shape[1])
        if not spans:
            return direction
        own, length = (
            xp.sqrt(xp.stack([xp.einsum("rp,rp->r", part[:, a:b], part[:, a:b]) for a, b in spans], axis=1))
            for part in (weights, direction)
        )
        good = (own > 0.0) & (length > 0.0)
        ratio = xp.where(good, xp.clip(own, self.lower, self.upper) / xp.where(good, length, 1.0), 1.0)
        result = direction.copy()
        for column, (start, stop) in enumerate(spans):
            result[:, start:stop] *= ratio[:, column : column + 1]
        return result


@dataclass(frozen=True)
class LARS(Layerwise):
    """m ← β₁m + (1 − β₁)(g + λx), x_i ← x_i − η φ(‖x_i‖) m_i/‖m_i‖ (arXiv:1904.00962, algorithm 1)."""

    first: float = 0.9

    def start(self, xp: Any, weights: Any) -> State:
        return {"mean": xp.zeros_like(weights)}

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        mean = self.first * state["mean"] + (1.0 - self.first) * self.decayed(weights, gradient)
        return weights - rate * self.adapted(xp, weights, mean), {"mean": mean}


@dataclass(frozen=True)
class LAMB(Layerwise):
    """r = m̂/(√v̂ + ε) of Adam, x_i ← x_i − η φ(‖x_i‖) u_i/‖u_i‖ with u = r + λx (arXiv:1904.00962, algorithm 2)."""

    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-6

    def start(self, xp: Any, weights: Any) -> State:
        return {"mean": xp.zeros_like(weights), "square": xp.zeros_like(weights), "count": 0}

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        count = state["count"] + 1
        mean = self.first * state["mean"] + (1.0 - self.first) * gradient
        square = self.second * state["square"] + (1.0 - self.second) * gradient * gradient
        ratio = mean / (1.0 - self.first**count)
        ratio /= xp.sqrt(square / (1.0 - self.second**count)) + self.epsilon
        step = self.adapted(xp, weights, self.decayed(weights, ratio))
        return weights - rate * step, {"mean": mean, "square": square, "count": count}


#: Names of biases and of the weights of normalising layers.
SMALL = ("bias", "scale", "gain")
OPTIMISERS: dict[str, type[Optimiser]] = {"sgd": SGD, "momentum": Momentum, "adam": Adam, "lars": LARS, "lamb": LAMB}


def optimiser(name: str, **options: Any) -> Optimiser:
    """The optimiser of that name.

    Raises
    ------
    UnknownNameError
    """
    if name not in OPTIMISERS:
        raise UnknownNameError("optimiser", name, OPTIMISERS)
    return OPTIMISERS[name](**options)


def _apart(blocks: Sequence[Block], excluded: Sequence[str], size: int) -> list[tuple[int, int]]:
    """Columns of the trained blocks whose names are not excluded; without blocks, all."""
    if not blocks:
        return [(0, size)]
    return [(block.start, block.stop) for block in blocks if block.trained and block.name not in excluded]


def _joined(blocks: Sequence[Block], excluded: Sequence[str], size: int) -> list[tuple[int, int]]:
    """The same with neighbours joined."""
    joined: list[tuple[int, int]] = []
    for start, stop in _apart(blocks, excluded, size):
        if joined and joined[-1][1] == start:
            start = joined.pop()[0]
        joined.append((start, stop))
    return joined

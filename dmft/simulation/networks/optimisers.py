"""Optimisers as pure functions of weights, gradient and state; all arrays are flat, (R, P)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class SGD(Optimiser):
    """w ← w − η g."""

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        return weights - rate * gradient, state


@dataclass(frozen=True)
class Momentum(Optimiser):
    """Heavy ball: v ← μv + g, w ← w − η v."""

    momentum: float = 0.9

    def start(self, xp: Any, weights: Any) -> State:
        return {"velocity": xp.zeros_like(weights)}

    def step(self, xp: Any, weights: Any, gradient: Any, state: State, rate: float) -> tuple[Any, State]:
        velocity = self.momentum * state["velocity"] + gradient
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


OPTIMISERS: dict[str, type[Optimiser]] = {"sgd": SGD, "momentum": Momentum, "adam": Adam}

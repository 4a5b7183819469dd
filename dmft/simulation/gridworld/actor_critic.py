"""Advantage actor–critic on many games at once: eqs. (4) and (5) of docs/theory/rl_overfitting_gridworld.rst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...theory.gridworld import LIMIT, Levels
from ..networks import starts
from ..networks.activations import ReLU
from ..networks.dense import Dense
from ..networks.layer import Layer
from ..networks.losses import Loss
from ..networks.network import Network
from ..networks.optimisers import Adam, State
from ..networks.sparse import Sparse
from .games import Games, Rules, features

Array = np.ndarray
#: Outputs of the network: a number for each action, and the value.
OUTPUTS = 5


def build(levels: Levels, view: str, policy: str, hidden: int) -> Network:
    """The network of policy and value, all outputs 0 at the start: the policy is then uniform.

    ``linear`` is one sparse layer; ``mlp`` has two hidden layers of `hidden` ReLU neurons.
    """
    ones, inputs = 6 + levels.walls.shape[1], features(levels, view)
    layers: tuple[Layer, ...] = (Sparse(OUTPUTS, inputs, starts.zero),)
    if policy == "mlp":
        # a neuron sums as many weights as there are ones, not as there are inputs
        first = Sparse(hidden, inputs, starts.normal(float(np.sqrt(2.0 / ones))))
        layers = (first, ReLU(), Dense(hidden, starts.fan_in(2.0)), ReLU(), Dense(OUTPUTS, starts.zero))
    return Network(layers, (ones,))


@dataclass
class Learner:
    """A network that learns from games.

    Attributes
    ----------
    horizon : int
        Steps T of all games between two updates.
    discount, trace : float
        γ and λ of the advantages.
    """

    network: Network
    weights: Array
    games: Games
    view: str
    loss: Loss
    horizon: int
    discount: float
    trace: float

    def __post_init__(self) -> None:
        self.optimiser = Adam(epsilon=1e-5)
        self.state: State = self.optimiser.start(np, self.weights)

    def update(self, rate: float) -> float:
        """Play `horizon` steps of all games and descend once; the loss."""
        games, dtype = self.games, self.weights.dtype
        everyone, count = games.everyone, len(games.everyone)
        places = [games.observe(everyone, self.view)]
        values, rewards, overs = (np.empty((self.horizon + 1, count), dtype) for _ in range(3))
        actions = np.empty((self.horizon, count), np.int64)
        for t in range(self.horizon):
            outputs = self.network.forward(np, self.weights, places[-1][None])[0][0]
            values[t] = outputs[:, -1]
            actions[t] = games.choose(everyone, outputs)
            rewards[t], overs[t] = games.step(everyone, actions[t])
            places.append(games.observe(everyone, self.view))
        values[-1] = self.network.forward(np, self.weights, places[-1][None])[0][0][:, -1]
        advantage = advantages(values, rewards[:-1], overs[:-1] > 0.0, self.discount, self.trace)
        targets = np.stack([actions.astype(dtype), advantage, advantage + values[:-1]], axis=-1).reshape(1, -1, 3)
        inputs = np.concatenate(places[:-1])[None]
        losses, gradient, *_ = self.network.descend(np, self.weights, inputs, targets, self.loss)
        self.weights, self.state = self.optimiser.step(np, self.weights, gradient, self.state, rate)
        return float(losses[0])


def advantages(values: Array, rewards: Array, over: Array, discount: float, trace: float) -> Array:
    """A_t = Σ_k (γλ)^k δ_{t+k}, δ_t = r_t + γV_{t+1} − V_t, cut where a game is over; values (T+1, G), rest (T, G)."""
    result = np.empty_like(rewards)
    ahead = np.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        on = np.where(over[t], 0.0, discount).astype(rewards.dtype)
        ahead = rewards[t] + on * values[t + 1] - values[t] + on * trace * ahead
        result[t] = ahead
    return result


@dataclass(frozen=True)
class Played:
    """Games played once.

    Attributes
    ----------
    returns, steps : ndarray (G,)
        What a game paid, and how long it was, steps in place included.
    finished : ndarray (G,)
        Whether the key was taken.
    course : ndarray (LIMIT + 1,)
        Mean reward until each time of a game.
    """

    returns: Array
    steps: Array
    finished: Array
    course: Array


def play(
    network: Network, weights: Array, pool: Levels, view: str, rules: Rules, seed: int, count: int, rounds: int
) -> Played:
    """Play the first `count` levels of a pool `rounds` times each, actions drawn from the policy of the network."""
    games = Games(pool, rounds * count, rules, seed, endless=False, first=count)
    returns, ends = np.zeros(len(games.everyone)), np.zeros(len(games.everyone), np.uint8)
    course, who = np.zeros(LIMIT + 1), games.everyone
    while len(who):
        outputs = network.forward(np, weights, games.observe(who, view)[None])[0][0]
        reward, over = games.step(who, games.choose(who, outputs))
        course += np.bincount(games.clock[who], reward, LIMIT + 1)
        returns[who] += reward
        ends[who] = over
        who = who[over == 0]
    return Played(returns, games.clock.astype(float), ends == 1, np.cumsum(course) / len(returns))

"""Episodes of the RL perceptron at finite size, compiled."""

from __future__ import annotations

import math

import numpy as np

from ...solvers.compiled import compiled


@compiled
def play(w, target, rates, share, horizon, required, rng, fields):
    """Play and learn ``len(rates)`` episodes in place.

    Parameters
    ----------
    w, target : array (D,)
        Policy, and direction of the right action, ‖target‖² = D.
    rates : array (episodes,)
        η1 + η2 of each episode.
    share : float
        η2/(η1 + η2).
    horizon, required : int
    rng : numpy Generator
    fields : array (D,)
        Work space.

    Returns
    -------
    rewarded : int
        Episodes that were.

    Notes
    -----
    States x_t are D Gaussian numbers. Of each, only the components along policy and target decide; the sum of the
    others over an episode is one Gaussian vector of variance T whatever was decided, and is drawn as such.
    """
    size, rewarded = w.shape[0], 0
    for episode in range(rates.shape[0]):
        square, overlap = 0.0, 0.0
        for i in range(size):
            square += w[i] * w[i]
            overlap += w[i] * target[i]
        norm, root = math.sqrt(square), math.sqrt(float(size))
        rho = overlap / (norm * root)
        rest = math.sqrt(max(1.0 - rho * rho, 1e-300))
        right, along, across = 0, 0.0, 0.0
        for _ in range(horizon):
            policy, other = rng.standard_normal(), rng.standard_normal()
            action = 1.0 if policy >= 0.0 else -1.0
            if action * (rho * policy + rest * other) > 0.0:
                right += 1
            along += action * policy
            across += action * other
        won = right >= required
        rewarded += won
        rate = rates[episode] * ((1.0 - share) if won else -share) / (horizon * root)
        if rate == 0.0:
            continue
        # Σ y x = along·e1 + across·e2 + √T g with g orthogonal to e1 = w/|w| and e2 = (target/√D − ρ e1)/√(1 − ρ²)
        dot1, dot2 = 0.0, 0.0
        spread = math.sqrt(float(horizon))
        for i in range(size):
            fields[i] = spread * rng.standard_normal()
            dot1 += fields[i] * w[i]
            dot2 += fields[i] * target[i]
        dot1 /= norm
        dot2 = (dot2 / root - rho * dot1) / rest
        on_target = (across - dot2) / (rest * root)
        on_policy = (along - dot1) / norm - (across - dot2) * rho / (rest * norm)
        for i in range(size):
            w[i] += rate * (fields[i] + on_policy * w[i] + on_target * target[i])
    return rewarded


def literal(w, target, rate, share, horizon, required, rng):
    """One episode with all states drawn, by NumPy: what :func:`play` must equal in law. True if it was rewarded."""
    x = rng.standard_normal((horizon, len(w)))
    action = np.where(x @ w >= 0.0, 1.0, -1.0)
    won = int(np.sum(action * (x @ target) > 0.0)) >= required
    w += rate * ((1.0 - share) if won else -share) / np.sqrt(len(w)) / horizon * (action @ x)
    return won

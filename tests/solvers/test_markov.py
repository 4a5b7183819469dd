"""Mini-batch membership: stationary mean, correlation, and the limits of the persistent chain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmft.solvers.marching.sampling import draw_membership
from dmft.solvers.markov import TwoStateChain
from dmft.theory.sgd import SGD

CHAINS = {
    "vanilla": SGD(batch_fraction=0.3),
    "persistent": SGD(batch_fraction=0.3, learning_rate=0.2, persistence=2.0),
    "as few as possible": SGD(batch_fraction=0.1, learning_rate=0.2, persistence=1.8),
    "longest": SGD(batch_fraction=0.5, learning_rate=0.1, persistence=50.0),
    "everything": SGD(batch_fraction=1.0),
}


def run(chain: TwoStateChain, steps: int, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    states = [chain.first(rng.random(count))]
    for _ in range(steps):
        states.append(chain.next(states[-1], rng.random(count)))
    return np.array(states)


@pytest.mark.parametrize("name", CHAINS)
def test_the_chain_is_stationary_with_the_correlation_of_the_paper(name):
    """2112.10852: P(s=1) = b at all times, correlation (1 − η/(bτ))^k, zero for independent draws."""
    model, count = CHAINS[name], 200_000
    b, eta, tau = model.batch_fraction, model.learning_rate, model.persistence
    states = run(model.chain, 12, count).astype(float)
    variance = b * (1.0 - b)
    assert np.all(np.abs(states.mean(axis=1) - b) <= 5.0 * np.sqrt(variance / count))
    decay = 0.0 if tau is None else 1.0 - eta / (b * tau)
    for lag in range(1, 9):
        covariance = np.mean((states[0] - b) * (states[lag] - b))
        # a product of two variables in [−1, 1] with fourth moments below their variance
        assert abs(covariance - variance * decay**lag) <= 5.0 * np.sqrt(variance / count)


@pytest.mark.parametrize("name", CHAINS)
def test_rates_balance(name):
    chain = CHAINS[name].chain
    assert 0.0 <= chain.turn_on <= 1.0
    assert 0.0 <= chain.turn_off <= 1.0
    assert (
        chain.mean * chain.turn_off == pytest.approx((1.0 - chain.mean) * chain.turn_on, rel=1e-12) or chain.mean == 1
    )
    assert chain.mean != 1 or chain.turn_off == 0.0


@given(st.floats(0.05, 1.0), st.integers(0, 2**32 - 1))
def test_independent_draws_forget_the_state(b, seed):
    chain = TwoStateChain(b, b, 1.0 - b)
    uniforms = np.random.default_rng(seed).random(100)
    assert chain.correlation == pytest.approx(0.0, abs=1e-15)
    # 1 − (1 − b) is b up to one rounding, and no draw falls in between
    np.testing.assert_array_equal(
        chain.next(np.ones(100, dtype=bool), uniforms), chain.next(np.zeros(100, dtype=bool), uniforms)
    )


@pytest.mark.parametrize("name", CHAINS)
def test_the_compiled_chain_is_the_same(name):
    """The marching solver draws membership in blocks by a kernel of its own."""
    chain, steps, count = CHAINS[name].chain, 9, 300
    uniforms = np.random.default_rng(1).random((steps + 1, count))
    uniforms[:, :3] = [chain.mean, chain.turn_on, chain.stay]  # at the edges
    states = [chain.first(uniforms[0])]
    for row in uniforms[1:]:
        states.append(chain.next(states[-1], row))
    drawn = np.ones((steps + 1, count), dtype=bool)
    for start in (0, 1, 5):  # in blocks
        draw_membership(uniforms[start : start + 5], chain.mean, chain.turn_on, chain.stay, drawn, start)
    np.testing.assert_array_equal(drawn, states)

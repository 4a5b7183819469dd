"""SGD of linear recurrent networks on sampled sequences: its gradient, its limit, its failures."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.simulation import sequences as twin
from dmft.theory.kernels.temporal_extrapolation import stochastic_steps
from dmft.theory.linear_rnn import response
from dmft.theory.temporal_extrapolation import TemporalExtrapolation

SLUGS = ("temporal-extrapolation", "temporal-extrapolation/teacher", "temporal-extrapolation/counterexample")


def loss(state, d, sequences, labels):
    """Mean of ½ (ŷ − y)² by running the network; the latest entry of a sequence comes first."""
    A, B, C = state[: d * d].reshape(d, d), state[d * d : d * d + d], state[d * d + d :]
    hidden = np.zeros((len(sequences), d))
    for x in sequences.T[::-1]:
        hidden = hidden @ A.T + x[:, None] * B
    return 0.5 * np.mean((hidden @ C - labels) ** 2)


def test_step_is_the_gradient_of_the_batch():
    d, k, rng = 3, 4, np.random.default_rng(0)
    state, sequences, labels = rng.standard_normal(d * d + 2 * d), rng.standard_normal((6, k)), rng.standard_normal(6)
    moved = state.copy()
    assert stochastic_steps(moved, d, k, sequences[None], labels[None], 1.0, 1e30) == 1
    for i in range(len(state)):
        step = np.zeros(len(state))
        step[i] = 1e-6
        difference = loss(state + step, d, sequences, labels) - loss(state - step, d, sequences, labels)
        assert state[i] - moved[i] == pytest.approx(difference / 2e-6, rel=1e-6, abs=1e-7)


def test_gradient_descent_tends_to_the_flow_like_the_rate():
    """Sequences with exact covariance 1 make the batch the population: the error halves with the rate."""
    model = TemporalExtrapolation(state_dim=4, train_length=4, init_scale=0.8, symmetric=False, t_max=4.0)
    flow = model.flow(model.starts(1), np.array([4.0]), model.method(rtol=1e-12), dmft.results.progress.SILENT)
    errors = []
    for steps in (200, 400, 800):
        state = model.starts(1)[0]
        whole = np.broadcast_to(2.0 * np.eye(4), (steps, 4, 4)).copy()  # ¼ Σ x xᵀ = 1
        stochastic_steps(state, 4, 4, whole, whole @ model.targets()[:4], 4.0 / steps, 1e30)
        errors.append(np.abs(state - flow.y[0, 0, :-1]).max())
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    np.testing.assert_allclose(np.log2(ratios), 1.0, atol=0.1)


@pytest.mark.parametrize("slug", [SLUGS[0], *(pytest.param(slug, marks=pytest.mark.slow) for slug in SLUGS[1:])])
def test_theory_is_the_limit_of_simulations(slug):
    options = {"t_max": 4.0, "simulated_time": 4.0, "state_dim": 6, "train_length": 4, "test_length": 8}
    comparison = dmft.compare(slug, size=(250, 500, 1000), replicas=8, **options).comparison
    assert set(comparison.observables) == {item.name for item in twin.OVER_TIME}
    # 1 % false alarms in all, one standard deviation added
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


def test_a_theory_a_little_wrong_deviates():
    simulation = dmft.simulate(SLUGS[0], size=1000, replicas=8, t_max=4.0, init_scale=0.5).simulation
    for wrong, agrees in (({}, True), ({"init_scale": 0.51}, False), ({"teacher": 1.02}, False)):
        theory = dmft.solve(SLUGS[0], **{"t_max": 4.0, "init_scale": 0.5, **wrong}).theory
        verdict = dmft.results.comparison.compare_solutions(theory, {1000: simulation}).verdict
        assert (verdict == "agrees") is agrees


def test_losses_on_sampled_sequences_are_those_of_the_response():
    """Mean over 400 samples of 500 sequences, within five of its standard errors."""
    model = TemporalExtrapolation(init_scale=0.8, symmetric=False)
    state, rng = model.starts(1)[0], np.random.default_rng(1)
    for length in (5, 20):
        values = [twin.losses(state, model, length, rng) for _ in range(400)]
        exact = 0.5 * np.sum((response(state, 10, length) - model.targets()[:length]) ** 2)
        assert abs(np.mean(values) - exact) < 5.0 * np.std(values) / 20.0


def test_seed_gives_the_same_bits_for_any_number_of_threads(monkeypatch):
    options = {"size": 200, "replicas": 3, "t_max": 1.0}
    first = dmft.simulate(SLUGS[0], **options)
    monkeypatch.setattr("dmft.simulation.backend.threads", lambda: 1)
    second, other = dmft.simulate(SLUGS[0], **options), dmft.simulate(SLUGS[0], seed=1, **options)
    assert np.array_equal(first["train_loss"].values, second["train_loss"].values)
    assert not np.array_equal(first["train_loss"].values, other["train_loss"].values)


def test_too_large_a_rate_is_diverged_at_a_finite_time_with_the_data_before_it():
    run = dmft.simulate(SLUGS[0], size=4, replicas=2, init_scale=1.0)
    assert run.status.code == "diverged"
    kept = len(run["train_loss"].values)
    assert 0 < kept < len(twin.reported(TemporalExtrapolation()))
    assert "try a larger --size (rate 4 now)" in run.status.message
    assert np.all(np.isfinite(run["train_loss"].values))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "cupy"}, "backend = 'cupy' is not allowed here"),
        ({"precision": "float32"}, "precision = 'float32' is not allowed here"),
        ({"field_response": True}, "field_response = True is not allowed here"),
        ({"simulated_time": 0.001}, "simulated_time = 0.001 is not allowed"),
        ({"batch_size": 0}, "batch_size = 0 is not allowed"),
    ],
)
def test_wrong_input_is_refused_in_one_line(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.simulate(SLUGS[0], size=100, replicas=2, **options)

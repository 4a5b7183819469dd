"""Gradient descent beside the exact flow: error of order η by halving, verdicts, determinism, divergence."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.results.comparison import compare_solutions
from dmft.theory.relu_neuron_network import ReLUNeuronNetwork


def test_error_is_of_the_order_of_the_rate():
    """Half the rate, half the deviation: smooth between switches, and the switches are the same."""
    theory = dmft.solve("relu-neuron", data="vardi-shamir", gamma=2.0)
    errors = []
    for size in (1000, 2000, 4000):
        twin = dmft.simulate("relu-neuron", data="vardi-shamir", gamma=2.0, size=size)
        errors.append(np.sqrt(np.mean((twin["weights"].values - theory["weights"].values) ** 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 1.0) < 0.1), orders


@pytest.mark.parametrize(
    "options", [{}, {"data": "vardi-shamir"}, {"dimension": 3, "samples": 8, "starts": 4, "data_seed": 5}], ids=str
)
def test_flow_and_descent_agree(options):
    run = dmft.compare("relu-neuron", size=(500, 1000, 2000), **options)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert set(run.comparison.observables) == {"weights", "loss", "norm", "distance"}
    one = dmft.compare("relu-neuron", size=2000, **options)
    largest = max(item.max_z for item in one.comparison.observables.values())
    assert 0.5 < largest < 4.0  # the error bars are the deviation itself, neither nothing nor everything


@pytest.mark.parametrize("wrong", [{"gamma": 1.02}, {"init_norm": 0.05}])
def test_a_flow_a_little_wrong_deviates(wrong):
    right = {"data": "vardi-shamir", "t_max": 1.0}
    twin = dmft.simulate("relu-neuron", size=4000, **right).simulation
    assert compare_solutions(dmft.solve("relu-neuron", **right).theory, {4000: twin}).verdict == "agrees"
    assert compare_solutions(dmft.solve("relu-neuron", **right, **wrong).theory, {4000: twin}).verdict == "deviates"


def test_same_bits_every_time():
    first, second = (dmft.simulate("relu-neuron", size=500, starts=3) for _ in range(2))
    for name in ("weights", "loss"):
        assert np.array_equal(first[name].values, second[name].values)


def test_too_large_a_rate_diverges_with_a_status_and_keeps_the_data():
    run = dmft.simulate("relu-neuron", learning_rate=0.5, t_max=200.0)
    assert run.status.code == "diverged"
    assert "--learning-rate" in run.status.message
    assert 0 < len(run["norm"].values) < 126
    assert np.all(np.isfinite(run["norm"].values))


def test_given_rate_is_used():
    run = dmft.simulate("relu-neuron", learning_rate=1e-3, t_max=1.0)
    assert run.simulation.diagnostics["learning_rate"] == pytest.approx(1e-3)


@pytest.mark.slow
def test_norms_agree_with_descent_of_other_random_runs():
    run = dmft.compare("relu-neuron/norms", size=2000, replicas=8, starts=4000, norms=3, largest_norm=1.0)
    assert set(run.comparison.observables) >= {"norm_increasing_curve", "reactivating_curve", "norm_ratio_curve"}
    assert run.comparison.verdict == "agrees", run.comparison.message


def test_norms_same_bits_for_any_number_of_threads(monkeypatch):
    from dmft.simulation import backend

    results = []
    for count in (1, 3):
        monkeypatch.setattr(backend, "threads", lambda count=count: count)
        results.append(dmft.simulate("relu-neuron/norms", size=200, replicas=3, norms=2))
    assert np.array_equal(results[0]["norm_ratio_curve"].values, results[1]["norm_ratio_curve"].values)


def test_hidden_agrees_with_descent():
    run = dmft.compare("relu-neuron/hidden", size=(1000, 2000), t_max=0.3)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert "effective_weights" in run.comparison.observables


def test_network_half_times_to_one_percent():
    """The toy problem of the network: 60 neurons, scale 1e-6, rate 1e-3."""
    run = dmft.compare("relu-neuron/network", size=2000)
    for name in ("positive_half_time", "negative_half_time"):
        assert abs(run.simulation[name].last / run.theory[name].last - 1.0) < 0.01
    assert run.simulation["final_squared_output_weights"].last == pytest.approx(1.341641, abs=1e-6)
    assert run.comparison.verdict == "agrees", run.comparison.message


def test_network_other_inputs_and_labels():
    run = dmft.compare(
        "relu-neuron/network", size=2000, negative_input=-1.0, negative_label=-2.0, positive_label=0.5, data_seed=3
    )
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.parametrize("ratio", [1e2, 1e3, 1e12])
def test_network_with_labels_of_very_different_size(ratio):
    """The larger label is learned before the other input matters: f0 = ‖x‖ Σ ((a + p)/2)² of its neurons at the start.

    The smaller one is left with neurons whose other gate has closed meanwhile. Both have corrections of order 1/ratio.
    """
    for large in (0, 1):
        labels = {("negative_label", "positive_label")[large]: (-ratio, ratio)[large]}
        model = ReLUNeuronNetwork(**labels)
        a, w = model.start
        size = np.linalg.norm(model.inputs, axis=1)
        p = w @ model.inputs.T / size
        mine = (np.sign(a) == np.sign(model.targets[large])) & (p[:, large] > 0.0)
        expected = size[large] * np.sum((0.5 * (np.abs(a) + p[:, large])[mine]) ** 2)
        assert model.groups[large][0] == pytest.approx(expected, rel=20.0 / ratio + 1e-9)
        assert np.isfinite(model.half_times).all()
        both = {"negative_label": -1.0, "positive_label": 1.0, **labels}
        same = ReLUNeuronNetwork(**{name: 1e-3 * label for name, label in both.items()})
        np.testing.assert_allclose(same.groups[1 - large][0], model.groups[1 - large][0], rtol=1e-8)


def test_network_agrees_where_one_label_is_learned_long_before_the_other():
    run = dmft.compare(
        "relu-neuron/network", size=2000, negative_input=3.0, negative_label=-5.0, positive_label=0.2, neurons=20
    )
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert run.theory["negative_half_time"].last == pytest.approx(run.simulation["negative_half_time"].last, rel=0.01)


def test_norms_of_runs_with_slow_modes():
    """Four samples in three dimensions: descent alone was 3.9 standard errors off, whatever the number of steps."""
    run = dmft.compare(
        "relu-neuron/norms", dimension=3, samples=4, init_norm=0.1, largest_norm=3.0, norms=3, starts=4000, size=500,
        replicas=16,
    )  # fmt: skip
    assert run.comparison.observables["norm_ratio_curve"].agrees, run.comparison.message

"""Exact reduction of networks: equality, counts, bounds, files, and wrong input."""

from __future__ import annotations

from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft
from dmft.errors import FileFormatError, ParameterError
from dmft.theory.network import as_network
from dmft.theory.reduced_space import ball
from dmft.theory.reduction import norms

SHALLOW = {"w": np.array([[1.0, 2.0], [0.0, 3.0]]), "b": np.array([0.5, -1.0]), "c": np.array([1.0, -2.0])}


def pairs(sizes, rng, spread=2.0, constant=True):
    """Random layers (W, b) with weights of very different norms."""
    made = []
    for into, out in pairwise(sizes):
        scale = 4.0 ** rng.standard_normal((out, 1))
        made.append([scale * rng.standard_normal((out, into)), spread * scale[:, 0] * rng.standard_normal(out)])
    if not constant:
        made[-1][1] = None
    return [tuple(layer) for layer in made]


@settings(max_examples=60)
@given(
    st.integers(1, 5), st.lists(st.integers(1, 25), min_size=1, max_size=4), st.integers(1, 3), st.booleans(),
    st.floats(0.1, 10.0), st.integers(0, 10**6),
)  # fmt: skip
def test_relu_networks_are_equal_on_the_domain(inputs, hidden, outputs, constant, radius, seed):
    rng = np.random.default_rng(seed)
    made = dmft.reduce(pairs([inputs, *hidden, outputs], rng, constant=constant), radius)
    # relative to what is summed, not to a result that may cancel
    points = ball(300, inputs, radius, rng)
    scale = np.linalg.norm(points, axis=1).max()
    for weight, bias in zip(made.original.weights, made.original.biases, strict=True):
        scale = np.abs(weight).sum(axis=1).max() * scale + (0.0 if bias is None else np.abs(bias).max())
    assert np.abs(made.network(points) - made.original(points)).max() <= 1e-14 * scale
    for weight, bias, bound in zip(made.network.weights, made.network.biases, made.bounds, strict=False):
        np.testing.assert_allclose(norms(weight), 1.0, rtol=1e-14)
        assert np.all(np.abs(bias) <= bound)
    for layer, (before, after) in enumerate(zip(made.original.neurons, made.network.neurons, strict=True)):
        last = layer == len(hidden) - 1 and not constant
        assert after <= before + (outputs if last else 0)
    for below, above, count in zip(made.bounds[:-1], made.bounds[1:], made.network.neurons, strict=False):
        assert above <= 2.0 * below * np.sqrt(count) * (1.0 + 1e-14)


@settings(max_examples=40)
@given(st.integers(1, 5), st.lists(st.integers(1, 25), min_size=1, max_size=4), st.integers(0, 10**6))
def test_binary_networks_are_equal_and_as_large(inputs, hidden, seed):
    rng = np.random.default_rng(seed)
    made = dmft.reduce(pairs([inputs, *hidden, 2], rng), 1.0, activation="binary")
    points = ball(300, inputs, 1.0, rng)
    assert np.array_equal(made.network(points), made.original(points))
    assert made.network.neurons == made.original.neurons
    for weight, bias, bound in zip(made.network.weights, made.network.biases, made.bounds, strict=False):
        np.testing.assert_allclose(norms(weight), 1.0, rtol=1e-14)
        assert np.all(np.abs(bias) <= bound)


def test_count_of_the_sheet():
    """N − K + 2 with K saturated, less those that are 0; the two new ones are c1 σ(e·x + X_B) + c2 σ(−e·x + X_B)."""
    rng = np.random.default_rng(3)
    w, c = rng.standard_normal((50, 3)), rng.standard_normal(50)
    b = norms(w) * np.concatenate([rng.uniform(-2.0, 2.0, 30), rng.uniform(2.1, 5.0, 13), rng.uniform(-5.0, -2.1, 7)])
    made = dmft.reduce({"w": w, "b": b, "c": c}, 2.0)
    assert (made.dead, made.saturated, made.network.neurons) == ((7,), (13,), (50 - 7 - 13 + 2,))
    alpha, beta = c[30:43] @ w[30:43], c[30:43] @ b[30:43]
    length = np.linalg.norm(alpha)
    arrays = made.network.arrays()
    expected = sorted([0.5 * (beta / 2.0 + length), 0.5 * (beta / 2.0 - length)])
    np.testing.assert_allclose(sorted(arrays["c"][0, -2:]), expected, rtol=1e-12)
    direction = arrays["w"][-2] * np.sign(arrays["c"][0, -2] - arrays["c"][0, -1])
    np.testing.assert_allclose(direction, alpha / length, rtol=1e-12)
    assert "c0" not in arrays
    assert made.difference(ball(2000, 3, 2.0, rng)) <= 1e-13


def test_a_single_saturated_neuron_becomes_two_and_zero_weights_a_constant():
    made = dmft.reduce({"w": [[1.0]], "b": [3.0], "c": [2.0]}, 1.0)
    assert made.network.neurons == (2,)
    constant = dmft.reduce({"w": [[0.0, 0.0], [0.0, 0.0]], "b": [3.0, -1.0], "c": [2.0, 5.0]}, 1.0)
    assert (constant.dead, constant.saturated, constant.network.neurons) == ((1,), (1,), (2,))
    np.testing.assert_allclose(constant.network(ball(100, 2, 1.0, np.random.default_rng(0))), 6.0, rtol=1e-15)
    step = dmft.reduce({"w": [[0.0]], "b": [1e-9], "c": [2.0]}, 1.0, activation="binary")
    np.testing.assert_array_equal(step.network(np.array([[0.3], [-0.9]])), 2.0)


def test_constant_at_the_output_takes_the_affine_part():
    network = {**SHALLOW, "b": np.array([9.0, 40.0]), "c0": np.array([0.25])}
    made = dmft.reduce(network, 1.0)
    assert made.network.neurons == (1,)
    assert made.difference(ball(500, 2, 1.0, np.random.default_rng(0))) <= 1e-13


@pytest.mark.parametrize("constant", [True, False])
def test_a_layer_that_dies_as_a_whole(constant):
    layers = [(np.ones((3, 2)), np.full(3, -9.0)), (np.ones((4, 3)), np.array([1.0, -1.0, 2.0, 0.0]))]
    made = dmft.reduce([*layers, (np.ones((1, 4)), np.array([0.5]) if constant else None)], 1.0)
    assert made.network.neurons == (0, 0)
    np.testing.assert_allclose(made.network(np.zeros((2, 2))), 3.5 if constant else 3.0)


@pytest.mark.parametrize("power", [-150, -20, 20, 150])
def test_rescaling_weights_changes_nothing(power):
    """c σ(w·x + b) = c/s σ(s w·x + s b), up to the ends of the float range."""
    rng = np.random.default_rng(0)
    base = {"w": rng.standard_normal((9, 2)), "b": rng.standard_normal(9), "c": rng.standard_normal(9)}
    scaled = {"w": base["w"] * 10.0**power, "b": base["b"] * 10.0**power, "c": base["c"] * 10.0**-power}
    one, other = dmft.reduce(base, 0.7).network, dmft.reduce(scaled, 0.7).network
    for left, right in zip(one.weights + one.biases[:1], other.weights + other.biases[:1], strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-13)


def test_reducing_twice_is_reducing_once():
    made = dmft.reduce(pairs([3, 20, 15, 1], np.random.default_rng(5)), 1.0)
    again = dmft.reduce(made.network, 1.0)
    assert again.network.neurons == made.network.neurons
    assert again.dead == again.saturated == (0, 0)


def test_domain_of_points_is_the_ball_around_them():
    network = {"w": [[1.0, 0.0]], "b": [0.9], "c": [1.0]}
    assert dmft.reduce(network, [[0.3, 0.4], [0.0, -0.2]]).bounds == (0.5,)
    assert dmft.reduce(network, 2).bounds == (2.0,)


def test_weights_from_files(tmp_path):
    rng = np.random.default_rng(2)
    layers = pairs([2, 8, 6, 3], rng)
    arrays = {name: value for i, (w, b) in enumerate(layers, 1) for name, value in ((f"W{i}", w), (f"b{i}", b))}
    np.savez(tmp_path / "deep.npz", **arrays)
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        for name, value in arrays.items():
            file.create_dataset(name, data=value, dtype="f8")
    expected = dmft.reduce(layers, 1.0).network
    for name in ("deep.npz", "deep.h5"):
        found = dmft.reduce(tmp_path / name, 1.0).network
        assert all(np.array_equal(*pair) for pair in zip(found.weights, expected.weights, strict=True))
    np.savez(tmp_path / "one.npz", w=np.array([1.0, -2.0]), b=np.array([0.1, 0.2]), c=np.array([1.0, 1.0]))
    assert as_network(str(tmp_path / "one.npz")).inputs == 1
    path = dmft.reduce(tmp_path / "one.npz", 1.0).network.save(tmp_path / "reduced.npz")
    assert dmft.reduce(path, 1.0).network.neurons == (2,)
    with pytest.raises(dmft.DMFTError, match=r"reduced\.npz"):
        expected.save(path)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"weights": [1.0]}, "the mapping holds weights: a network needs the arrays w, b, c"),
        ({"W1": np.ones((2, 2)), "b1": np.ones(2)}, "the mapping holds W1, b1: a network needs"),
        ({**SHALLOW, "b": [np.nan, 1.0]}, "b1 of the mapping holds 1 NaN or infinite numbers"),
        ({**SHALLOW, "b": [1.0, 2.0, 3.0]}, r"b1 of the mapping has shape \(3,\): give \(2,\)"),
        ({**SHALLOW, "c": [1.0, 2.0, 3.0]}, r"W2 of the mapping has shape \(1, 3\) after a layer of 2 neurons"),
        ({**SHALLOW, "w": np.ones((2, 2, 2))}, r"W1 of the mapping has shape \(2, 2, 2\)"),
        ({**SHALLOW, "w": np.zeros((0, 2))}, r"W1 of the mapping has shape \(0, 2\)"),
        ({**SHALLOW, "w": np.array([["a", "b"], ["c", "d"]])}, "W1 of the mapping is not an array of real numbers"),
        ([(np.ones((2, 2)), None), (np.ones((1, 2)), None)], "b1 of the sequence is missing"),
        ([(np.ones((2, 2)), np.ones(2))], "the sequence has 1 layer"),
        (3.0, "network of type float is not allowed"),
    ],
)
def test_wrong_networks_are_refused_in_one_line(network, words):
    with pytest.raises(ParameterError, match=words) as caught:
        dmft.reduce(network, 1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (0.0, "domain has radius 0"), (-1.0, "domain has radius -1"), (float("nan"), "domain is NaN or infinite"),
        (float("inf"), "domain is NaN or infinite"), ("wide", "domain = 'wide' is not allowed"),
        (np.zeros((3, 2)), "domain has radius 0"), (np.ones((3, 4)), r"domain has shape \(3, 4\)"),
        (np.zeros((0, 2)), r"domain has shape \(0, 2\)"),
    ],
)  # fmt: skip
def test_wrong_domains_are_refused_in_one_line(domain, words):
    with pytest.raises(ParameterError, match=words):
        dmft.reduce(SHALLOW, domain)


def test_wrong_activation_and_files_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="activation = 'tanh' is not allowed"):
        dmft.reduce(SHALLOW, 1.0, activation="tanh")
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "text.h5").write_text("not a file")
    np.savez(tmp_path / "other.npz", x=np.ones(2))
    for name, kind, words in (
        ("text.npz", FileFormatError, "cannot be read as .npz"),
        ("text.h5", FileFormatError, "cannot be read as .h5"),
        ("none.npz", FileFormatError, "does not exist"),
        ("weights.txt", FileFormatError, "ends in '.txt'"),
        ("other.npz", ParameterError, "holds x: a network needs the arrays w, b, c"),
    ):
        with pytest.raises(kind, match=words):
            dmft.reduce(tmp_path / name, 1.0)

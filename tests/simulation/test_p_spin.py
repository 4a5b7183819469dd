"""Finite-size twin of the p-spin model: couplings, gradients, response, bias of the step, and the theory as limit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import dmft
from dmft.errors import MemoryLimitError
from dmft.results.comparison import compare_solutions
from dmft.simulation import p_spin as twin
from dmft.simulation.backend import Backend
from dmft.simulation.method import Simulation
from dmft.theory.p_spin import PSpin

CASES = {
    "two": {"p": 2},
    "three": {"p": 3, "size": (16, 28, 48)},
    "four": {"p": 4, "size": (10, 14, 20)},
    "three, warm": {"p": 3, "temperature": 0.5, "size": (16, 28, 48)},
    "two, hot": {"p": 2, "temperature": 1.5},
}


def replica(model: PSpin, size: int = 12, **options) -> twin.Replica:
    return twin.Replica(model, Simulation(size=size, **options), Backend(np, 1), np.random.default_rng(3))


@pytest.mark.parametrize(
    "name", [name if name != "four" else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_theory_is_the_limit_of_simulations(name):
    """Three sizes extrapolated by a + c/N: z-scores at 1 % false alarm in all, one standard deviation added."""
    options = {"size": (20, 35, 70), "replicas": 24, "t_max": 1.5, "field_response": True, **CASES[name]}
    comparison = dmft.compare("p-spin", **options).comparison
    assert set(comparison.observables) == {"energy", "lagrange_multiplier", "correlation", "response"}
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_theory_is_the_limit_of_large_simulations(temperature):
    options = {"size": (50, 100, 150), "replicas": 48, "t_max": 5.0, "temperature": temperature}
    comparison = dmft.compare("p-spin", **options).comparison
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


@pytest.fixture(scope="module")
def simulation():
    return dmft.simulate("p-spin", size=100, replicas=32, t_max=2.0).simulation


@pytest.mark.parametrize("wrong", [{"p": 4}, {"t_max": 2.2}, {"temperature": 0.1}], ids=str)
def test_a_theory_a_little_wrong_deviates(wrong, simulation):
    theory = dmft.solve("p-spin", **{"t_max": 2.0, **wrong}).theory
    assert compare_solutions(theory, {100: simulation}).verdict == "deviates"


def test_the_right_theory_does_not_deviate(simulation):
    assert compare_solutions(dmft.solve("p-spin", t_max=2.0).theory, {100: simulation}).verdict == "agrees"


@pytest.mark.parametrize("p", [2, 3, 4])
def test_couplings_are_averaged_over_all_orders(p):
    raw = np.random.default_rng(5).standard_normal((4,) * p)
    expected = np.mean([raw.transpose(order) for order in itertools.permutations(range(p))], axis=0)
    mine = twin.symmetric_couplings(p, 4, np.random.default_rng(5), np.dtype(float))
    np.testing.assert_allclose(mine, expected, atol=1e-14)


@pytest.mark.parametrize("p", [2, 3])
def test_covariance_of_the_energy(p):
    """E[H(s)H(s')]/N = f(s·s'/N): the mean of 4000 products, within five of its standard errors."""
    size, rng = 6, np.random.default_rng(0)
    one, other = np.ones(size), np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0])
    scale = np.sqrt(0.5 * size) / size ** (0.5 * p)
    products = []
    for _ in range(4000):
        tensor = twin.symmetric_couplings(p, size, rng, np.dtype(float))
        values = []
        for spins in (one, other):
            value = tensor
            for _ in range(p):
                value = value @ spins
            values.append(scale * float(value))
        products.append(values[0] * values[1] / size)
    error = np.std(products) / np.sqrt(len(products))
    assert abs(np.mean(products) - 0.5 * (one @ other / size) ** p) < 5.0 * error


@pytest.mark.parametrize("p", [2, 3, 4])
def test_force_and_its_change_by_differences(p):
    made, rng = replica(PSpin(p=p)), np.random.default_rng(1)
    spins, direction = made.spins, rng.standard_normal(12)
    force, matrix = made.force(spins)
    energy = [made.force(spins + h * direction)[0] @ (spins + h * direction) / p for h in (-1e-5, 1e-5)]
    assert (energy[1] - energy[0]) / 2e-5 == pytest.approx(force @ direction, rel=1e-7)
    forces = [made.force(spins + h * direction)[0] for h in (-1e-5, 1e-5)]
    np.testing.assert_allclose((p - 1) * matrix @ direction, (forces[1] - forces[0]) / 2e-5, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_response_is_that_of_a_pushed_copy(temperature):
    """The displacement by a small field at one time, with the same noise, at all later times."""
    model, push, at = PSpin(p=3, temperature=temperature, t_max=3.0), 1e-5, 30
    runs = []
    for sign in (-1.0, 0.0, 1.0):
        made = replica(model, field_response=True)
        for k in range(61):
            made._observe(k)
            if k == at:
                made._return(made.spins + sign * push * made.signs, 0)
            for _ in range(made.substeps[k]):
                made._advance(k + 1)
        runs.append(made)
    moved = (runs[2].history[at + 1 : 61] - runs[0].history[at + 1 : 61]) @ runs[1].signs / (2.0 * push * 12)
    np.testing.assert_allclose(runs[1].response[at + 1 : 61, at], moved, atol=1e-6)


def test_spins_stay_on_the_sphere_and_energy_falls():
    run = dmft.simulate("p-spin", size=40, replicas=2, t_max=5.0)
    np.testing.assert_allclose(np.diagonal(run["correlation"].values), 1.0, rtol=1e-13)
    assert np.all(np.diff(run["energy"].values) < 0.0)


def test_bias_of_the_step_is_far_below_error_bars(monkeypatch):
    """Flow without noise: the same couplings with a ten times smaller step."""
    options = {"p": 3, "size": 40, "replicas": 4, "t_max": 20.0}
    normal = dmft.simulate("p-spin", **options)
    monkeypatch.setattr(twin, "FLOW_STEP", 0.02)
    fine = dmft.simulate("p-spin", **options)
    bias = np.abs(normal["energy"].values - fine["energy"].values).max()
    assert 0.0 < bias < 1e-4 < 0.01 * fine["energy"].stderr[1:].max()


def test_seed_gives_the_same_bits_for_any_number_of_threads(monkeypatch):
    options = {"size": 20, "replicas": 4, "t_max": 1.0, "temperature": 0.4, "seed": 7}
    first = dmft.simulate("p-spin", **options)
    monkeypatch.setattr("dmft.simulation.backend.threads", lambda: 1)
    second = dmft.simulate("p-spin", **options)
    other = dmft.simulate("p-spin", **{**options, "seed": 8})
    assert np.array_equal(first["correlation"].values, second["correlation"].values)
    assert not np.array_equal(first["correlation"].values, other["correlation"].values)


@pytest.mark.parametrize(("p", "size"), [(3, 100_000), (10, 1000), (20, 10**9)])
def test_couplings_beyond_memory_are_refused(p, size):
    with pytest.raises(MemoryLimitError, match="try a smaller --size"):
        dmft.simulate("p-spin", p=p, size=size)


def test_single_precision_agrees_within_its_digits():
    options = {"size": 30, "replicas": 2, "t_max": 1.0}
    double, single = (dmft.simulate("p-spin", **options, precision=name) for name in ("float64", "float32"))
    assert single["energy"].values.dtype == np.float64
    # other random numbers (float32 draws differ): only the scale is the same
    assert abs(double["energy"].last - single["energy"].last) < 0.5

"""The model ``reduced-space``: fractions in closed form, counts, one's own network, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi, norm

import dmft
from dmft.errors import ParameterError
from dmft.theory.reduced_space import ReducedSpace


def test_a_random_network_is_reduced_exactly():
    for options in ({}, {"hidden_layers": 4, "neurons": 40}, {"input_dim": 30, "threshold_scale": 3.0}):
        run = dmft.solve("reduced-space", points=2000, **options)
        assert run.status.success
        assert run["largest_difference"].last <= 1e-13
        np.testing.assert_allclose(run["output"].values, run["reduced_output"].values, atol=1e-12)
        assert run["reduced_neurons"].last == run["layer_reduced_neurons"].values.sum()
    one = dmft.solve("reduced-space", points=10)
    counted = one["neurons"].last - one["dead_neurons"].last - one["saturated_neurons"].last + 2
    assert one["reduced_neurons"].last == counted


@pytest.mark.parametrize(("d", "scale", "radius"), [(1, 1.0, 1.0), (3, 2.0, 0.7), (20, 0.5, 1.3)])
def test_fractions_by_quadrature(d, scale, radius):
    """P(b > X_B ‖w‖) with ‖w‖² ~ χ²_d/d, integrated over ‖w‖."""
    run = dmft.solve("reduced-space", input_dim=d, threshold_scale=scale, radius=radius, neurons=5, points=10)
    radii = run.theory.coordinates["radius"].values
    for index in (0, 10, 20):
        tail, _ = quad(lambda u, i=index: chi.pdf(u, d) * norm.sf(radii[i] * u / np.sqrt(d) / scale), 0.0, np.inf)
        assert run["dead_fraction"].values[index] == pytest.approx(tail, abs=1e-8)
        assert run["saturated_fraction"].values[index] == pytest.approx(tail, abs=1e-8)
        assert run["active_fraction"].values[index] == pytest.approx(1.0 - 2.0 * tail, abs=1e-8)


@pytest.mark.parametrize("activation", ["relu", "binary"])
def test_theory_is_the_limit_of_simulations(activation):
    options = {"activation": activation, "size": (50, 100, 200), "replicas": 20}
    run = dmft.compare("reduced-space", points=10, **options)
    assert set(run.comparison.observables) == {"dead_fraction", "saturated_fraction", "active_fraction"}
    assert all(item.max_z < item.threshold + 1.0 for item in run.comparison.observables.values())
    assert run.simulation["largest_difference"].last <= 1e-13


def test_another_spread_of_thresholds_deviates():
    theory = dmft.solve("reduced-space", threshold_scale=1.1, points=10)
    simulation = dmft.simulate("reduced-space", size=400, replicas=30).simulation
    verdict = dmft.results.comparison.compare_solutions(theory.theory, {400: simulation}).verdict
    assert verdict == "deviates"


def test_thresholds_of_zero():
    run = dmft.solve("reduced-space", threshold_scale=0.0, points=100)
    assert run["reduced_neurons"].last == run["neurons"].last
    assert not run["dead_fraction"].values.any()


def test_a_network_of_ones_own(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, w=np.array([[1.0], [2.0], [-1.0]]), b=np.array([5.0, 0.0, -3.0]), c=np.ones(3))
    run = dmft.solve("reduced-space", network=str(path), radius=2.0)
    assert [run[name].last for name in ("neurons", "dead_neurons", "saturated_neurons")] == [3.0, 1.0, 1.0]
    assert run["largest_difference"].last <= 1e-13
    radii = run.theory.coordinates["radius"].values
    np.testing.assert_allclose(run["saturated_fraction"].values, (radii < 5.0) / 3.0)
    with pytest.raises(ParameterError, match="is one network: leave it out to simulate random ones"):
        dmft.simulate("reduced-space", network=str(path), size=10, replicas=2)
    model = ReducedSpace(network=str(path))
    assert ReducedSpace.from_dict(model.as_dict()) == model


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "a.npz", "neurons": 5}, "neurons is given with network = 'a.npz'"),
        ({"network": "a.txt"}, "network = 'a.txt' is not allowed: give the name of a .npz or .h5 file"),
        ({"radius": 0.0}, "radius = 0.0 is not allowed"),
        ({"radius": float("nan")}, "radius = nan is not allowed"),
        ({"neurons": 0}, "neurons = 0 is not allowed"),
        ({"activation": "tanh"}, "activation = unknown value 'tanh'"),
    ],
)
def test_wrong_input_is_refused_in_one_line(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve("reduced-space", **options)


def test_files_without_the_named_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "bad.npz", kernel=np.ones(3))
    with pytest.raises(ParameterError, match="holds kernel: a network needs the arrays w, b, c"):
        dmft.solve("reduced-space", network=str(tmp_path / "bad.npz"))
    with pytest.raises(dmft.DMFTError, match="does not exist"):
        dmft.solve("reduced-space", network=str(tmp_path / "none.h5"))
    with pytest.raises(ParameterError, match="backend = 'cupy' is not allowed here"):
        dmft.simulate("reduced-space", size=10, replicas=2, backend="cupy")

"""f-principle/training: the deep kernel against finite networks, spectra, stages, information, bad input."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import dmft
from dmft.errors import ModelWarning, ParameterError
from dmft.simulation.backend import Backend
from dmft.simulation.f_principle_training import _problem
from dmft.simulation.method import Simulation
from dmft.simulation.networks.flow import jacobian
from dmft.theory import targets
from dmft.theory.f_principle_training import FPrincipleTraining, entropy
from dmft.theory.kernels import deep
from dmft.theory.kernels.deep import tangent_kernel

SLUG = "f-principle/training"


@pytest.mark.parametrize("activation", ["tanh", "relu", "softplus", "identity"])
def test_deep_kernel_is_the_mean_over_networks(activation):
    """Five standard errors, and what 1/N is expected to add at N = 150: it is measured at half the size too."""
    options = {"samples": 5, "half_range": 1.5, "widths": "150,120", "start_deviation": 0.1, "target": "three-sines"}
    model = FPrincipleTraining(activation=activation, **options)
    scale = model.start_deviation**2
    kernel, covariance = tangent_kernel(model.pairs[0], activation, model.hidden, scale, scale)
    found = {}
    for size in (75, 150):
        network = _problem(model, Simulation(size=size)).network
        kernels, outputs = [], []
        for i in range(80):
            weights = network.start([np.random.default_rng([i, size])])[0]
            output, slopes = jacobian(network, Backend(np, 1), weights, model.pairs[0])
            kernels.append(slopes @ slopes.T)
            outputs.append(np.outer(output, output))
        found[size] = [(np.mean(part, 0), np.std(part, 0) / np.sqrt(len(part))) for part in (kernels, outputs)]
    for expected, small, large in zip((kernel, covariance), found[75], found[150], strict=True):
        extrapolated, error = 2.0 * large[0] - small[0], np.hypot(2.0 * large[1], small[1])
        assert np.all(np.abs(extrapolated - expected) < 5.0 * error)
        assert np.all(error < 0.5 * expected.max())


@pytest.mark.parametrize(("scale", "tolerance"), [(1.0, 1e-9), (100.0, 0.01)])
def test_moments_of_tanh_against_quadrature(scale, tolerance):
    """Nested Gauss–Legendre over two Gaussian variables; also of pre-activations of 10, where tanh is a step."""
    covariance = scale * np.array([[1.0, 0.6], [0.6, 0.8]])
    nodes, weights = np.polynomial.legendre.leggauss(600)
    z, weights = 8.0 * nodes, 8.0 * weights * np.exp(-32.0 * nodes**2) / np.sqrt(2.0 * np.pi)
    root = np.linalg.cholesky(covariance)
    first = np.tanh(root[0, 0] * z)[:, None]
    second = np.tanh(root[1, 0] * z[:, None] + root[1, 1] * z[None, :])
    found = deep._moments(covariance, "tanh")
    for moment, a, b in ((found[0], first, second), (found[1], 1 - first**2, 1 - second**2)):
        assert moment[0, 1] == pytest.approx(weights @ (a * b) @ weights, rel=tolerance)
        assert moment[0, 0] == pytest.approx(weights @ a[:, 0] ** 2, rel=tolerance)


def test_gradient_descent_is_the_recursion_of_the_kernel():
    model = FPrincipleTraining(optimiser="sgd", samples=12, half_range=1.0, widths="50", start_deviation=0.3, steps=50)
    rate, (x, y) = 0.05, model.pairs
    run = dmft.solve(SLUG, learning_rate=rate, **{k: v for k, v in model.as_dict().items() if k != "learning_rate"})
    kernel, start = tangent_kernel(x, "tanh", (50,), 0.09, 0.09)
    step = np.eye(12) - 2.0 * rate / 12 * kernel
    missing, spread = y[:, 0], start
    for t in range(51):
        loss = (missing @ missing + np.trace(spread)) / 12
        assert run["train_loss"].values[t] == pytest.approx(loss, rel=1e-3)  # small parts of the start are left out
        missing, spread = step @ missing, step @ spread @ step.T


def test_lazy_limit_learns_low_frequencies_first():
    run = dmft.solve(SLUG, target="three-sines", half_range=2.0, start_deviation=0.2, widths="100")
    peaks = run.theory.coordinates["peak"].values.astype(int)
    rates = run["kernel_rate"].values[peaks]
    assert np.all(np.diff(rates) < 0.0)
    assert "train_loss" not in run  # the steps of Adam are not those of the kernel
    assert "train_loss" in dmft.solve(SLUG, optimiser="sgd", steps=10)


def test_peaks_of_the_sheet():
    model = FPrincipleTraining()
    assert model.peaks.tolist() == [3, 13]
    assert model.samples == 61
    assert targets.spectral_peaks(np.cos(2.0 * np.pi * 5.0 * np.arange(40) / 40.0), 0.1).tolist() == [5]
    assert FPrincipleTraining(target="three-sines").peaks.tolist() == [3, 10, 16]


def test_discretised_target():
    model = FPrincipleTraining(discretisation=0.5)
    assert set(np.unique(model.pairs[1] / 0.5)) <= set(range(-4, 5))
    with pytest.raises(ParameterError, match="the target is constant"):
        FPrincipleTraining(discretisation=10.0)


def test_errors_are_relative_to_the_target():
    model = FPrincipleTraining(samples=20, half_range=3.0)
    y = model.pairs[1]
    values = model.errors(model.spectral(np.stack([y, 0.5 * y, 0.0 * y])))
    np.testing.assert_allclose(values["peak_error"], np.outer([1.0, 0.5, 0.0], np.ones(len(model.peaks))))
    assert values["train_loss"][0] == pytest.approx(np.mean(y**2))


def test_stages_interpolate_the_logarithm_of_the_loss():
    model = FPrincipleTraining(samples=20, half_range=3.0)
    whole = np.mean(model.pairs[1] ** 2)
    t = np.arange(200.0)
    values = {"train_loss": whole * np.exp(-0.02 * t), "peak_error": (t / 200.0)[:, None]}
    found = model.at_stages(values)["error_at_loss"][:, 0]
    expected = -np.log(model.stages) / 0.02 / 200.0
    reached = expected < t[-1] / 200.0
    np.testing.assert_allclose(found[reached], expected[reached], atol=1e-12)
    assert np.isnan(found[~reached]).all()
    assert reached.any()
    assert not reached.all()


def test_information_of_a_perfect_and_of_a_constant_output():
    model = FPrincipleTraining()
    assert entropy(np.array([0, 1, 2, 3])) == 2.0
    perfect, constant = model.information(model.pairs[1]), model.information(0.0 * model.pairs[1])
    assert perfect == pytest.approx((entropy(model.binned(model.pairs[1])),) * 2)
    assert constant == pytest.approx((0.0, 0.0))


def test_digits_and_their_filters():
    pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
    model = FPrincipleTraining(target="digits", samples=40)
    x, y = model.pairs
    assert x.shape == (40, 64)
    assert x.max() == 1.0
    np.testing.assert_array_equal(y.sum(axis=1), 1.0)
    np.testing.assert_allclose(model.filters.sum(axis=2), 1.0)
    values = model.errors(model.filtered(y[None]))
    for name in ("low_pass_error", "high_pass_error"):
        np.testing.assert_allclose(values[name], 1.0)
    run = dmft.solve(SLUG, target="digits", samples=40, widths="30", start_deviation=0.1)
    low, high = run["low_pass_at_loss"].values, run["high_pass_at_loss"].values
    middle = int(np.argmin(np.abs(model.stages - 0.3)))
    assert np.all(low[middle, 2:] < high[middle, 2:])
    with pytest.raises(ParameterError, match="there are 1797 images"):
        FPrincipleTraining(target="digits", samples=2000)


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ParameterError, match=r"not installed: pip install 'dmft\[data\]'"):
        FPrincipleTraining(target="digits")


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "wave.csv"
    x = np.linspace(0.0, 1.0, 32, endpoint=False)
    path.write_text("x,y\n" + "\n".join(f"{a},{b}" for a, b in zip(x, np.sin(2 * np.pi * 4 * x), strict=True)))
    model = FPrincipleTraining(target="data", data=str(path))
    assert model.samples == 32
    assert model.peaks.tolist() == [4]
    with pytest.raises(ParameterError, match="samples = 31, but"):
        FPrincipleTraining(target="data", data=str(path), samples=31)


@pytest.mark.parametrize("given", ["200,200", [200, 200], (200.0, 200)])
def test_widths(given):
    assert FPrincipleTraining(widths=given).hidden == (200, 200)
    assert FPrincipleTraining(widths=given).as_dict()["widths"] == "200,200"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": "200,,3"}, "give neurons of each hidden layer"),
        ({"widths": "0"}, "give neurons of each hidden layer"),
        ({"widths": []}, "give neurons of each hidden layer"),
        ({"widths": [2.5]}, "give neurons of each hidden layer"),
        ({"target": "data"}, "target data takes a file"),
        ({"data": "some.csv"}, "target data takes a file"),
        ({"target": "data", "data": "none.csv"}, "cannot be read"),
        ({"target": "four-sines"}, "did you mean"),
        ({"activation": "gelu"}, "activation = unknown value 'gelu'"),
        ({"optimiser": "adamw"}, "did you mean 'adam'"),
        ({"learning_rate": float("inf")}, "learning_rate = inf is not allowed"),
        ({"bins": 1}, "bins = 1 is not allowed"),
    ],
)
def test_bad_input(wrong, message):
    with pytest.raises(ParameterError, match=message):
        FPrincipleTraining(**wrong)


def test_undersampled_target_is_told():
    with pytest.warns(ModelWarning, match="fewer than two points a period"):
        dmft.solve(SLUG, samples=20)


def test_unstable_gradient_descent_is_told():
    run = dmft.solve(SLUG, optimiser="sgd", learning_rate=10.0, steps=4000)
    assert run.status.code == "diverged"
    assert np.isfinite(run["train_loss"].values).all()


def test_too_many_samples_for_the_memory():
    with pytest.raises(dmft.errors.MemoryLimitError, match="try fewer --samples"):
        dmft.solve(SLUG, samples=10**6)

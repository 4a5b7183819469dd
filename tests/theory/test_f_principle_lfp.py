"""f-principle/lfp: kernels against quadrature, splines as limits, the dynamics, bad data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

import dmft
from dmft.errors import ModelWarning, ParameterError
from dmft.theory.f_principle_lfp import FPrincipleLFP
from dmft.theory.kernels import frequency as kernels

END = np.array([np.inf])


def test_relu_kernel_is_the_transform_of_its_spectrum():
    """Regularised: what is subtracted are the polynomials that the kernel is defined up to."""
    cubic, linear = kernels.moments(2.0, 0.5)
    for x in (0.3, 1.2):
        near = quad(lambda xi, x=x: (1.0 - np.cos(2.0 * np.pi * xi * x)) / xi**2, 0.0, 1.0)[0]
        far = 1.0 - quad(lambda xi: 1.0 / xi**2, 1.0, np.inf, weight="cos", wvar=2.0 * np.pi * x)[0]
        assert -linear / (2.0 * np.pi**2) * (near + far) == pytest.approx(-linear * x / 2.0, rel=1e-7)
        law = kernels.lfp_relu(np.array([x]), 2.0, 0.5, 1) - kernels.lfp_relu(np.array([x]), 2.0, 0.0, 1)
        assert law[0] == pytest.approx(-linear * x / 2.0)
    # fourth difference of |x|³/12 removes all polynomials up to cubic
    weights, places = np.array([1.0, -4.0, 6.0, -4.0, 1.0]), 0.2 * (np.arange(5) - 2.0)

    def fourth(p):
        return np.tensordot(weights, np.cos(np.multiply.outer(places, p)), axes=1)

    xi = np.geomspace(1e-4, 1e4, 200001)
    values = cubic / (2.0 * np.pi * xi) ** 4 * fourth(2.0 * np.pi * xi)
    found = 2.0 * np.trapezoid(values * xi, np.log(xi))
    assert found == pytest.approx(cubic / 12.0 * weights @ np.abs(places) ** 3, rel=1e-4)


@pytest.mark.parametrize("x", [0.05, 1.0])
def test_tanh_kernel_is_the_transform_of_its_spectrum(x):
    def spectrum(xi):
        return kernels.lfp_spectrum(xi, "tanh", 3.0, 0.5, 1)

    found = kernels.lfp_tanh(np.array([x, 0.0]), 3.0, 0.5)
    xi = (np.arange(4000) + 0.5) * 1e-3
    exact = 2.0 * np.sum(spectrum(xi) * (np.cos(2.0 * np.pi * xi * x) - 1.0)) * 1e-3
    assert found[0] - found[1] == pytest.approx(exact, rel=1e-5)


def test_tanh_kernel_is_an_integral_over_biases():
    """Per unit of bias on the whole line, for one |w|, against quadrature; the radius average is tested above."""
    for delta in (1e-3, 0.2, 2.0):
        moved = quad(lambda b, d=delta: np.tanh(b) * np.tanh(b + d) - np.tanh(b) ** 2, -40, 40)[0]
        gates = quad(lambda b, d=delta: (1 - np.tanh(b) ** 2) * (1 - np.tanh(b + d) ** 2), -40, 40)[0]
        assert moved == pytest.approx(-2.0 * (delta / np.tanh(delta) - 1.0), rel=1e-6)
        assert gates == pytest.approx(4.0 * (delta / np.tanh(delta) - 1.0) / np.sinh(delta) ** 2, rel=1e-6)
    near = kernels.lfp_tanh(np.array([1e-4, 1e-2, 1.0]) / 3.0, 3.0, 1.0)  # both branches meet
    assert np.all(np.diff(near) < 0.0)


def test_series_of_the_tanh_kernel_meets_the_formula():
    around = np.array([0.00999, 0.01001])
    values = kernels.lfp_tanh(around, 1e-9 + 1.0, 2.0)
    assert abs(values[0] - values[1]) < 1e-5


@pytest.mark.parametrize(("activation", "dimension"), [("relu", 1), ("relu", 2), ("tanh", 1)])
def test_tangent_kernel_is_the_mean_over_neurons(activation, dimension):
    rng = np.random.default_rng(0)
    points, count = rng.uniform(-1.0, 1.0, (3, dimension)), 100_000
    found = kernels.tangent(points, points, activation, 2.0, 0.7, 1.5)
    direction = rng.standard_normal((count, dimension))
    w = 2.0 * rng.random((count, 1)) * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    b, a = rng.uniform(-1.5, 1.5, count), rng.uniform(-0.7, 0.7, count)
    argument = w @ points.T + b[:, None]
    value = np.maximum(argument, 0.0) if activation == "relu" else np.tanh(argument)
    slope = (argument > 0.0).astype(float) if activation == "relu" else 1.0 - value**2
    product = points @ points.T + 1.0
    for i in range(3):
        for j in range(3):
            each = value[:, i] * value[:, j] + a**2 * product[i, j] * slope[:, i] * slope[:, j]
            assert abs(found[i, j] - each.mean()) < 5.0 * each.std() / np.sqrt(count)


def test_exact_kernel_tends_to_the_lfp_without_its_approximations():
    """Second difference of ⟨σσ'⟩ for many biases is that of the cubic: the rest are polynomials."""
    x = np.linspace(-0.4, 0.4, 5)[:, None]
    weights = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
    exact = 2.0 * 50.0 * kernels.tangent(x, x, "relu", 2.0, 0.0, 50.0)
    law = kernels.lfp_relu(np.abs(x - x.T), 2.0, 0.0, 1)
    np.testing.assert_allclose(weights @ exact @ weights, weights @ law @ weights, rtol=1e-6)


def test_limits_are_splines():
    x = np.linspace(-0.89, 0.19, 201)
    cubic = dmft.solve("f-principle/lfp", output_range=0.0)
    np.testing.assert_allclose(cubic["prediction"].values, cubic["natural_cubic_spline"].values, atol=1e-12)
    np.testing.assert_allclose(cubic.theory.coordinates["x"].values, x)
    linear = dmft.solve("f-principle/lfp", weight_range=1e-4, output_range=1.0)
    np.testing.assert_allclose(linear["prediction"].values, linear["linear_spline"].values, atol=1e-6)
    assert cubic.scalars["distance_to_cubic"].last < 1e-12
    assert linear.scalars["distance_to_linear"].last < 1e-6


def test_scalars_and_crossover():
    run = dmft.solve("f-principle/lfp")
    assert run.scalars["cubic_moment"].last == pytest.approx(27.0 / 4.0)
    assert run.scalars["linear_moment"].last == pytest.approx(0.01 / 3.0 * 1.5)
    crossover = run.scalars["crossover_frequency"].last
    assert crossover == pytest.approx(np.sqrt(6.75 / 0.005) / (2.0 * np.pi))
    parts = [kernels.lfp_spectrum(np.array([crossover]), "relu", 3.0, a, 1)[0] for a in (0.1, 0.0)]
    assert parts[0] == pytest.approx(2.0 * parts[1])


@pytest.mark.parametrize(
    "options",
    [{}, {"activation": "tanh"}, {"dimension": 2}, {"kernel": "tangent"}, {"dimension": 2, "kernel": "tangent"}],
)
def test_every_solution_interpolates(options):
    run = dmft.solve("f-principle/lfp", **options)
    model = FPrincipleLFP(**{name: value for name, value in options.items() if name != "kernel"})
    kind = options.get("kernel", "lfp")
    found = model.flow(kind).predict(END, *model.gram(kind, model.points))[0]
    np.testing.assert_allclose(found, model.values, atol=1e-9)
    loss = run["train_loss"].values
    assert np.all(np.diff(loss) < 0.0)
    assert loss[-1] < 1e-20 * loss[0]
    remainder = run["spectral_remainder"].values
    assert np.all(np.isfinite(run["time_to_fit"].values))
    assert np.all(np.abs(remainder[-1]) < 1e-6)


def test_exclusive_or_is_symmetric():
    run = dmft.solve("f-principle/lfp", dimension=2)
    plane = run["prediction_plane"].values
    assert run["prediction_plane"].dims == ("x_2", "x_1")
    np.testing.assert_allclose(plane, plane.T, atol=1e-10)
    np.testing.assert_allclose(plane, -plane[::-1], atol=1e-10)


def test_dense_data_relax_at_the_rate_of_their_frequency(tmp_path):
    """One sine on many points: u decays as exp(−γ² n/L t), up to the ends of the interval."""
    x = np.linspace(-1.0, 1.0, 81)
    path = tmp_path / "sine.csv"
    path.write_text("\n".join(f"{a},{b}" for a, b in zip(x, np.sin(6.0 * np.pi * x), strict=True)))
    model = FPrincipleLFP(data=str(path), output_range=0.0)
    flow, frequency = model.flow("lfp"), 3.0
    density = 80 / 2.0
    rate = kernels.lfp_spectrum(np.array([frequency]), "relu", 3.0, 0.0, 1)[0] / (2.0 * 3.0) * density
    middle = slice(20, 61)
    t = np.array([1.0 / rate])
    left = flow.residual(t)[0][middle] @ model.values[middle] / (model.values[middle] @ model.values[middle])
    assert left == pytest.approx(np.exp(-1.0), rel=0.05)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("0,1\n0,2\n1,1\n", {}, "two points have the same input"),
        ("0,0,1\n1,1,2\n2,2,1\n", {"dimension": 2}, "do not determine the limit"),
        ("0,1\n1,2\n", {"dimension": 2}, "line 1 has 2 columns, not 3"),
    ],
)
def test_bad_data(tmp_path, rows, options, message):
    path = tmp_path / "data.csv"
    path.write_text(rows)
    with pytest.raises(ParameterError, match=message):
        FPrincipleLFP(data=str(path), **options)


def test_bad_parameters():
    with pytest.raises(ParameterError, match="LFP is known for tanh in one dimension"):
        FPrincipleLFP(activation="tanh", dimension=2)
    with pytest.raises(ParameterError, match="weight_range = nan"):
        FPrincipleLFP(weight_range=float("nan"))
    with pytest.raises(ParameterError, match="cannot be read"):
        FPrincipleLFP(data="no such file.csv")
    with pytest.warns(ModelWarning, match=r"bias_range = 1 is below the largest \|w·x\| = 2.4"):
        dmft.solve("f-principle/lfp", bias_range=1.0)


def test_two_points_are_learned_at_once(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("0,1\n1,2\n")
    run = dmft.solve("f-principle/lfp", data=str(path))
    np.testing.assert_allclose(run["prediction"].values, 1.0 + run.theory.coordinates["x"].values)
    assert np.all(run["train_loss"].values < 1e-30)

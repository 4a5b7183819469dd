"""relu-neuron and its variants: published numbers, laws, what is said about data, labels and starts."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import dmft
from dmft.errors import MemoryLimitError, ModelWarning, ParameterError
from dmft.solvers.piecewise.solve import flow_relu
from dmft.theory.relu_data import draw


@pytest.mark.parametrize(
    ("gamma", "last"), [(1.0, -0.0407729), (2.0, -0.1106965), (20.0, -0.2301149), (1e5, -0.2307281)]
)
def test_vardi_shamir(gamma, last):
    run = dmft.solve("relu-neuron", data="vardi-shamir", gamma=gamma)
    assert run.status.code == "converged"
    assert np.allclose(run["limit"].values, [5.0, -1.0, last], rtol=0.0, atol=1e-7)
    assert run["support_set"].values.tolist() == [1.0, 1.0, 0.0]
    assert run["weights"].dims == ("t", "component")
    assert np.all(run["weights"].values[0] == 0.0)
    if gamma == 1.0:
        assert run["switching_times"].values == pytest.approx([0.169651], abs=1e-6)
    for name, value in {"norm_increasing": 1.0, "reactivations": 0.0, "dead": 0.0, "zero_loss": 1.0}.items():
        assert run[name].last == value


def test_a_single_start_has_no_axis_of_starts_and_several_have():
    single = dmft.solve("relu-neuron", dimension=3)
    several = dmft.solve("relu-neuron", dimension=3, starts=5)
    assert single["norm"].dims == ("t",)
    assert several["norm"].dims == ("start", "t")
    assert several["limit"].dims == ("start", "component")
    assert np.array_equal(several["weights"].values[0, 0], single["weights"].values[0])
    assert np.allclose(np.linalg.norm(several["weights"].values[:, 0], axis=1), 0.1)


def test_the_figure_of_several_starts_has_a_line_for_each():
    run = dmft.compare("relu-neuron", dimension=3, starts=3, size=2000)
    assert len(run["active_set"].dims) == 3  # what no panel can show is left out
    for axes in run.plot().axes:
        assert len([line for line in axes.lines if line.get_linestyle() == "-"]) == 3
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"start = ${i}$" for i in range(3)]


def test_curves_are_those_of_the_trajectory():
    run = dmft.solve("relu-neuron", dimension=3, samples=10, starts=4, data_seed=2)
    w, model = run["weights"].values, dmft.models()["relu-neuron"](dimension=3, samples=10, starts=4, data_seed=2)
    x, y = model.instance.x, model.instance.y
    assert np.allclose(run["loss"].values, 0.5 * np.sum((np.maximum(w @ x.T, 0.0) - y) ** 2, axis=2))
    assert np.allclose(run["norm"].values, np.linalg.norm(w, axis=2))
    assert np.all(np.diff(run["distance"].values, axis=1) <= 1e-12)
    late = np.linalg.norm(w[:, -1] - run["limit"].values, axis=1)
    whole = np.linalg.norm(w[:, 0] - run["limit"].values, axis=1)
    assert np.all(late <= 1.001e-3 * whole)


def test_in_two_dimensions_from_zero_realisable_labels_make_the_norm_grow():
    """All 2000 random sets with labels of a teacher, in d = 2; in d = 3 some do not (arXiv:2202.05510)."""
    grows = {}
    for d in (2, 3):
        x, y, _ = draw(np.random.default_rng(d), 2000, 20, d, "gaussian", "teacher")
        grows[d] = flow_relu(x, y, np.zeros((2000, d))).norm_increasing
    assert grows[2].all()
    assert 0.0 < 1.0 - grows[3].mean() < 0.05


def test_with_labels_of_no_teacher_the_norm_may_shrink_even_from_zero_in_two_dimensions():
    """One of 0.1 % such sets: 20 positive labels, d = 2. Scipy, cone by cone, sees the same."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20000, 20, 2)), None
    y = np.abs(rng.standard_normal((20000, 20)))
    flows = flow_relu(x, y, np.zeros((20000, 2)))
    bad = np.flatnonzero(~flows.norm_increasing)
    assert 0 < len(bad) < 60
    m = bad[0]
    last = flows.last_switch[m]
    start = flow_relu(x[m], y[m], np.zeros((1, 2)), t_eval=[last + 1e-9]).w[0, 0]
    rows, labels = x[m][flows.support[m]], y[m][flows.support[m]]
    path = solve_ivp(
        lambda t, w: rows.T @ (labels - rows @ w), (0.0, 2.0), start, method="DOP853", rtol=1e-12, atol=1e-13,
        t_eval=np.linspace(0.0, 2.0, 50),
    ).y  # fmt: skip
    assert np.linalg.norm(path[:, -1]) < np.linalg.norm(path, axis=0).max() * (1.0 - 1e-6)
    assert np.array_equal(x[m] @ path[:, -1] > 0.0, flows.support[m])


def test_data_from_files(tmp_path):
    x, y = np.array([[3.0, -1.0, 0.0], [4.0, 2.0, 0.0], [0.0, 1.0, 1.0]]), np.array([16.0, 18.0, 0.0])
    np.savez(tmp_path / "set.npz", x=x, y=y)
    np.savetxt(tmp_path / "set.csv", np.column_stack([x, y]), delimiter=",")
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["x"], file["y"] = x, y
    limits = [
        dmft.solve("relu-neuron", data=str(tmp_path / f"set.{end}"), init_norm=0.0, slope_at_zero=1)["limit"].values
        for end in ("npz", "csv", "h5")
    ]
    assert np.array_equal(limits[0], limits[1])
    assert np.array_equal(limits[0], limits[2])
    assert np.allclose(limits[0], [5.0, -1.0, -0.0407729], rtol=0.0, atol=1e-7)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.ones((2, 2)), "y": np.ones(3)}, "y has shape (3,), but x (2, 2)"),
        ({"x": np.ones(4), "y": np.ones(4)}, "x has shape (4,), give n ≥ 1 samples"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, "x has shape (0, 2), give n ≥ 1 samples"),
        ({"x": np.array([[1.0, np.nan]]), "y": np.ones(1)}, "x[0, 1] is not finite"),
        ({"x": np.ones((2, 2)), "y": np.array([1.0, np.inf])}, "y[1] is not finite"),
        ({"x": np.array([[1.0, 1.0], [0.0, 0.0]]), "y": np.ones(2)}, "sample 1 is zero"),
        ({"x": np.ones((2, 2))}, "has no array 'y'"),
    ],
    ids=str,
)
def test_bad_files_by_name(tmp_path, arrays, words):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ParameterError) as error:
        dmft.solve("relu-neuron", data=str(tmp_path / "bad.npz"))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": "nonsense"}, "data = 'nonsense' is not allowed: give gaussian, orthant, vardi-shamir, or a file"),
        ({"data": "missing.npz"}, "there is no such file"),
        ({"samples": 0}, "samples = 0 is not allowed"),
        ({"dimension": 0}, "dimension = 0 is not allowed"),
        ({"init_norm": -1.0}, "init_norm = -1.0 is not allowed"),
        ({"labels": "wrong"}, "labels"),
        ({"slope_at_zero": 2}, "slope_at_zero = 2 is not allowed"),
        ({"max_switches": 0}, "max_switches = 0 is not allowed"),
    ],
    ids=str,
)
def test_bad_parameters_by_name(options, words):
    with pytest.raises(ParameterError) as error:
        dmft.solve("relu-neuron", **options)
    assert words in str(error.value)


def test_broken_file_is_one_line(tmp_path):
    (tmp_path / "broken.csv").write_text("1.0,2.0\nx,y\n")
    (tmp_path / "broken.npz").write_bytes(b"not a zip")
    np.savez(tmp_path / "whole.npz", x=np.ones((5, 3)), y=np.ones(5))
    (tmp_path / "truncated.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:300])
    for name, words in (
        ("broken.csv", "line 2: input 1 = 'x' is no"),
        ("broken.npz", "cannot"),
        ("truncated.npz", "cannot"),
    ):
        with pytest.raises(ParameterError, match=words):
            dmft.solve("relu-neuron", data=str(tmp_path / name))


def test_hypotheses_are_named():
    with pytest.warns(ModelWarning, match="labels y ≥ 0 only"):
        run = dmft.solve("relu-neuron", labels="random")
    assert run.status.code == "not_converged"
    assert "without end" in run.status.message
    assert np.all(np.isfinite(run["weights"].values))
    with pytest.warns(ModelWarning, match="gamma = 3 has no effect"):
        dmft.solve("relu-neuron", gamma=3.0)
    with pytest.warns(ModelWarning, match="dimension = 5 has no effect"):
        dmft.solve("relu-neuron", data="vardi-shamir", dimension=5)
    with pytest.warns(ModelWarning, match="all of them are the same"):
        dmft.solve("relu-neuron", init_norm=0.0, starts=3)


def test_fractions_against_the_norm_of_the_start():
    """Random starts, d = 2, n = 20, positive labels: nearly always from 1e-3, seldom from 1."""
    run = dmft.solve("relu-neuron/norms", starts=4000, init_norm=1e-3, largest_norm=1.0, norms=4)
    grows, error = run["norm_increasing_curve"].values, run["norm_increasing_curve"].stderr
    assert run["norm_increasing"].last == grows[0]
    assert np.all(np.diff(grows) < 0.0)
    assert abs(grows[0] - 0.988) < 4.0 * np.hypot(error[0], 0.001)
    assert abs(grows[-1] - 0.107) < 4.0 * np.hypot(error[-1], 0.003)
    assert run.theory.samples == 4000
    assert np.all(error > 0.0)


@pytest.mark.parametrize("samples", [1, 2, 4])
def test_a_part_of_two_to_minus_n_is_dead(samples):
    """A start has n random samples on its back; with positive labels no flow dies on its way."""
    run = dmft.solve("relu-neuron/norms", samples=samples, norms=1, init_norm=0.3, starts=4000)
    assert abs(run["dead"].last - 0.5**samples) < 4.0 * run["dead"].last_stderr


def test_the_starts_of_norms_share_their_data():
    """The same runs at another norm: what does not depend on it is the same."""
    one = dmft.solve("relu-neuron/norms", starts=300, init_norm=0.5, norms=1)
    more = dmft.solve("relu-neuron/norms", starts=300, init_norm=0.5, largest_norm=2.0, norms=2)
    assert more["norm_ratio_curve"].values[0] == one["norm_ratio"].last
    with pytest.raises(ParameterError, match="0 < init_norm < largest_norm"):
        dmft.solve("relu-neuron/norms", init_norm=0.0)
    zero = dmft.solve("relu-neuron/norms", init_norm=0.0, norms=1, starts=300, labels="teacher")
    assert zero["norm_increasing"].last == 1.0
    assert "norm_ratio" not in zero


@pytest.mark.parametrize("scale", [1e-3, 1e-5])
def test_hidden_neuron_ends_where_the_limit_of_small_starts_is(scale):
    """u_3 → −.2601522 with a correction of order ε²; the difference of the layers is conserved."""
    run = dmft.solve("relu-neuron/hidden", init_scale=scale, rtol=1e-11)
    assert np.allclose(run["limit"].values, [5.0, -1.0, -0.2601522], rtol=0.0, atol=1e-7 + scale**2)
    invariant = run["invariant"].values
    assert np.abs(invariant - scale**2).max() == run["invariant_drift"].last
    assert run["invariant_drift"].last < 1e-9 * run["output_weight"].values.max() ** 2
    assert run["support_set"].values.tolist() == [1.0, 1.0, 0.0]
    assert len(run["switching_times"].values) == 1


def test_hidden_neuron_that_is_stiff_wants_the_implicit_integrator():
    """γ = 3000: rates of 1e8 beside 1; the explicit method says so, the implicit one needs a few thousand steps."""
    stiff = {"gamma": 3000.0, "rtol": 1e-8}
    explicit = dmft.solve("relu-neuron/hidden", max_steps=3000, **stiff)
    assert explicit.status.code == "not_converged"
    assert "rosenbrock" in explicit.status.message
    assert np.all(np.isfinite(explicit["norm"].values))
    implicit = dmft.solve("relu-neuron/hidden", integrator="rosenbrock", max_steps=3000, **stiff)
    assert implicit.status.code == "converged"
    assert np.allclose(implicit["limit"].values[:2], [5.0, -1.0], rtol=0.0, atol=1e-6)


def test_hidden_neuron_agrees_with_scipy():
    """Random data, seven switches; a step that meets a kink errs by its tolerance."""
    options = {"data": "gaussian", "init_scale": 0.1, "t_max": 2.0}
    run = dmft.solve("relu-neuron/hidden", rtol=1e-11, atol=1e-12, **options)
    model = dmft.models()["relu-neuron/hidden"](**options)
    x, y = model.instance.x, model.instance.y

    def slope(t, s):
        z = x @ s[:-1]
        residual = (y - s[-1] * z) * (z > 0.0)
        return np.append(s[-1] * (residual @ x), residual @ z)

    t = run.theory.coordinates["t"].values
    first = 1e-9 * slope_at_start(x, y, 0.1)  # at w = 0 itself scipy would see all samples inactive
    path = solve_ivp(
        slope, (1e-9, 2.0), first, method="DOP853", rtol=1e-11, atol=1e-12, t_eval=t[1:], max_step=0.002
    ).y.T  # fmt: skip
    assert np.allclose(run["effective_weights"].values[1:], path[:, -1:] * path[:, :-1], rtol=0.0, atol=1e-7)


def slope_at_start(x, y, scale):
    return np.append(scale * (x.T @ y), scale / 1e-9)


def test_network_of_the_toy_problem():
    """x ∈ {−½, 2}, y ∈ {−1, 1}: Σa² → |y₋|/‖x₋‖ + |y₊|/‖x₊‖ = 1.341641; logistic curves of known half-times."""
    run = dmft.solve("relu-neuron/network")
    assert run["final_squared_output_weights"].last == pytest.approx(3.0 / np.sqrt(5.0), abs=1e-12)
    t, rate = run.theory.coordinates["t"].values, 2.0 * np.sqrt(5.0)
    f = run["positive_output"].values
    slope = np.gradient(f, t)[1:-1]
    logistic = (rate * f * (1.0 - f))[1:-1]
    step = t[1] - t[0]
    assert np.abs(slope - logistic).max() < rate**3 * step**2 / 6.0  # central differences, f''' ≤ rate³ / 8
    assert np.interp(run["positive_half_time"].last, t, f) == pytest.approx(0.5, abs=rate**2 * step**2)
    assert run["positive_half_time"].last == pytest.approx(
        np.log((1.0 - run.theory.diagnostics["f0"][1]) / run.theory.diagnostics["f0"][1]) / rate
    )


def test_network_wants_orthogonal_inputs_and_labels_of_both_signs():
    with pytest.raises(ParameterError, match="orthogonal"):
        dmft.solve("relu-neuron/network", positive_input=3.0)
    with pytest.raises(ParameterError, match="negative_label"):
        dmft.solve("relu-neuron/network", negative_label=1.0)
    with pytest.raises(ParameterError, match="negative_input = 0"):
        dmft.solve("relu-neuron/network", negative_input=0.0)
    with pytest.warns(ModelWarning, match="small starts"):
        dmft.solve("relu-neuron/network", scale=0.5)
    with pytest.warns(ModelWarning, match="no neuron of this start"):
        dmft.solve("relu-neuron/network", neurons=1)


@pytest.mark.parametrize("slug", ["relu-neuron", "relu-neuron/hidden"])
def test_data_beyond_the_memory_are_refused_before_they_are_drawn(slug, monkeypatch):
    monkeypatch.setattr("dmft.solvers.memory.available_memory", lambda: 1e6)
    monkeypatch.setattr("dmft.theory.relu_data.draw", lambda *_: pytest.fail("drawn"))
    with pytest.raises(MemoryLimitError, match="fewer --samples"):
        dmft.solve(slug, data="gaussian", samples=1_000_000, dimension=1000)

"""Training on the reduced space: closed integrals, the projected flow, targets, and wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.kernels import shallow_relu as kernels
from dmft.theory.reduced_space_training import ARMS, CLOSED, ReducedSpaceTraining
from dmft.theory.target_functions import DOMAINS, Target, evaluate, from_table, make

SLUG = "reduced-space/training"


def state(N, d, rng):
    return np.concatenate([rng.standard_normal(N), rng.standard_normal(N * d), rng.uniform(-1.0, 1.0, N)])


def between_kinks(target, y, N):
    """Points and weights of Gauss–Legendre rules between all kinks: exact to round-off for what is smooth there."""
    low, high = target.interval
    kinks = -y[2 * N :] / y[N : 2 * N]
    edges = np.unique(np.concatenate([[low, 0.0, high], kinks[(kinks > low) & (kinks < high)]]))
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = 0.5 * np.diff(edges)[:, None]
    x = (edges[:-1, None] + half * (1.0 + nodes)).ravel()
    w = (half * weights).ravel() / (high - low)
    return np.column_stack([x, evaluate(target.name, x[:, None]), w])


@pytest.mark.parametrize("name", sorted(CLOSED))
@pytest.mark.parametrize("seed", range(4))
def test_closed_integrals_by_quadrature(name, seed):
    N, target = 8, make(name)
    y = state(N, 1, np.random.default_rng(seed))
    y[N] = 0.0 if seed == 3 else y[N]  # a neuron without direction
    closed, summed = np.empty(3 * N), np.empty(3 * N)
    loss = kernels.gradient_on_interval(y, N, CLOSED[name], *target.interval, closed)
    safe = np.where(np.arange(3 * N) == N, 1e-300, y) if seed == 3 else y
    expected = kernels.gradient_on_points(y, N, 1, between_kinks(target, safe, N), summed)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(closed, summed, atol=1e-12 * np.abs(summed).max())


@pytest.mark.parametrize("d", [1, 3])
def test_gradient_on_points_by_differences(d):
    N, rng = 5, np.random.default_rng(0)
    y, points = state(N, d, rng), rng.standard_normal((7, d + 2))
    out, scratch = np.empty(len(y)), np.empty(len(y))
    kernels.gradient_on_points(y, N, d, points, out)
    for i in range(len(y)):
        step = np.zeros(len(y))
        step[i] = 1e-6
        losses = [kernels.gradient_on_points(y + sign * step, N, d, points, scratch) for sign in (1.0, -1.0)]
        assert out[i] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-7, abs=1e-7)


def flow(model, problem, start, constrained, times):
    from dmft.solvers.flow.solve import integrate

    data = [model.neurons, 1, problem.radius, CLOSED[problem.name], *problem.interval]
    return integrate(
        kernels.flow_on_interval, (0.0, times[-1]), start, parameters=[[float(constrained)]], data=data, t_eval=times,
        rtol=1e-7, atol=1e-10,
    ).y[0]  # fmt: skip


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_flow_descends_and_stays_on_the_reduced_space(name):
    model, problem, rng = ReducedSpaceTraining(neurons=10), make(name), np.random.default_rng(1)
    start = model.starts(problem, rng)["reduced"]
    start[20] = problem.radius  # at the edge of the interval
    path = flow(model, problem, start, True, np.geomspace(0.1, 50.0, 30))
    losses = [model.error(problem, None, y) for y in path]
    assert np.all(np.diff(losses) < 0.0)
    assert np.array_equal(np.abs(path[:, 10:20]), np.ones((30, 10)))  # S⁰ has no tangent
    assert np.abs(path[:, 20:]).max() <= problem.radius * (1.0 + 1e-4)
    free = flow(model, problem, start, False, np.geomspace(0.1, 50.0, 30))
    assert model.error(problem, None, free[-1]) < losses[0]
    assert not np.array_equal(np.abs(free[-1, 10:20]), np.ones(10))


def test_velocity_on_the_reduced_space():
    """Tangent to the sphere; no threshold moves out of the interval."""
    N, d, rng = 6, 3, np.random.default_rng(2)
    y = state(N, d, rng)
    y[N + N * d :] = [1.0, -1.0, 1.0, -1.0, 0.3, 0.2]
    gradient = rng.standard_normal(len(y))
    velocity = gradient.copy()
    kernels.descend(y, N, d, 1.0, 1.0, velocity)
    w, v = y[N : N + N * d].reshape(N, d), velocity[N : N + N * d].reshape(N, d)
    np.testing.assert_allclose((w * v).sum(axis=1), 0.0, atol=1e-13)
    outward = velocity[N + N * d :][:4] * y[N + N * d :][:4]
    assert np.all(outward <= 0.0)
    assert np.array_equal(velocity[:N], -gradient[:N])
    assert np.array_equal(velocity[-2:], -gradient[-2:])


def test_points_between_kinks_give_the_same_flow_as_closed_integrals():
    """|x| as a table of many rows: the flow of the data tends to that of the law, like the square of their spacing."""
    errors = []
    law = dmft.solve(SLUG, target="absolute", neurons=4, t_max=5.0, starts=2, rtol=1e-7)
    for rows in (50, 200):
        x = -1.0 + (np.arange(rows) + 0.5) * 2.0 / rows
        table = Target("table", 1, None, np.column_stack([x, np.abs(x)]))
        model = ReducedSpaceTraining(neurons=4, t_max=5.0, target="absolute")
        assert table.radius == pytest.approx(1.0 - 1.0 / rows)
        out, starts = np.empty(12), []
        for i in range(2):
            rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(i,)))
            y = model.starts(make("absolute"), rng)["reduced_init"].copy()
            assert kernels.train(y, 4, 1, table.population(), 5000, 0, 1e-3, False, 1.0, False, np.zeros((2, 12)))
            starts.append(kernels.gradient_on_interval(y, 4, 1, -1.0, 1.0, out))
        errors.append(abs(np.log10(starts).mean() - law["log_mse_reduced_init"].last))
    assert errors[1] < 0.02
    assert errors[1] < errors[0]


def test_arms_and_statistics():
    run = dmft.solve(SLUG, neurons=6, t_max=5.0, starts=5)
    for arm in ARMS:
        low, middle, high = (run[f"mse_{arm}{suffix}"].values for suffix in ("_lower", "", "_upper"))
        assert np.all(low <= middle)
        assert np.all(middle <= high)
        assert np.all(run[f"log_mse_{arm}"].stderr > 0.0)
        assert run[f"final_mse_{arm}"].last == middle[-1]
        assert run[f"fit_{arm}"].values.shape == (401,)
    # one start for both arms that begin on the reduced space
    assert run["mse_reduced"].values[0] == pytest.approx(run["mse_reduced_init"].values[0], rel=0.2)
    np.testing.assert_allclose(run["target_function"].values[:2], [0.0, np.sin(np.pi / 100.0)], atol=1e-15)


def test_narrow_starts_are_worse_whatever_the_space():
    """The control: spread thresholds make the difference, not the constraint."""
    wide, narrow = (dmft.solve(SLUG, threshold_spread=spread, starts=10, t_max=100.0) for spread in (1.0, 0.0))
    for arm in ("reduced_init", "reduced"):
        assert wide[f"final_mse_{arm}_upper"].last < narrow[f"final_mse_{arm}_lower"].last
    assert wide["final_mse_reduced_init_upper"].last < wide["final_mse_standard_lower"].last


@pytest.mark.parametrize("target", ["gaussian", "franke"])
def test_two_inputs(target):
    run = dmft.solve(SLUG, target=target, neurons=5, starts=2, t_max=2.0)
    assert run.status.success
    assert run.theory.diagnostics["measure"] == "256 points"
    assert np.all(np.diff(run["mse_standard"].values) < 0.0)
    assert "fit_reduced" not in run


def test_targets():
    corner = evaluate("franke", np.array([[0.0, 0.0]]))[0]
    terms = 0.75 * np.exp(-2.0) + 0.75 * np.exp(-1.0 / 49.0 - 0.1) + 0.5 * np.exp(-58.0 / 4.0) - 0.2 * np.exp(-65.0)
    assert corner == pytest.approx(terms, rel=1e-14)
    for name, (inputs, _) in DOMAINS.items():
        points = make(name).population()
        assert points.shape[1] == inputs + 2
        assert points[:, -1].sum() == pytest.approx(1.0, rel=1e-13)
    assert make("franke").radius == pytest.approx(np.sqrt(2.0))


def test_data_of_ones_own(tmp_path):
    path, rng = tmp_path / "mine.csv", np.random.default_rng(0)
    table = np.column_stack([rng.uniform(-2.0, 2.0, (40, 2)), rng.standard_normal(40)])
    path.write_text("a,b,value\n" + "\n".join(",".join(map(repr, map(float, row))) for row in table) + "\n")
    found = from_table(str(path))
    assert np.array_equal(found.table, table)
    run = dmft.solve(SLUG, data=str(path), neurons=4, starts=2, t_max=2.0)
    assert run.theory.diagnostics["measure"] == "40 points"
    assert run["mse_standard"].values[-1] < np.mean(table[:, -1] ** 2)
    simulation = dmft.simulate(SLUG, data=str(path), neurons=4, size=20, replicas=2, t_max=2.0, epochs=60)
    assert simulation.status.success
    assert len(found.sample(100, rng)) == 40


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3", "line 2 has 1 columns, not 2: give a CSV file with inputs first and the value in the last column"),
        ("1,2\nx,4", "line 2: input 1 = 'x' is no finite number"),
        ("1,2\n3,nan", "line 2: value = 'nan' is no finite number"),
        ("1\n2\n3", "line 1 has 1 columns, not 2"),
        ("a,b\n1,2", "has 1 rows: give a CSV file .* at least 2 rows"),
        ("0,1\n0,2", "a domain of radius 0"),
        ("", "has 0 rows"),
    ],
)
def test_wrong_tables_are_refused_in_one_line(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words) as caught:
        dmft.solve(SLUG, data=str(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(ParameterError, match="cannot be read"):
        dmft.solve(SLUG, data=str(tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("neurons", 0), ("threshold_spread", 1.5), ("t_max", 0.0), ("learning_rate", 0.0), ("epochs", 5),
     ("rtol", 0.0), ("starts", 0), ("adam_rate", float("nan"))],
)  # fmt: skip
def test_wrong_input_is_refused_in_one_line(name, value):
    with pytest.raises(ParameterError, match=rf"^{name} = .*is not allowed"):
        dmft.solve(SLUG, **({name: value}))

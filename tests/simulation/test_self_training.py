"""Twins of self-training: agreement with the theory over sizes, exact minima, the same bits, what they refuse."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import dmft
from dmft.errors import MemoryLimitError, ParameterError
from dmft.simulation.backend import get_backend
from dmft.simulation.method import Simulation
from dmft.simulation.self_training import Replica, estimate
from dmft.theory.self_training import SelfTraining

SLUG, AVERAGING = "self-training", "self-training/averaging"
HURTS = {"alpha_labeled": 1.0, "alpha_unlabeled": 0.7, "lambda_labeled": 0.1, "lambda_unlabeled": 0.1, "delta": 0.5}
REGIMES = {"helps": {}, "hurts": HURTS}
CURVES = {"test_error", "magnetization", "norm", "overlap", "susceptibility"}


def assert_agreement(comparison) -> None:
    """As in test_against_theory: one standard deviation beyond what 1 % false alarms allow."""
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


@pytest.mark.parametrize("labels", ["hard", "soft"])
@pytest.mark.parametrize("loss", ["square", "logistic"])
@pytest.mark.parametrize("regime", REGIMES)
def test_theory_is_the_limit_of_simulations(regime, loss, labels):
    run = dmft.compare(
        SLUG, size=[40, 60, 90], replicas=20, seed=1, rounds=3, loss=loss, labels=labels, **REGIMES[regime]
    )
    assert set(run.comparison.observables) == CURVES
    assert_agreement(run.comparison)


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["hard", "soft"])
@pytest.mark.parametrize("loss", ["square", "logistic"])
@pytest.mark.parametrize("regime", REGIMES)
def test_theory_agrees_with_large_simulations(regime, loss, labels):
    """Deviations at each of three sizes are within the noise or shrink; extrapolated they vanish."""
    size = [200, 400, 800] if loss == "square" else [100, 200, 400]
    run = dmft.compare(SLUG, size=size, replicas=8, seed=2, loss=loss, labels=labels, **REGIMES[regime])
    assert_agreement(run.comparison)
    assert run.simulation["gain"].last * run["gain"].last > 0.0 or abs(run["gain"].last) < 0.05


@pytest.mark.parametrize(("alpha_unlabeled", "lambda_unlabeled", "helps"), [(3.0, 0.1, False), (3.0, 5.0, True)])
def test_sign_of_the_gain_is_that_of_the_simulation(alpha_unlabeled, lambda_unlabeled, helps):
    """Two points of the phase diagram, on either side of its zero line, five standard errors away from it."""
    options = {"alpha_unlabeled": alpha_unlabeled, "lambda_unlabeled": lambda_unlabeled, "seed": 4}
    theory = dmft.solve(SLUG, **{k: v for k, v in options.items() if k != "seed"})["gain"].last
    found = dmft.simulate(SLUG, size=100, replicas=24, **options).simulation["gain"]
    assert (theory > 0.0) == (found.last > 0.0) == helps
    assert abs(found.last) > 5.0 * found.last_stderr


def test_a_theory_a_little_wrong_deviates():
    from dmft.results.comparison import compare_solutions

    simulations = {size: dmft.simulate(SLUG, size=size, replicas=40, seed=1).simulation for size in (50, 100)}
    assert compare_solutions(dmft.solve(SLUG).theory, simulations).verdict == "agrees"
    for wrong in ({"lambda_unlabeled": 33.0}, {"alpha_unlabeled": 3.2}, {"labels": "soft"}, {"delta": 0.88}):
        assert compare_solutions(dmft.solve(SLUG, **wrong).theory, simulations).verdict == "deviates", wrong


@cache
def replica(loss: str, size: int) -> Replica:
    model = SelfTraining(loss=loss, labels="soft")
    made = Replica(model, Simulation(size=size), get_backend("numpy"), np.random.default_rng(3))
    made.weights = np.random.default_rng(4).standard_normal(size)
    return made


@pytest.mark.parametrize("loss", ["square", "logistic"])
@pytest.mark.parametrize("count", [20, 90], ids=["over samples", "over weights"])
@pytest.mark.parametrize("ridge", [1e-3, 10.0])
def test_minima_are_exact(loss, count, ridge):
    """The gradient vanishes, and χ is the trace of the inverse Hessian of the objective."""
    twin = replica(loss, 40)
    x, y = twin._draw(count)
    hat = np.where(np.arange(count) % 2, y, 0.3 * y)
    w, chi = (twin._square if loss == "square" else twin._logistic)(x, hat, ridge)
    u = x @ w
    p = 1.0 / (1.0 + np.exp(-u))
    first, second = (u - hat, np.ones(count)) if loss == "square" else (p - 0.5 * (1.0 + hat), p * (1.0 - p))
    gradient = x.T @ first + ridge * w
    assert np.linalg.norm(gradient) < 1e-8 * ridge * np.linalg.norm(w) + 1e-12 * np.linalg.norm(x.T @ hat)
    hessian = x.T @ (second[:, None] * x) + ridge * np.eye(40)
    assert chi == pytest.approx(np.trace(np.linalg.inv(hessian)) / 40, rel=1e-7)


@pytest.mark.parametrize("slug", [SLUG, AVERAGING])
def test_replicas_do_not_know_each_other(slug, monkeypatch):
    """The same bits for any number of threads, and for any number of other replicas."""
    bits = []
    for threads in (1, 2):
        monkeypatch.setattr("dmft.simulation.backend.threads", lambda count=threads: count)
        run = dmft.simulate(slug, size=60, replicas=3, seed=5)
        bits.append(b"".join(run.simulation[name].values.tobytes() for name in sorted(run.simulation)))
    assert bits[0] == bits[1]
    first = dmft.simulate(slug, size=60, replicas=1, seed=5)["test_error"].values
    second = dmft.simulate(slug, size=60, replicas=2, seed=5)["test_error"].values
    third = dmft.simulate(slug, size=60, replicas=2, seed=6)["test_error"].values
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


@pytest.mark.parametrize("slug", [SLUG, AVERAGING])
@pytest.mark.parametrize(("option", "value"), [("precision", "float32"), ("field_response", True)])
def test_options_without_meaning_are_refused(slug, option, value):
    with pytest.raises(ParameterError, match=f"{option} = {value!r} is not allowed here"):
        dmft.simulate(slug, size=20, replicas=2, **{option: value})


def test_memory_is_checked_before_the_start():
    method = Simulation(size=10**6, replicas=2)
    assert estimate(SelfTraining(), method)["memory"] > 1e13
    with pytest.raises(MemoryLimitError, match="try a smaller --size"):
        dmft.simulate(SLUG, size=10**6, replicas=2)


def test_a_run_that_leaves_the_range_keeps_its_rounds():
    run = dmft.simulate(SLUG, labels="soft", lambda_unlabeled=1e6, size=10, replicas=2, rounds=150)
    assert run.status.code == "not_converged"
    kept = run["test_error"].values
    assert 10 < len(kept) < 150
    assert np.isfinite(kept).all()


AVERAGES = [
    {},
    {"threshold": 0.5},
    {"threshold": 0.7, "sigma": 0.5, "kappa": 2.0},
    {"kappa": 5.0, "sigma": 0.4, "rounds": 6},
]


@pytest.mark.parametrize("options", AVERAGES, ids=str)
def test_map_of_averages_is_the_limit_of_simulations(options):
    run = dmft.compare(AVERAGING, size=[60, 120, 240], replicas=16, seed=1, **options)
    assert {"overlap", "test_error"} <= set(run.comparison.observables)
    assert ("acceptance" in run.comparison.observables) == ("threshold" in options)
    assert_agreement(run.comparison)


def test_rejection_raises_the_simulated_overlap():
    """At the fixed point, by more than five standard errors."""
    options = {"kappa": 2.0, "overlap_init": 0.7, "size": 300, "replicas": 36, "rounds": 8, "seed": 1}
    without, with_it = (
        dmft.simulate(AVERAGING, threshold=gamma, **options).simulation["final_overlap"] for gamma in (0.0, 0.42)
    )
    assert with_it.last - without.last > 5.0 * np.hypot(without.last_stderr, with_it.last_stderr)


@pytest.mark.parametrize("threshold", [6.0, 1e3])
def test_nobody_accepted_is_a_status(threshold):
    run = dmft.simulate(AVERAGING, threshold=threshold, size=50, replicas=3)
    assert run.status.code == "not_converged"
    assert run.status.exit_code == 3
    assert "no sample was accepted in round 1" in run.status.message
    for name, curve in run.simulation.items():
        assert np.isfinite(curve.values).all(), name
    assert run["overlap"].values.tolist() == pytest.approx([0.4])

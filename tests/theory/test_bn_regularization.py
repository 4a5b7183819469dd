"""Online learning of one normalised unit: numbers of the sheet, invariants, stability, the twin, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.bn_regularization import BNRegularization

SLUG = "bn-regularization"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"activation": "identity", "zeta": 0.25}, (0.6590, 0.9886, 1.3922)),
        ({"activation": "relu", "zeta": 0.0}, (0.9904, 0.9973, 1.2711)),
    ],
)
def test_order_parameters_are_those_of_the_sheet(options, expected):
    run = dmft.solve(SLUG, eta=1.0, penalty="literal", t_max=20.0, **options)
    found = [run[f"final_{name}"].last for name in ("gamma", "overlap", "norm")]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=5.1e-5)


@pytest.mark.parametrize(("activation", "share"), [("identity", 0.75), ("relu", 0.375)])
def test_gain_at_the_fixed_point(activation, share):
    """Both activations: γ0 = 1/(1 + 3c/4M)."""
    for penalty, c in (("half", 1.0), ("literal", 2.0)):
        run = dmft.solve(SLUG, activation=activation, batch=16, penalty=penalty, t_max=1000.0, eta=0.5)
        assert run["zeta"].last == pytest.approx(share / 16, rel=1e-14)
        assert run["gamma0"].last == pytest.approx(1.0 / (1.0 + 0.75 * c / 16), rel=1e-14)
        # R approaches 1 as the norm grows, and γ with it
        assert run["final_gamma"].last == pytest.approx(run["gamma0"].last, rel=2e-2)


def test_vanilla_norm_is_the_gain():
    run = dmft.solve(SLUG, optimiser="vanilla", label_noise=0.3)
    np.testing.assert_allclose(run["norm"].values, run["gamma"].values, rtol=1e-12)


def test_vanilla_linear_learning_in_closed_form():
    """Identity without noise: overlap RL and norm of the weights follow linear equations."""
    eta = 0.7
    run = dmft.solve(SLUG, optimiser="vanilla", eta=eta, gamma_init=0.5, t_max=8.0)
    t = run.theory.coordinates["t"].values
    np.testing.assert_allclose(run["overlap"].values * run["norm"].values, 1.0 - np.exp(-eta * t), atol=1e-8)
    # d(1 + Q − 2m)/dt = (η² − 2η)(1 + Q − 2m)
    np.testing.assert_allclose(run["test_error"].values, 0.625 * np.exp(-(2.0 * eta - eta**2) * t), rtol=1e-5)


@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_largest_learning_rate_is_where_the_aligned_student_turns_unstable(activation):
    """Identity, ζ = S = 0: 2L². Just below R grows towards 1, just above it falls."""
    model = BNRegularization(optimiser="wn", activation=activation)
    assert model.eta_max(1.3) == pytest.approx(2.0 * 1.3**2, rel=1e-14)
    changes = []
    for factor in (0.95, 1.05):
        run = dmft.solve(
            SLUG, optimiser="wn", activation=activation, eta=2.0 * factor, gamma_init=1.0, overlap_init=1.0 - 1e-4,
            t_max=0.02,
        )  # fmt: skip
        changes.append(run["overlap"].values[-1] - run["overlap"].values[0])
    assert changes[0] > 0.0 > changes[1]


def test_largest_learning_rate_of_the_simulation():
    """N = 2000, R(0) = 0.98: the first steps of the aligned student, against the linear rate."""
    for eta, sign in ((1.0, 1.0), (4.0, -1.0)):
        run = dmft.simulate(
            SLUG, optimiser="wn", eta=eta, gamma_init=1.0, overlap_init=0.98, t_max=0.2, size=1000, replicas=10
        )
        change = run["overlap"].values[-1] - run["overlap"].values[0]
        assert sign * change > 3.0 * run["overlap"].stderr[-1]


def test_effective_learning_rate():
    run = dmft.solve(SLUG, eta=0.4)
    assert run["eta_eff"].last == pytest.approx(0.4 * run["gamma0"].last / run["final_norm"].last ** 2, rel=1e-12)


@pytest.mark.parametrize(("optimiser", "activation"), [("bn", "relu"), ("wn", "identity"), ("vanilla", "relu")])
def test_twin_agrees(optimiser, activation):
    run = dmft.compare(
        SLUG, optimiser=optimiser, activation=activation, label_noise=0.25, t_max=4.0, size=[100, 200, 400],
        replicas=6, seed=1,
    )  # fmt: skip
    assert {"gamma", "overlap", "test_error"} <= set(run.comparison.observables)
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
@pytest.mark.parametrize(("optimiser", "activation"), [("bn", "relu"), ("wn-decay", "identity")])
def test_twin_agrees_at_large_sizes(optimiser, activation):
    run = dmft.compare(SLUG, optimiser=optimiser, activation=activation, size=[1000, 2000, 4000], t_max=5.0, replicas=4)
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
def test_batch_statistics_act_like_gamma_decay():
    """Real batch normalisation: the gain ends at 1/(1 + ζ) to first order in 1/M, at c_M R exactly."""
    run = dmft.simulate(SLUG, batch=8, t_max=40.0, size=500, replicas=8, eta=0.3)
    gain, error = run["gamma_batch_statistics"].values[-1], run["gamma_batch_statistics"].stderr[-1]
    assert gain == pytest.approx(1.0 / (1.0 + 0.75 / 8.0), abs=3.0 * error + 1.0 / 64.0)
    assert abs(gain - 1.0) > 5.0 * error


def test_divergence_is_told():
    run = dmft.solve(SLUG, optimiser="vanilla", eta=50.0)
    assert run.status.code == "diverged"
    assert "try a smaller --eta" in run.status.message
    assert len(run["gamma"].values) > 0
    run = dmft.simulate(SLUG, optimiser="vanilla", eta=50.0, size=100, replicas=2)
    assert run.status.code == "diverged"


def test_same_seed_same_bits():
    one, other = (dmft.simulate(SLUG, size=50, replicas=2, t_max=1.0, seed=3) for _ in range(2))
    assert np.array_equal(one["gamma"].values, other["gamma"].values)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 1}, "one sample is zero"),
        ({"optimiser": "adam"}, "optimiser"),
        ({"zeta": -0.1}, "zeta = -0.1"),
        ({"overlap_init": 1.5}, "overlap_init"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)

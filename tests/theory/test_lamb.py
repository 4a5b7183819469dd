"""Layerwise adaptation: bounds, exact means, scaling of the rate with the batch, the published recipe, mistakes."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.lamb import Lamb
from dmft.theory.lamb_batch_scaling import LambBatchScaling, critical_batch
from dmft.theory.lamb_schedule import LambSchedule
from dmft.theory.lamb_training import LambTraining


def test_bounds_of_the_reference():
    run = dmft.solve("lamb", steps=1000)
    bound = dict(zip(run.theory.coordinates["horizon"].values, run["lars_bound"].values, strict=True))
    assert bound[100.0] == pytest.approx(35.604, abs=5e-4)
    assert bound[1000.0] == pytest.approx(11.259, abs=5e-4)
    assert float(run.scalars["smoothness_sum"].values) == 119.0
    np.testing.assert_allclose(run["sgd_bound"].values[-1], 2 * 100 * 532.62 / 1000)
    np.testing.assert_allclose(run["sgd_rate"].values / run["layerwise_rate"].values, 100 / 5.95)
    assert np.all(run["sgd_gradient"].values <= run["sgd_bound"].values)


def test_noise_adds_to_the_bounds():
    quiet, noisy = (dmft.solve("lamb", noise=sigma, batch=4) for sigma in (0.0, 0.5))
    np.testing.assert_allclose(noisy["lars_bound"].values - quiet["lars_bound"].values, 2 * 20 * 0.5 / 2)
    np.testing.assert_allclose(noisy["sgd_bound"].values - quiet["sgd_bound"].values, 20 * 0.25 / 4)


@pytest.mark.parametrize(
    "options",
    [{}, {"blocks": 1}, {"blocks": 3, "block_size": 1}, {"smoothness": 100.0}, {"blocks": 1, "block_size": 1},
     {"blocks": 2, "block_size": 1}, {"blocks": 300, "block_size": 1_000_000},
     {"blocks": 3, "block_size": 2, "smoothness_max": 1e100, "smoothness": 1e-100}],
    ids=str,
)  # fmt: skip
def test_start_has_the_given_height(options):
    model = Lamb(**options)
    squares = model.start_squares(400)
    assert float(model.curvatures @ squares) == pytest.approx(2.0 * model.gap, rel=1e-11)
    if options == {"smoothness": 100.0}:  # all blocks alike
        np.testing.assert_allclose(squares, 2.0 * model.gap / 2000.0, rtol=1e-9)


def test_exact_mean_of_sgd_is_that_of_the_recursion():
    model = Lamb(noise=2.0, batch=3, blocks=4, block_size=5)
    m, eta, total = model.start_squares(400), 1.0 / model.smoothness_max, 0.0
    for _ in range(37):
        total += float(np.sum(model.curvatures**2 * m))
        m = (1.0 - eta * model.curvatures) ** 2 * m + eta**2 * model.noise**2 / model.batch
    assert model.mean_square_gradient(37, model.start_squares(400)) == pytest.approx(total / 37, rel=1e-10)


@pytest.mark.parametrize("batch", [1536, 163328, 163840])
def test_the_schedules_of_the_package_are_the_recipe_at_any_batch(batch):
    """Warm-up is 3125 steps whatever the number of steps is rounded to."""
    assert dmft.compare("lamb/schedule", batch=batch).comparison.verdict == "agrees"


def test_published_recipe():
    run = dmft.solve("lamb/schedule")
    # table 4 of arXiv:1904.00962: 5/(2^k·10³) and warm-up 1/320 … 1/5
    np.testing.assert_allclose(run["learning_rate"].values, 5e-3 / 2.0 ** np.arange(3.0, -0.1, -0.5))
    np.testing.assert_allclose(run["warm_up_ratio"].values, [1 / 320, 1 / 160, 1 / 80, 1 / 40, 1 / 20, 1 / 10, 1 / 5])
    np.testing.assert_allclose(run["warm_up_steps"].values, 3125.0)
    np.testing.assert_allclose(run["steps"].values[[0, -1]], [1e6, 15625.0])
    assert float(run.scalars["published_minutes"].values) == 76.19
    assert float(run.scalars["published_steps"].values) == 8599.0
    rate, step = run["rate"].values, run.theory.coordinates["step"].values
    assert rate.max() == pytest.approx(5e-3, rel=0.01)
    assert step[np.argmax(rate)] == pytest.approx(3125, abs=40)
    assert rate[-1] == 0.0


def test_scaling_of_the_best_rate():
    run = dmft.solve("lamb/batch-scaling", noise=90.0, smallest=8, doublings=10, rates=16)
    # the cap bends the curves by about η/(2/H₁) per decade: slopes are taken below a tenth of it
    assert float(run.scalars["sgd_slope"].values) == pytest.approx(1.0, abs=0.03)
    assert float(run.scalars["normalised_slope"].values) == pytest.approx(0.5, abs=0.02)
    assert np.all(run["sgd_rate"].values < 2.0)
    steps = run["sgd_steps"].values
    assert np.all(np.diff(steps) < 0.0)
    assert steps[0] / steps[1] == pytest.approx(2.0, rel=0.02)  # below the critical batch half the steps …
    critical = float(run.scalars["critical_batch"].values)
    assert np.interp(np.log(critical), np.log(run.theory.coordinates["batch_size"].values), np.log(steps)) == (
        pytest.approx(np.log(2.0 * steps[-1]))
    )
    # the target is reached when the theory says so
    goal = LambBatchScaling(noise=90.0).goal
    assert np.all(run["sgd_loss"].values <= goal * (1 + 1e-9))


def test_steps_stop_falling_beyond_the_critical_batch():
    run = dmft.solve("lamb/batch-scaling", smallest=2**13, doublings=3, rates=16)  # 36 critical batches
    np.testing.assert_allclose(run["sgd_steps"].values, run["sgd_steps"].values[-1], rtol=0.05)
    assert np.isnan(critical_batch(np.array([1.0, 2.0]), np.array([3.0, 2.0])))
    assert critical_batch(np.array([1.0, 2.0, 4.0]), np.array([8.0, 4.0, 2.0])) == pytest.approx(2.0)


def test_closed_form_is_the_recursion():
    model = LambBatchScaling(dimension=7)
    H, m = model.curvatures, np.ones(7)
    for _ in range(23):
        m = (1.0 - 0.3 * H) ** 2 * m + 0.09 * model.noise * H / 5.0
    found = model.loss(np.array([0.3]), 5.0, np.array([[23.0]]))[0, 0]
    assert found == pytest.approx(0.5 * H @ m, rel=1e-12)
    steps = model.sgd_steps(np.array([0.3]), 5e3)
    assert model.loss(np.array([0.3]), 5e3, steps[:, None])[0, 0] == pytest.approx(model.goal, rel=1e-9)


def test_target_out_of_reach_is_told():
    run = dmft.solve("lamb/batch-scaling", smallest=1, doublings=2, noise=1e7, rates=8)
    assert run.status.code == "not_converged"
    assert "give a larger --smallest or --target" in run.status.message


def test_rates_by_rule():
    run = dmft.solve("lamb/training", batches="16,64,full")
    np.testing.assert_allclose(run["momentum_rate"].values / 0.02, [1.0, 4.0, 1438 / 16])
    np.testing.assert_allclose(run["lamb_rate"].values / 0.01, [1.0, 2.0, np.sqrt(1438 / 16)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lamb(smoothness=200.0), "smoothness = 200 above smoothness_max = 100"),
        (lambda: Lamb(noise=-1.0), "noise = -1.0 is not allowed"),
        (lambda: LambSchedule(batch=1000), "batch = 1000 is no multiple of 512"),
        (lambda: LambBatchScaling(target=1.5), "target = 1.5 is not allowed"),
        (lambda: LambTraining(optimisers="lamb,lambs"), "unknown one 'lambs': did you mean 'lamb'"),
        (lambda: LambTraining(batches="0,full"), "give numbers of samples from 1, or full"),
        (lambda: LambTraining(batches="many"), "give whole numbers with commas"),
        (lambda: LambTraining(weight_decay=-0.1), "weight_decay = -0.1 is not allowed"),
    ],
)
def test_mistakes_are_told(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
